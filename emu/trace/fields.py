"""The members of a system call that filters ask for, each twice: of a record on the hot path, and of a saved one.

A member's two forms are Python source over `record`: the tuple of `syscalls.table.Record`, or the object of
docs/trace-format.md. They give the same value, which is what makes a filter choose the same calls live and afterwards.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import syscalls.calls  # noqa: F401  fills the table
from emu.places import Locate, Nowhere
from emu.trace.schema import ERRORS
from syscalls.args import CString, DirFdNumber, FdNumber
from syscalls.data import Cut, Deferred, Holding
from syscalls.describe import Shown
from syscalls.table import TABLE, Syscall, lookup

Live = tuple[Any, ...]
Saved = dict[str, Any]
T = TypeVar("T")


class Field(NamedTuple):
    """A member: its source over a live record, over a saved one, and what it is."""

    live: str
    saved: str
    meaning: str


FIELDS = {
    "name": Field("record[5].name", "record['name']", "of the call"),
    "number": Field("record[5].number", "record['number']", "of the call"),
    "ret": Field(
        "record[7]",
        "record['result']",
        "what the call returned: minus an errno number for an error; None: it has not returned",
    ),
    "result": Field("record[7]", "record['result']", "the same as ret"),
    "error": Field(
        "errors(record[7])", "errors(record['result'])", "the name of the error (EAGAIN), or None"
    ),
    "tid": Field("record[4].tid", "record['tid']", "the thread"),
    "pid": Field("record[4].process.pid", "record['pid']", "the process"),
    "time": Field(
        "(record[1] / 1e9)", "(record['time'] / 1e9)", "when it began, in seconds since the start of the run"
    ),
    "duration": Field("(record[2] / 1e9)", "(record['duration'] / 1e9)", "until it returned, in seconds"),
    "blocked": Field(
        "(record[3] / 1e9)", "(record['blocked'] / 1e9)", "how much of that it waited, in seconds"
    ),
    "sequence": Field("record[0]", "record['sequence']", "counts the calls as they begin"),
    "woken_by": Field(
        "woken(record[11])",
        "record.get('woken_by')",
        "the sequence number of the call that ended its wait, or None",
    ),
    "pc": Field("record[8]", "record['pc']", "where the SYSCALL instruction is"),
    "function": Field("place(record[8]).function", "record.get('function', '')", "in which function that is"),
    "file": Field("place(record[8]).file", "record.get('file', '')", "in which source file"),
    "line": Field("place(record[8]).line", "record.get('line', 0)", "in which line"),
    "fd": Field("first(fds(record))", "first(fds(record))", "the first descriptor that it is about, or None"),
}
"""What `--where` may name. Times are seconds."""

HIDDEN = {
    "began": Field("record[1]", "record['time']", "nanoseconds"),
    "lasted": Field("record[2]", "record['duration']", "nanoseconds"),
    "waited": Field("record[3]", "record['blocked']", "nanoseconds"),
    "descriptors": Field("fds(record)", "fds(record)", "all descriptors that it is about"),
    "paths": Field("paths(record)", "paths(record)", "all paths that it names, or has a descriptor on"),
    "program": Field(
        "program(record[4].process.pid, record[1])",
        "program(record['pid'], record['time'])",
        "what its process ran",
    ),
    "numbers": Field("objects(record)", "objects(record)", "all open file descriptions that it is about"),
}
"""What only other filters ask for."""

SPACES = {
    "args": "the arguments, decoded: numbers, texts of flags, contents of strings and buffers (as far as they are kept)",
    "fds": "by argument (or `result`) what a descriptor was: '/tmp/log', 'eventfd'; where there are several, by number",
    "objects": "by argument (or `result`) the number of the open file description",
}
"""What is named with a point: `args.NAME`."""

ARGUMENTS = frozenset(
    {name for entry in TABLE.values() for name in entry.args} | {f"arg{index}" for index in range(6)}
)
"""The names of all arguments of all calls."""


def simple(data: Any) -> Any:
    """Data, live or from JSON, as the same plain values: bytes become text with one character (U+0000 to U+00FF) a byte."""
    kind = type(data)
    if kind is bytes:
        return data.decode("latin-1")
    if kind is Cut:
        return data.head.decode("latin-1")
    if kind is dict:
        if data.keys() == {"bytes", "size"}:
            return data["bytes"]
        return {key: simple(value) for key, value in data.items()}
    if kind is list or kind is tuple:
        return [simple(item) for item in data]
    return simple(data.data()) if isinstance(data, Deferred) else data


class _ByEntry(dict[Syscall, T]):
    """Something of each call, made when it is first met."""

    def __init__(self, make: Callable[[Syscall], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, entry: Syscall) -> T:
        found = self._make(entry)
        if len(self) < 1024:  # a guest chooses the numbers
            self[entry] = found
        return found


class _Parts:
    """Where the parts of one call's live records are: functions of a record."""

    def __init__(self, entry: Syscall) -> None:
        self.data: dict[str, Callable[[Live], Any]] = {}
        self.shown: dict[str, Callable[[Live], Any]] = {}
        self.descriptors: list[Callable[[Live], Any]] = []
        self.paths: list[Callable[[Live], Any]] = []
        counts = {"in": 0, "out": 0}
        args = entry.args.values()
        given_at = sum(arg.phase == "in" or isinstance(arg, FdNumber) for arg in args)
        for index, (name, arg) in enumerate(entry.args.items()):
            if arg.phase == "value":
                self.data[name] = _of_register(arg, index)
                continue
            self.data[name] = _of_capture(arg.phase, counts[arg.phase], index)
            if arg.is_given:
                self.data[name] = _of_both(arg, given_at, counts["out"])
                given_at += 1
            counts[arg.phase] += 1
            if arg.holds_fds:
                self.shown[name] = self.data[name]
            if isinstance(arg, CString):
                self.paths.append(self.data[name])
        at = counts["in"]
        for name, arg in entry.args.items():
            if isinstance(arg, FdNumber):
                self.shown[name] = _of_before(at)
                self.descriptors.append(self.data[name])
                at += 1
        if entry.outcome.is_fd:
            self.shown["result"] = _of_result
        self.fds: Callable[[Live], Sequence[int]] = self._all_fds
        if not self.shown:
            self.fds = lambda record: ()
        elif (
            len(self.shown) == 1
            and self.descriptors
            and not isinstance(entry.args[next(iter(self.shown))], DirFdNumber)
        ):
            only = self.descriptors[0]
            self.fds = lambda record: (only(record),)

    def _all_fds(self, record: Live) -> Sequence[int]:
        found = [get(record) for get in self.descriptors]
        for get in self.shown.values():
            held = get(record)
            if isinstance(held, Holding):
                found += held.fds()
        if self.shown.get("result") is _of_result and _of_result(record) is not None:
            found.append(record[7])
        return [fd for fd in found if type(fd) is int]  # no AT_FDCWD


