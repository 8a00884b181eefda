"""System calls of a trace as tests look at them: arguments by name, with bytes as bytes."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from emu.trace.read import BYTE_MEMBERS, line
from emu.trace.schema import EXITS
from emu.trace.text import Palette
from syscalls.args import Arg
from syscalls.table import Syscall, lookup

PLAIN = Palette()


class Cut(bytes):
    """The part of a buffer that the record has kept; `size` is that of the whole."""

    size: int


class Arguments(Mapping[str, Any]):
    """The arguments of a call, decoded as in docs/trace-format.md; buffers, paths and the like are `bytes`."""

    def __init__(self, entry: Syscall, args: dict[str, Any]) -> None:
        self._entry = entry
        self._args = args

    def __getitem__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name not in self._args:
            raise KeyError(f"{self._entry.name} has no argument {name!r}: it has {', '.join(self._args)}")
        return _revived(self._entry.args.get(name), self._args[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._args)

    def __len__(self) -> int:
        return len(self._args)

    def __repr__(self) -> str:
        return repr(dict(self))


class TracedCall:
    """One system call that has happened. Times are seconds since the start of the run; `record` is the whole record.

    `result` is what the guest got (None: nothing, as the call never returned), `error` the errno's name or None.
    """

    def __init__(self, record: dict[str, Any], position: int = 0) -> None:
        self.record = record
        self.position = position  # among the records: in the order in which calls returned
        self.name: str = record["name"]
        self.sequence: int = record["sequence"]
        self.pid: int = record["pid"]
        self.tid: int = record["tid"]
        self.result: int | None = record["result"]
        self.error: str | None = record.get("error")
        self.unfinished = bool(record.get("unfinished"))

    @cached_property
    def entry(self) -> Syscall:
        """The call's declaration."""
        return lookup(self.record["number"])

    @cached_property
    def args(self) -> Arguments:
        """The arguments by the names of the man page."""
        return Arguments(self.entry, self.record["args"])

    @property
    def succeeded(self) -> bool:
        """Whether it did what it was to do: it returned no error, or is an exit."""
        if self.result is None:
            return self.record["number"] in EXITS
        return self.error is None

    @property
    def fd(self) -> int | None:
        """The descriptor that it was called with, or made; None for a call without."""
        for name in self.record.get("fds") or ():
            value = self.result if name == "result" else self.record["args"].get(name)
            if isinstance(value, int):
                return value
        return None

    @property
    def time(self) -> float:
        """When it began."""
        return float(self.record["time"]) / 1e9

    @property
    def end(self) -> float:
        """When it returned."""
        return float(self.record["time"] + self.record["duration"]) / 1e9

    @property
    def blocked(self) -> float:
        """How long its thread was parked in it."""
        return float(self.record["blocked"]) / 1e9

    @property
    def place(self) -> str:
        """Where in the guest's source it was made: `server.py:42`, "" where that is not known."""
        file = self.record.get("file")
        return f"{file}:{self.record.get('line')}" if file else ""

    def __repr__(self) -> str:
        return f"<{line(self.record, PLAIN)}>"


def calls_of(records: list[dict[str, Any]]) -> list[TracedCall]:
    """The system calls among records, in the order in which they began."""
    calls = [TracedCall(record, at) for at, record in enumerate(records) if record["event"] == "syscall"]
    calls.sort(key=lambda call: call.sequence)
    return calls


def _revived(arg: Arg | None, data: Any) -> Any:
    """What JSON made of an argument, back as data."""
    if arg is not None and arg.holds_bytes and isinstance(data, str):
        return data.encode("latin-1", "replace")
    if isinstance(data, list):
        strings = arg is not None and arg.holds_strings
        return [
            item.encode("latin-1", "replace") if strings and isinstance(item, str) else _revived(None, item)
            for item in data
        ]
    if isinstance(data, dict):
        if data.keys() == {"bytes", "size"}:
            cut = Cut(str(data["bytes"]).encode("latin-1", "replace"))
            cut.size = int(data["size"])
            return cut
        return {
            key: value.encode("latin-1", "replace")
            if key in BYTE_MEMBERS and isinstance(value, str)
            else _revived(None, value)
            for key, value in data.items()
        }
    return data
