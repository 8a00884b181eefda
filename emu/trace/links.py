"""Which call passes something on to which: one pass over the records of a trace, a method for each family of calls."""

from array import array
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from emu.trace.channels import Call, Channel
from emu.trace.kinship import CLONES, Kinship
from emu.trace.plumbing import Plumbing
from emu.trace.schema import EXITS

KINDS: Final = (
    "clone", "futex", "exit", "pipe", "eventfd", "socket", "close", "connect", "poll", "wait", "vfork", "signal", "handler",
)  # fmt: skip
"""What an edge can be."""

_KIND = {kind: number for number, kind in enumerate(KINDS)}
_NEVER = 1 << 63
_ALWAYS = -1  # the end of a target whose edge holds whatever else is missing


class Edge(NamedTuple):
    """One call passed something on to another, both by their sequence numbers; `kind` is one of `KINDS`."""

    source: int
    target: int
    kind: str


class Edges(NamedTuple):
    """Edges in columns; `kinds` are indexes into `KINDS`."""

    sources: "array[int]"
    targets: "array[int]"
    kinds: "array[int]"


class Links:
    """Takes the records of a trace in file order; `edges` then gives what follows from them."""

    def __init__(self) -> None:
        self._sources = array("q")
        self._targets = array("q")
        self._target_ends = array("q")
        self._kinds = array("B")
        self._channels: list[Channel | None] = []
        self._plumbing = Plumbing(self._link)
        self._kinship = Kinship(self._always)
        self._exits: set[int] = set()
        self.returned: dict[int, int] = {}
        """By vfork that waited: the call of the child that let it return. It is no edge: the child comes after the vfork."""

    @property
    def inside(self) -> set[int]:
        """The objects whose other end is the guest's, too."""
        return self._plumbing.inside

    def call(self, record: dict[str, Any], hooked: str = "") -> None:
        """Takes a system call, whatever its arguments look like. `hooked` is what a hook did to it, as its event says."""
        sequence = record["sequence"]
        if hooked == "answered":
            record = record | {"name": "", "args": {}, "objects": {}}  # the kernel has not seen it
        self._kinship.call(record)
        if hooked == "answered":
            return
        woken_by = record.get("woken_by")
        if type(woken_by) is int and 0 <= woken_by < _NEVER and record["name"] in CLONES:
            self.returned[sequence] = woken_by  # vfork: the child comes after it, and lets it return
        elif type(woken_by) is int and 0 <= woken_by < _NEVER:
            self._add(woken_by, sequence, _ALWAYS, "exit" if woken_by in self._exits else "futex", None)
        name = record["name"]
        if record["number"] in EXITS:
            self._exits.add(sequence)
        if hooked and name not in CLONES:
            self._plumbing.distrust(record)
        else:
            self._plumbing.call(record)

    def event(self, event: dict[str, Any]) -> None:
        """Takes an event that is no call."""
        self._plumbing.event(event)
        self._kinship.event(event)

    def edges(self, clean_until: Callable[[int], int]) -> Edges:
        """What was found. `clean_until(sequence)` is until when the trace has every call from that number on (see `Order`)."""
        kept = [
            at
            for at, (channel, end) in enumerate(zip(self._channels, self._target_ends, strict=True))
            if channel is None or (end < channel.void_from and end <= clean_until(channel.since))
        ]
        return Edges(
            array("q", map(self._sources.__getitem__, kept)),
            array("q", map(self._targets.__getitem__, kept)),
            array("B", map(self._kinds.__getitem__, kept)),
        )

    def _always(self, source: int, target: int, kind: str) -> None:
        self._add(source, target, _ALWAYS, kind, None)

    def _link(self, source: Call, target: Call, kind: str, channel: Channel) -> None:
        if source.time > target.end:
            channel.void()  # what is caused does not come before its cause
        elif source.tid != target.tid:
            self._add(source.sequence, target.sequence, target.end, kind, channel)

    def _add(self, source: int, target: int, end: int, kind: str, channel: Channel | None) -> None:
        self._sources.append(source)
        self._targets.append(target)
        self._target_ends.append(end)
        self._kinds.append(_KIND[kind])
        self._channels.append(channel)
