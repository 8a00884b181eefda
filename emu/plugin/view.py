"""What assertions look at: the calls of a trace so far, their descriptors, and which of them certainly came before which."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from emu.plugin.calls import TracedCall, calls_of
from emu.plugin.descriptors import Descriptor, Descriptors
from emu.plugin.pattern import Step
from emu.trace.order import Order
from emu.trace.processes import Processes, gathered

POLLS = frozenset(
    {"poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl"}
)
"""Calls that only ask whether a descriptor is ready."""


class Source(Protocol):
    """Where a trace comes from: a guest that may still run, or records that are all there. `header` is what is known of the run."""

    header: dict[str, Any] | None

    def records(self) -> list[dict[str, Any]]:
        """The records so far."""
        ...

    def is_running(self) -> bool:
        """Whether more may come."""
        ...

    def wait(self, count: int, timeout: float) -> None:
        """Waits, so many seconds at most, until there are more than `count` records, or the guest has ended."""
        ...

    def settle(self) -> None:
        """Waits until a guest that runs has dealt with everything that it was sent."""
        ...


class Kept:
    """Records that are all there."""

    def __init__(self, records: Iterable[dict[str, Any]], header: dict[str, Any] | None = None) -> None:
        self._records = list(records)
        self.header = header

    def records(self) -> list[dict[str, Any]]:
        """All."""
        return self._records

    def is_running(self) -> bool:
        """No more will come."""
        return False

    def wait(self, count: int, timeout: float) -> None:
        """Nothing to wait for."""

    def settle(self) -> None:
        """Nothing to wait for."""


class View:
    """The state of a trace at one moment. `keep` leaves out calls; order and descriptors follow from all of them."""

    def __init__(
        self,
        records: list[dict[str, Any]],
        keep: Callable[[TracedCall], bool] | None = None,
        header: dict[str, Any] | None = None,
    ) -> None:
        self.records = records
        self._header = header
        self.all_calls = calls_of(records)
        self._keep = keep

    @cached_property
    def calls(self) -> list[TracedCall]:
        """The calls, in the order in which they began."""
        keep = self._keep
        return self.all_calls if keep is None else [call for call in self.all_calls if keep(call)]

    @cached_property
    def descriptors(self) -> Descriptors:
        """The descriptors."""
        return Descriptors(self.all_calls, [one for one in self.records if one["event"] != "syscall"])

    @cached_property
    def processes(self) -> Processes:
        """The processes."""
        return gathered(self.records, self._header)

    @cached_property
    def first_pid(self) -> int:
        """The process with which the run began."""
        if self._header is not None and "pid" in self._header:
            return int(self._header["pid"])
        first = self.records[0] if self.records else {}
        return int(first.get("parent" if first.get("event") == "process_start" else "pid") or 0)

    @cached_property
    def end(self) -> dict[str, Any] | None:
        """The record of the first process's end."""
        return next(
            (
                one
                for one in self.records
                if one["event"] == "process_end" and one.get("pid") == self.first_pid
            ),
            None,
        )

    @cached_property
    def began_to_wait(self) -> int:
        """The number of the first call that waited; -1 for a guest that has exited by itself.

        What was opened before it belongs to the set-up of a guest that runs on.
        """
        end = self.end
        if end is not None and end["code"] is not None:
            return -1
        waited = (call.sequence for call in self.all_calls if call.record["blocked"] or call.unfinished)
        return min(waited, default=len(self.all_calls))

    @cached_property
    def _order(self) -> Order:
        return Order(self.records, self.descriptors.order())

    def before(self, first: TracedCall, second: TracedCall) -> bool:
        """Whether `first` certainly came before `second`: in every run, not by chance in this one."""
        if first.tid == second.tid:
            return first.sequence < second.sequence
        return self._order.before(first.sequence, second.sequence)


class Match(NamedTuple):
    """How far a chain of steps was found: a call for each of the first steps."""

    found: tuple[TracedCall, ...]
    complete: bool


class _Link(NamedTuple):
    call: TracedCall
    previous: "_Link | None"

    def chain(self) -> tuple[TracedCall, ...]:
        link: _Link | None = self
        calls = []
        while link is not None:
            calls.append(link.call)
            link = link.previous
        return tuple(reversed(calls))


def chain(
    view: View, calls: Sequence[TracedCall], steps: Sequence[Step], first: TracedCall | None = None
) -> Match:
    """Finds calls for the steps, each certainly before the next; `first` is the one to begin with, if it is given."""
    # In each thread the earliest call that will do is as good as any later one: it comes before all that they come before.
    links: dict[int, _Link] = {}
    for at, step in enumerate(steps):
        reached: dict[int, _Link] = {}
        for call in calls:
            if call.tid in reached or not step.matches(call) or (at == 0 and first not in (None, call)):
                continue
            if at == 0:
                reached[call.tid] = _Link(call, None)
                continue
            previous = next((link for link in links.values() if view.before(link.call, call)), None)
            if previous is not None:
                reached[call.tid] = _Link(call, previous)
        if not reached:
            best = min(links.values(), key=lambda link: link.call.sequence, default=None)
            return Match(best.chain() if best is not None else (), False)
        links = reached
    return Match(min(links.values(), key=lambda link: link.call.sequence).chain(), True)


def exact(calls: Sequence[TracedCall], steps: Sequence[Step], open_end: bool) -> Match:
    """Finds the steps as exactly these calls in this order, with others only where a step has a gap before it."""

    def match(at: int, step: int) -> tuple[TracedCall, ...] | None:
        if step == len(steps):
            return () if open_end or at == len(calls) else None
        for index in range(at, len(calls)):
            if steps[step].matches(calls[index]):
                rest = match(index + 1, step + 1)
                if rest is not None:
                    return (calls[index], *rest)
            if not steps[step].gap:
                break
        return None

    found = match(0, 0)
    if found is not None:
        return Match(found, True)
    reached = 0
    while reached < min(len(steps), len(calls)) and steps[reached].matches(calls[reached]):
        reached += 1
    return Match(tuple(calls[:reached]), False)


def on(view: View, descriptor: Descriptor) -> list[TracedCall]:
    """The calls of a view on one descriptor."""
    kept = view.calls
    if kept is view.all_calls:
        return descriptor.calls
    wanted = {call.sequence for call in kept}
    return [call for call in descriptor.calls if call.sequence in wanted]
