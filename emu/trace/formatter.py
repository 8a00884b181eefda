"""Records to the lines of a trace file, by msgspec's encoder: several times as quick as Python's own formatting."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from emu.places import Locate, Nowhere, Place
from emu.trace.schema import ERRORS, EXITS
from syscalls.data import Deferred, json_text
from syscalls.table import Syscall

_KEPT = 65536
"""Of how many pcs the places are kept: a guest can make any number."""


class Line(msgspec.Struct, omit_defaults=True, gc=False):
    """The members of one line, in their order (docs/trace-format.md); those with a default are left out where they have it."""

    event: str
    sequence: int
    time: int
    duration: int
    blocked: int
    pid: int
    tid: int
    number: int
    name: str
    registers: tuple[int, ...]
    result: int | None
    pc: int
    args: dict[str, Any]
    fds: dict[str, Any] | None = None
    objects: dict[str, Any] | None = None
    error: str | None = None
    unfinished: bool = False
    function: str = ""
    file: str = ""
    line: int = 0
    woken_by: int | None = None
    stack: list[Any] | None = None


class Formatter:
    """Turns records into lines. Places are looked up once a program and kept.

    A process knows its program's places; `locate` is for those that do not.
    """

    def __init__(self, locate: Locate | None = None) -> None:
        self._default = _Known(locate or Nowhere())
        self._known: dict[int, _Known] = {}  # by the id of what locates, which is kept
        self._encoder = msgspec.json.Encoder(enc_hook=_deferred)

    def lines(self, records: Iterable[Any]) -> bytes:
        """The lines of records (tuples, see `syscalls.table.Record`) and events (dicts), each with its newline."""
        out: list[Any] = []
        append = out.append
        errors = ERRORS
        locate, known = None, self._default
        for record in records:
            if type(record) is dict:
                append(record)
                continue
            sequence, time, duration, blocked, thread, syscall, registers, result, pc, before, after, extra = record  # fmt: skip
            args, fds, objects = syscall.members(registers, before, after)
            process = thread.process
            places = process.places if process.former is None else _places_at(process, time)
            if places is not locate:
                locate = places
                known = self._known_of(locate)
            function, file, line = known.places.get(pc) or known.place(pc)
            append(
                Line(
                    "syscall", sequence, time, duration, blocked, process.pid, thread.tid, syscall.number,
                    syscall.name, registers, result, pc, args, fds, objects, errors.get(result),
                    result is None and _is_unfinished(syscall), function, file, line,
                )
            )  # fmt: skip
            if extra is not None:
                _add(out[-1], pc, extra, known)
        try:
            return self._encoder.encode_lines(out)
        except UnicodeEncodeError:  # a path that is no UTF-8 (PEP 383)
            return "".join(
                [json.dumps(_as_dict(line), default=_by_json, separators=(",", ":")) + "\n" for line in out]
            ).encode()

    def _known_of(self, locate: Locate | None) -> "_Known":
        if locate is None:
            return self._default
        known = self._known.get(id(locate))
        if known is None:
            known = self._known[id(locate)] = _Known(locate)
        return known


def _places_at(process: Any, time: int) -> Locate | None:
    """The places of the program that a process ran when a call began: records are formatted later."""
    places, former = process.places, process.former
    while former is not None and time < former.until:
        places, former = former.places, former.former
    return places  # type: ignore[no-any-return]


class _Known:
    """The places of one program that were looked up."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self.places: dict[int, Place] = {}
        self._chains: dict[int, list[dict[str, Any]]] = {}

    def place(self, pc: int) -> Place:
        """The place of a pc."""
        place = self._locate(pc)
        if len(self.places) < _KEPT:
            self.places[pc] = place
        return place

    def frames(self, address: int, within: int) -> list[dict[str, Any]]:
        """The frames at an address, innermost first: more than one where functions were inlined."""
        frames = self._chains.get(address)
        if frames is None:
            frames = [_frame(address, place) for place in self._locate.chain(within) or [Place()]]
            if len(self._chains) < _KEPT:
                self._chains[address] = frames
        return frames


def _add(line: Line, pc: int, extra: dict[str, Any], known: _Known) -> None:
    """The members that few records have."""
    line.woken_by = extra.get("woken_by")
    if "stack" in extra:
        # A return address belongs to the call before it.
        line.stack = list(known.frames(pc, pc))
        for address in extra["stack"]:
            line.stack += known.frames(address, address - 1)


def _is_unfinished(syscall: Syscall) -> bool:
    """Of a call without a result: an exit never returns; anything else was still going on when the run ended."""
    return syscall.number not in EXITS


def _frame(pc: int, place: Place) -> dict[str, Any]:
    frame: dict[str, Any] = {"pc": pc}
    if place.function:
        frame["function"] = place.function
    if place.file:
        frame |= {"file": place.file, "line": place.line}
    return frame


def _deferred(data: Any) -> msgspec.Raw:
    return msgspec.Raw(json_text(data).encode("ascii"))


def _by_json(data: Any) -> Any:
    if isinstance(data, Deferred):
        return json.loads(data.json())
    raise TypeError(f"no data of a trace: {data!r}")


def _as_dict(line: Any) -> dict[str, Any]:
    if not isinstance(line, Line):
        found: dict[str, Any] = line
        return found
    values = {name: getattr(line, name) for name in line.__struct_fields__}
    defaults = dict(zip(line.__struct_fields__[::-1], line.__struct_defaults__[::-1], strict=False))
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}
