"""Looks for a pattern in a trace: in all its calls together, or by descriptor, open file description, thread."""

from collections.abc import Iterator

from emu.plugin.account import How
from emu.plugin.calls import TracedCall
from emu.plugin.descriptors import Descriptor
from emu.plugin.pattern import Pattern
from emu.plugin.view import POLLS, Match, View, chain, exact, on


def search(view: View, pattern: Pattern, how: How) -> tuple[Match, list[tuple[Descriptor | None, Match]]]:
    """The first group of calls in which the pattern is found; else an incomplete match, and how far each group went."""
    attempts: list[tuple[Descriptor | None, Match]] = []
    for descriptor, calls in groups(view, how.same_fd, how.same_thread, how.same_file):
        found = match(view, calls, pattern, how)
        if found.complete:
            return found, []
        attempts.append((descriptor, found))
    return Match((), False), attempts


def match(view: View, calls: list[TracedCall], pattern: Pattern, how: How) -> Match:
    if how.exactly:
        return exact(
            [call for call in calls if call.succeeded and call.name not in POLLS],
            pattern.steps,
            pattern.open_end,
        )
    found = chain(view, calls, pattern.steps)
    if not found.complete or how.within is None:
        return found
    for call in calls:
        if pattern.steps[0].matches(call):
            quicker = chain(view, calls, pattern.steps, first=call)
            if quicker.complete and quicker.found[-1].end - quicker.found[0].time <= how.within:
                return quicker
    return Match(found.found, False)


def groups(
    view: View, same_fd: bool, same_thread: bool, same_file: bool = False
) -> Iterator[tuple[Descriptor | None, list[TracedCall]]]:
    """The calls, all together, or by descriptor, open file description, and thread."""
    found: list[tuple[Descriptor | None, list[TracedCall]]] = [(None, view.calls)]
    if same_file:
        found = []
        by_object: dict[int | None, list[Descriptor]] = {}
        for one in view.descriptors:
            by_object.setdefault(one.object, []).append(one)
        for sharing in by_object.values():
            together = {call.sequence: call for one in sharing for call in on(view, one)}
            found.append((sharing[0], [together[sequence] for sequence in sorted(together)]))
    elif same_fd:
        found = [(one, on(view, one)) for one in view.descriptors]
    for descriptor, calls in found:
        if not same_thread:
            yield descriptor, calls
            continue
        for tid in dict.fromkeys(call.tid for call in calls):
            yield descriptor, [call for call in calls if call.tid == tid]
