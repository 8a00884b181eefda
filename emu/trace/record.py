"""One line of a trace as a checked record: all of it as a dict, or quickly the few members that somebody asks for."""

import json
from collections.abc import Callable
from operator import itemgetter
from types import NoneType
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_NUMBERS = ("sequence", "time", "duration", "blocked", "pid", "tid", "number", "pc")
_MEMBERS = itemgetter(*_NUMBERS, "name", "registers", "args")
_TYPES = (int,) * len(_NUMBERS) + (str, list, dict)
_REGISTERS = (int,) * 6
_CLOCK = 1 << 63
"""Times, pids and sequence numbers stay below: what reads them may keep them in 64 bits."""

_WORD = 1 << 64
_DESCRIBED: frozenset[type] = frozenset({str, NoneType, dict})
_NUMBERED: frozenset[type] = frozenset({int, NoneType, dict})

_PLACE = {"function": str, "file": str, "line": int}
_OPTIONAL = {"error": str, "unfinished": bool, "woken_by": int, "stack": list, **_PLACE}
_right: set[tuple[type, ...]] = set()
"""Types of the optional members that were found right before: few combinations, so most records need one look."""

_decode = msgspec.json.Decoder().decode


class Brief(msgspec.Struct, gc=False):
    """The members of a record that counting and timing need; see `projected`. Events have the defaults for the rest."""

    event: str
    time: int
    sequence: int = -1
    duration: int = 0
    blocked: int = 0
    pid: int = 0
    tid: int = 0
    number: int = -1
    name: str = ""
    result: int | None = None
    error: str | None = None
    unfinished: bool = False


def parse(line: bytes) -> dict[str, Any]:
    """The record that a line holds. Raises ValueError, whose text says in words why it holds none."""
    try:
        record = _decode(line)
    except (ValueError, RecursionError):
        record = _slowly(line)
    if type(record) is not dict:
        raise ValueError("not a JSON object: the file is damaged")
    why = wrong_with(record)
    if why:
        raise ValueError(why)
    return record


def object_of(line: bytes) -> dict[str, Any]:
    """The JSON object of a line, whatever its members. Raises ValueError as `parse` does."""
    found = _slowly(line)
    if type(found) is not dict:
        raise ValueError("not a JSON object: the file is damaged")
    return found


def _slowly(line: bytes) -> Any:
    """By the standard library, which knows lone surrogates: a path that is no UTF-8 has them (PEP 383)."""
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("not JSON: the file is damaged") from None


def projected(kind: type[T]) -> Callable[[bytes], T]:
    """A decoder of lines into a `msgspec.Struct` that declares the members wanted, events' included (by defaults).

    Several times as quick as `parse`, because what the struct does not name is skipped, and not checked either: such a
    line may be one that `parse` would refuse. Raises ValueError as `parse` does.
    """
    quick = msgspec.json.Decoder(kind).decode

    def decode(line: bytes) -> T:
        try:
            return quick(line)
        except (ValueError, RecursionError):
            pass
        record = parse(line)
        try:
            return msgspec.convert(record, kind)
        except ValueError as error:
            raise ValueError(f"not a record as it should be: {error}") from None

    return decode


def wrong_with(record: dict[str, Any]) -> str:
    """What keeps an object from being a record, in words; empty when nothing does."""
    event = record.get("event")
    if type(event) is not str:
        if "format" in record:
            return "a second header: two traces in one file, whose sequence numbers begin anew here"
        return 'no record: "event" is missing'
    if event != "syscall":
        return _wrong_with_event(record)
    try:
        values = _MEMBERS(record)
        result = record["result"]
    except KeyError as error:
        return f'not a syscall record: "{error.args[0]}" is missing'
    if tuple(map(type, values)) != _TYPES:
        return _wrong_type(record)
    if min(values[:8]) < 0 or max(values[:6]) >= _CLOCK or values[6] >= _WORD or values[7] >= _WORD:
        return "not a syscall record: a number is too large or negative"
    registers = values[9]
    if tuple(map(type, registers)) != _REGISTERS:
        return 'not a syscall record: "registers" must be six whole numbers'
    if result is not None and (type(result) is not int or not -_CLOCK <= result < _WORD):
        return 'not a syscall record: "result" must be a whole number or null'
    fds, objects = record.get("fds"), record.get("objects")
    if fds is not None and not _holds(fds, _DESCRIBED):
        return 'not a syscall record: "fds" must be an object of descriptions'
    if objects is not None and not _holds(objects, _NUMBERED):
        return 'not a syscall record: "objects" must be an object of numbers'
    types = tuple(map(type, map(record.get, _OPTIONAL)))
    if types not in _right:
        for (member, kind), found in zip(_OPTIONAL.items(), types, strict=True):
            if found not in (kind, NoneType):
                return f'not a syscall record: "{member}" is not what it should be'
        _right.add(types)
    if "stack" in record and not all(map(_is_frame, record["stack"] or ())):
        return 'not a syscall record: "stack" must be a list of frames'
    return ""


def _holds(described: Any, kinds: frozenset[type]) -> bool:
    """Whether this is a member like "fds": an object of such values, or of objects of them by descriptor number."""
    if type(described) is not dict:
        return False
    found = set(map(type, described.values()))
    if not found <= kinds:
        return False
    if dict not in found:
        return True
    inner = [value for values in described.values() if type(values) is dict for value in values.values()]
    return set(map(type, inner)) <= kinds - {dict}


def _is_frame(frame: Any) -> bool:
    return (
        type(frame) is dict
        and type(frame.get("pc")) is int
        and all(type(frame.get(member)) in (kind, NoneType) for member, kind in _PLACE.items())
    )


def _wrong_with_event(record: dict[str, Any]) -> str:
    time = record.get("time")
    if type(time) is not int or not 0 <= time < _CLOCK:
        return 'no record: "time" must be a whole number'
    for member in ("pid", "tid"):
        value = record.get(member, 0)
        if type(value) is not int or not 0 <= value < _CLOCK:
            return f'no record: "{member}" must be a whole number'
    return ""


def _wrong_type(record: dict[str, Any]) -> str:
    for member in _NUMBERS:
        if type(record[member]) is not int:
            return f'not a syscall record: "{member}" must be a whole number'
    if type(record["name"]) is not str:
        return 'not a syscall record: "name" must be text'
    if type(record["registers"]) is not list:
        return 'not a syscall record: "registers" must be six whole numbers'
    return 'not a syscall record: "args" must be an object'
