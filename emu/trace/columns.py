"""Lines of a trace to columns of numbers, a million a second: what an index keeps of each record."""

from array import array
from typing import Annotated, Any, ClassVar, Final, NamedTuple

import msgspec

from emu.trace.record import parse
from emu.trace.schema import ERRORS, EXITS

CALL: Final = 0
"""The kind of a call that returned what it was to do, or never returns (exit)."""
FAILED: Final = 1
"""The kind of a call that returned an error."""
UNFINISHED: Final = 2
"""The kind of a call that was still going on when the run ended."""
EVENT: Final = 3
"""The kind of what is no system call."""
DAMAGED: Final = "damaged"
"""The "event" of what stands for a record that cannot be read any more."""

NO_RESULT: Final = -(1 << 63)
"""In a column of results: none."""

_LARGEST = (1 << 63) - 1

_Number = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
_Word = Annotated[int, msgspec.Meta(ge=0)]


class _Object(msgspec.Struct, gc=False):
    """Any JSON object, skipped."""


class _Call(msgspec.Struct, gc=False, tag_field="event", tag="syscall"):
    """What `emu.trace.record.wrong_with` demands of a call; so much is checked."""

    sequence: _Number
    time: _Number
    duration: _Number
    blocked: _Number
    pid: _Number
    tid: _Number
    number: _Word
    name: str
    registers: tuple[int, int, int, int, int, int]
    pc: _Word
    args: _Object
    result: Annotated[int, msgspec.Meta(ge=-_LARGEST)] | None
    fds: _Object | None = None
    objects: _Object | None = None


class _Other(msgspec.Struct, gc=False):
    """An event that is no system call; what it lacks has the values of one that took no time."""

    sequence: ClassVar = -1
    duration: ClassVar = 0
    blocked: ClassVar = 0
    result: ClassVar = None

    time: _Number
    pid: _Number = 0
    tid: _Number = 0

    @property
    def name(self) -> str:
        return str(self.__struct_config__.tag)


class _ThreadStart(_Other, gc=False, tag_field="event", tag="thread_start"):
    pass


class _ProcessStart(_Other, gc=False, tag_field="event", tag="process_start"):
    pass


class _Exec(_Other, gc=False, tag_field="event", tag="exec"):
    pass


class _Stopped(_Other, gc=False, tag_field="event", tag="stopped"):
    pass


class _Continued(_Other, gc=False, tag_field="event", tag="continued"):
    pass


class _ThreadEnd(_Other, gc=False, tag_field="event", tag="thread_end"):
    pass


class _Signal(_Other, gc=False, tag_field="event", tag="signal"):
    pass


class _Fault(_Other, gc=False, tag_field="event", tag="fault"):
    pass


class _Hook(_Other, gc=False, tag_field="event", tag="hook"):
    pass


class _ProcessEnd(_Other, gc=False, tag_field="event", tag="process_end"):
    pass


class _Lost(_Other, gc=False, tag_field="event", tag="lost"):
    pass


_Record = (
    _Call | _ThreadStart | _ThreadEnd | _Signal | _Fault | _Hook | _ProcessEnd | _Lost
    | _ProcessStart | _Exec | _Stopped | _Continued
)  # fmt: skip

_decode = msgspec.json.Decoder(_Record).decode
_decode_lines = msgspec.json.Decoder(_Record).decode_lines


class Rows(NamedTuple):
    """Some records in columns, as `emu.trace.index.Index` has them; `names` are the names themselves."""

    times: "array[int]"
    ends: "array[int]"
    blocked: "array[int]"
    results: "array[int]"
    sequences: "array[int]"
    pids: list[int]
    tids: list[int]
    names: list[str]
    kinds: bytes


def rows(data: bytes, count: int) -> Rows | None:
    """The records of `count` whole lines; None when not every line is a record, or one is not spelled as usual."""
    try:
        found = _decode_lines(data)
    except (ValueError, RecursionError):
        return None
    return _columns(found) if len(found) == count else None


def row(line: bytes) -> Rows:
    """The record of one line, however it is spelled. Raises ValueError as `emu.trace.record.parse` does."""
    try:
        found = _decode(line)
    except (ValueError, RecursionError):
        return _parsed(parse(line))
    return _columns([found])


def _columns(found: list[Any]) -> Rows:
    return Rows(
        array("q", [one.time for one in found]),
        _clipped([one.time + one.duration for one in found]),
        array("q", [one.blocked for one in found]),
        _clipped([NO_RESULT if (result := one.result) is None else result for one in found]),
        array("q", [one.sequence for one in found]),
        [one.pid for one in found],
        [one.tid for one in found],
        [one.name for one in found],
        bytes([CALL if (one.result or 0) > 0 else _kind(one) for one in found]),
    )


def _kind(one: Any) -> int:
    return EVENT if one.sequence < 0 else kind_of(one.result, one.number)


def kind_of(result: int | None, number: int) -> int:
    """The kind of a call with this result and number."""
    if result is None:
        return CALL if number in EXITS else UNFINISHED
    return FAILED if result in ERRORS else CALL


def _parsed(record: dict[str, Any]) -> Rows:
    """The same of a record that was parsed whole."""
    time = record["time"]
    if record["event"] != "syscall":
        tid = record.get("tid", 0)
        times = array("q", (time,))
        return Rows(
            times, times, array("q", (0,)), array("q", (NO_RESULT,)), array("q", (-1,)), [record.get("pid", 0)], [tid],
            [record["event"]], bytes((EVENT,)),
        )  # fmt: skip
    result = record.get("result")
    return Rows(
        array("q", (time,)),
        _clipped([time + record["duration"]]),
        array("q", (record["blocked"],)),
        _clipped([NO_RESULT if result is None else result]),
        array("q", (record["sequence"],)),
        [record["pid"]],
        [record["tid"]],
        [record["name"]],
        bytes((kind_of(result, record["number"]),)),
    )


def _clipped(values: list[int]) -> "array[int]":
    try:
        return array("q", values)
    except OverflowError:  # no run gives such; a damaged file may
        return array("q", [min(value, _LARGEST) for value in values])