def _of_register(arg: Any, index: int) -> Callable[[Live], Any]:
    function: Callable[[Live], Any] = eval(
        "lambda record: data(" + arg.conversion.format(f"record[6][{index}]") + ")", {"data": arg.data}
    )
    return function


def _of_capture(phase: str, position: int, index: int) -> Callable[[Live], Any]:
    if phase == "in":
        return lambda record: record[9][position]
    return lambda record: record[10][position] if record[10] else record[6][index] or None


def _of_both(arg: Any, given: int, filled: int) -> Callable[[Live], Any]:
    return lambda record: arg.merged(record[9][given], record[10][filled] if record[10] else None)


def _of_before(position: int) -> Callable[[Live], Any]:
    return lambda record: record[9][position]


def _of_result(record: Live) -> Any:
    """What a new descriptor is; None where the call made none."""
    shown = record[10][-1] if record[10] else None
    return shown if shown is not None and shown.text else None


_parts: _ByEntry[_Parts] = _ByEntry(_Parts)


def _texts(shown: Any) -> Any:
    """As the record's "fds" has it: a text, texts by number, or None."""
    if type(shown) is Shown:
        return shown.text
    return shown.described()[0] if isinstance(shown, Holding) else None


def _numbers(shown: Any) -> Any:
    """As the record's "objects" has it."""
    if type(shown) is Shown:
        return shown.number
    return shown.described()[1] if isinstance(shown, Holding) else None


# Over live records


def live_fds(record: Live) -> Sequence[int]:
    """The descriptors that a call is about, in the order of its arguments."""
    return _parts[record[5]].fds(record)


def live_paths(record: Live) -> list[str]:
    """The paths that a call names, and those of the descriptors that it is about."""
    parts = _parts[record[5]]
    found = [_path(get(record)) for get in parts.paths]
    for get in parts.shown.values():
        shown = get(record)
        if type(shown) is Shown:
            found.append(shown.text)
        elif shown is not None:
            found += (_texts(shown) or {}).values()
    return [path for path in found if path]


def live_objects(record: Live) -> list[int]:
    """The open file descriptions that a call is about."""
    found: list[Any] = []
    for get in _parts[record[5]].shown.values():
        numbers = _numbers(get(record))
        found += numbers.values() if type(numbers) is dict else [numbers]
    return found


