"""Renames what differs from run to run in a record, as the declared types of its call say; what the program chose stays.

`canonical` gives a record's call with a `Symbol` in the place of each such value. A `Masker` writes the symbols as names
in their order of appearance (`fd1`, `pid2`, `addr`), for golden files; `emu.trace.diff` pairs the symbols of two traces.

| kind | values | equal values |
|---|---|---|
| fd | descriptors, by their open file description | one name |
| pid | processes and threads | one name |
| port | ports of sockets, also in descriptions and payloads (`:8080`) | one name |
| region | addresses in what mmap and brk gave, with the offset in it | one name |
| inode, data, autobind | inode numbers; what epoll hands back; names of Unix sockets that the kernel chose | one name |
| addr, time, random, cpu, machine, closed | other addresses; clocks; random bytes; processors; facts of the host; numbers that are not open | nothing is said |

Stays: relative time-outs in whole milliseconds given as timespec, time-outs of 0 and for ever, payloads.
"""

import re
from collections.abc import Hashable, Iterator
from typing import Any

from emu.trace.canonical import Canonical, Data, canonical, canonical_event
from emu.trace.regions import Maps
from emu.trace.symbol import Symbol, Text

__all__ = ["Canonical", "Masker", "Names", "Symbol", "Text", "canonical", "canonical_event"]

_NAMED = frozenset({"fd", "pid", "port", "region", "inode", "data", "autobind"})
_PORT_IN_PAYLOAD = re.compile(r"(?<=[\w.\]]:)\d{2,5}(?!\d)")


class Names:
    """Names for the symbols of one trace, in the order in which they appear: the same value has the same name."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, Hashable], str] = {}
        self._counts: dict[str, int] = {}

    def name(self, symbol: Symbol) -> str:
        """`fd1`, `region2+0x40`, `time`."""
        if symbol.kind not in _NAMED:
            return symbol.kind
        if symbol.kind == "region":
            return self._region(symbol.value)
        return self._of(symbol.kind, symbol.value)

    def _region(self, place: Any) -> str:
        number, offset = place
        name = self._of("region", number) if number else "heap"
        return f"{name}+{offset:#x}" if offset else name

    def _of(self, kind: str, value: Hashable) -> str:
        name = self._names.get((kind, value))
        if name is None:
            count = self._counts[kind] = self._counts.get(kind, 0) + 1
            name = self._names[kind, value] = f"{kind}{count}"
        return name

    def rename(self, data: Data) -> Data:
        """Data with names for symbols: plain JSON again."""
        if isinstance(data, Symbol):
            return self.name(data)
        if isinstance(data, Text):
            return "".join(part if isinstance(part, str) else self.name(part) for part in data.parts)
        if isinstance(data, dict):
            return {key: self.rename(value) for key, value in data.items()}
        if isinstance(data, list):
            return [self.rename(item) for item in data]
        if isinstance(data, str):
            return self._payload(data)
        return data

    def _payload(self, text: str) -> str:
        """Ports that are known as such are renamed in payloads, too: `Host: 127.0.0.1:port1`."""
        if ":" not in text or ("port" not in self._counts):
            return text
        return _PORT_IN_PAYLOAD.sub(lambda match: self._names.get(("port", int(match[0])), match[0]), text)


class Masker:
    """The calls of one trace with names for what differs from run to run; feed it the records in file order.

    A name follows from the order of the records: where that differs from run to run (several threads), feed the
    records in an order that does not.
    """

    def __init__(self, cwd: str = "") -> None:
        self._maps = Maps()
        self._names = Names()
        self._cwd = cwd

    def mask(self, record: dict[str, Any]) -> dict[str, Data]:
        """A record as plain JSON: a call has name, args, fds, result and error, an event what it had but times and places."""
        if record["event"] != "syscall":
            self._maps.event(record)
            masked: dict[str, Data] = self._names.rename(canonical_event(record))
            return masked
        regions = self._maps.of(record["pid"])
        regions.before(record)
        call = canonical(record, regions.locate, self._cwd)
        regions.after(record)
        shown: dict[str, Data] = {
            "event": "syscall",
            "tid": self._names.name(Symbol("pid", record["tid"], record["tid"])),
            "name": call.name,
            "args": self._names.rename(call.args),
        }
        if call.fds:
            shown["fds"] = self._names.rename(call.fds)
        shown["result"] = self._names.rename(call.result)
        if call.error:
            shown["error"] = call.error
            shown["result"] = None
        if not call.finished:
            shown["unfinished"] = True
        return shown


def masked(records: Iterator[dict[str, Any]], cwd: str = "") -> Iterator[dict[str, Data]]:
    """`Masker.mask` of each."""
    masker = Masker(cwd)
    for record in records:
        yield masker.mask(record)