def live_descriptor(record: Live) -> tuple[Any, str] | None:
    """The descriptor that a call works on: what identifies its open file description, and `3<eventfd>`; None without one.

    That is its first argument that is open, or what it has made; of calls that work on several at once, `SEVERAL`.
    """
    parts = _parts[record[5]]
    missing = None
    for name, get in parts.shown.items():
        shown = get(record)
        if isinstance(shown, Holding):
            return SEVERAL
        if type(shown) is Shown:
            fd = record[7] if name == "result" else parts.data[name](record)
            if shown.text is not None:
                return _open(fd, shown.text, shown.number)
            missing = missing or _closed(fd)
    return missing


def _live_argument(name: str) -> Callable[[Live], Any]:
    def argument(record: Live) -> Any:
        get = _parts[record[5]].data.get(name)
        return None if get is None else simple(get(record))

    return argument


def _live_shown(name: str, form: Callable[[Any], Any]) -> Callable[[Live], Any]:
    def shown(record: Live) -> Any:
        get = _parts[record[5]].shown.get(name)
        return None if get is None else form(get(record))

    return shown


def _woken(extra: dict[str, Any] | None) -> Any:
    return None if extra is None else extra.get("woken_by")


# Over saved records


def saved_fds(record: Saved) -> list[int]:
    """As `live_fds`."""
    found: list[Any] = []
    sets: list[Any] = []
    described = record.get("fds") or {}
    for name, text in described.items():
        if type(text) is dict:
            sets += [int(fd) for fd in text if fd.isascii() and fd.removeprefix("-").isdecimal()]
        elif name != "result":
            found.append(record["args"].get(name))
    found += sets
    if "result" in described:
        found.append(record.get("result"))
    return [fd for fd in found if type(fd) is int]


def saved_paths(record: Saved) -> list[str]:
    """As `live_paths`."""
    args = lookup(record["number"]).args
    found = [_path(data) for name, data in record["args"].items() if isinstance(args.get(name), CString)]
    for text in (record.get("fds") or {}).values():
        found += text.values() if type(text) is dict else [text]
    return [path for path in found if type(path) is str and path]


def saved_objects(record: Saved) -> list[int]:
    """As `live_objects`."""
    found: list[Any] = []
    for number in (record.get("objects") or {}).values():
        found += number.values() if type(number) is dict else [number]
    return found


def saved_descriptor(record: Saved) -> tuple[Any, str] | None:
    """As `live_descriptor`."""
    missing = None
    for name, text in (record.get("fds") or {}).items():
        if type(text) is dict:
            return SEVERAL
        fd = record.get("result") if name == "result" else record["args"].get(name)
        if text is not None:
            return _open(fd, text, (record.get("objects") or {}).get(name))
        arg = lookup(record["number"]).args.get(name)
        if arg is None or not arg.holds_fds:
            missing = missing or _closed(fd)
    return missing


SEVERAL = ("several", "several")
"""The descriptor of calls that work on several at once (poll, select, pipe)."""


def _open(fd: Any, text: str, number: Any) -> tuple[Any, str]:
    return (number if type(number) is int else (str(fd), text)), f"{fd}<{text}>"


def _closed(fd: Any) -> tuple[Any, str] | None:
    """A number that is not open; none at all for mmap's -1 and AT_FDCWD."""
    return (("closed", fd), f"{fd} (not open)") if type(fd) is int and fd >= 0 else None


def _path(data: Any) -> str | None:
    """A path as people write it: the bytes as UTF-8."""
    data = simple(data)
    return data.encode("latin-1", "replace").decode("utf-8", "surrogateescape") if type(data) is str else None


def _first(values: Sequence[int]) -> int | None:
    return values[0] if values else None


def live_source(name: str, scope: dict[str, Any], locate: Locate | None) -> str:
    """The source of a member over a live record; puts what it needs into `scope`."""
    scope |= {"errors": ERRORS.get, "fds": live_fds, "paths": live_paths, "objects": live_objects}
    scope |= {"woken": _woken, "first": _first, "place": locate or Nowhere()}
    if name in FIELDS or name in HIDDEN:
        return (FIELDS.get(name) or HIDDEN[name]).live
    space, _, argument = name.partition("_")
    if space == "args":
        scope[name] = _live_argument(argument)
    else:
        scope[name] = _live_shown(argument, _texts if space == "fds" else _numbers)
    return f"{name}(record)"


def saved_source(name: str, scope: dict[str, Any]) -> str:
    """The source of a member over a saved record; puts what it needs into `scope`."""
    scope |= {"errors": ERRORS.get, "fds": saved_fds, "paths": saved_paths, "objects": saved_objects}
    scope |= {"first": _first, "simple": simple, "nothing": {}}
    if name in FIELDS or name in HIDDEN:
        return (FIELDS.get(name) or HIDDEN[name]).saved
    space, _, argument = name.partition("_")
    if space == "args":
        return f"simple(record['args'].get({argument!r}))"
    return f"(record.get({space!r}) or nothing).get({argument!r})"
