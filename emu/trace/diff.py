"""Compares two saved traces thread by thread: where, and why, the second run parts from the first.

Threads are matched by the order in which their parents began them. Within a thread the calls of both sides are walked
together, each renamed by declared type (`emu.trace.alias`). What the world decides (`emu.trace.tolerance`) is passed over
unless `exact`; after a divergence the walk may go on where both sides make the same calls again.

Time and memory are linear in the traces: records are read from the files as the walk needs them.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from emu.trace.pairing import Difference, Pairs
from emu.trace.per_thread import PROCESS, ByThread
from emu.trace.walk import Cursor, Divergence, Item, Options, Outcome, Passed, Walk, following, is_loose_end

__all__ = ["Difference", "Divergence", "Item", "Options", "Outcome", "Passed", "compare"]


def compare(a: ByThread, b: ByThread, options: Options | None = None) -> Outcome:
    """Compares two traces; the divergences are in the order in which they happened."""
    options = replace(options or Options(), cut_off=a.ends_itself and b.ends_itself)
    found = Outcome()
    pairs = Pairs()
    pids = a.header.get("pid"), b.header.get("pid")
    if None not in pids:
        pairs.bind("pid", *pids)
    matched = list(_matched(a, b))
    for _, one, other in matched:
        if one is not None and other is not None:
            pairs.bind("pid", one, other)
    unmatched = []
    for label, one, other in matched:
        if one is None or other is None:
            unmatched.append((label, one, other))
            continue
        found.threads += 1
        cursors = Cursor(a, one, options, 0), Cursor(b, other, options, 1)
        Walk(label, (one, other), *cursors, pairs, options, found).run()
    if options.every or not found.divergences:
        for (
            label,
            one,
            other,
        ) in unmatched:  # a thread that one side lacks, unless something earlier explains it
            _missing(label, one, other, a, b, options, found)
    if not found.divergences:
        cursors = Cursor(a, PROCESS, options, 0), Cursor(b, PROCESS, options, 1)
        Walk("the process", (PROCESS, PROCESS), *cursors, pairs, options, found).run()
    found.divergences.sort(key=lambda divergence: divergence.time)
    return found


def _missing(
    label: str, one: int | None, other: int | None, a: ByThread, b: ByThread, options: Options, found: Outcome
) -> None:
    trace, tid, side = (a, one, 0) if one is not None else (b, other, 1)
    assert tid is not None
    cursor = Cursor(trace, tid, options, side)
    first = cursor.peek()
    if first is None or (not options.exact and is_loose_end(first)):
        return
    ahead = following(cursor, options.context)
    tids = (one or 0, other or 0)
    if side == 0:
        found.divergences.append(Divergence(label, tids, first, None, [], [], (ahead, []), []))
    else:
        found.divergences.append(Divergence(label, tids, None, first, [], [], ([], ahead), []))


def _matched(a: ByThread, b: ByThread) -> Iterator[tuple[str, int | None, int | None]]:
    """Threads that stand for each other, parents before children; None for one that the other side lacks."""
    queue: deque[tuple[int | None, int | None]] = deque(_zipped(a.roots, b.roots))
    number = 0
    while queue:
        one, other = queue.popleft()
        number += 1
        yield _label(a, b, number, one, other), one, other
        mine = a.strands[one].children if one is not None else []
        theirs = b.strands[other].children if other is not None else []
        queue.extend(_zipped(mine, theirs))


def _label(a: ByThread, b: ByThread, number: int, one: int | None, other: int | None) -> str:
    """`the main thread`, `thread 2`, `process 3 (sh)`, `thread 4 of process 3 (sh)`: counted together."""
    if number == 1:
        return "the main thread"
    trace, tid = (a, one) if one is not None else (b, other)
    pid = trace.processes.of_thread(tid or 0)
    process = trace.processes.get(pid) if pid is not None else None
    if process is None or pid != tid or process.parent is None:
        return f"thread {number}"
    return f"process {number} ({process.name})" if process.name else f"process {number}"


def _zipped(a: Sequence[int], b: Sequence[int]) -> Iterator[tuple[int | None, int | None]]:
    for at in range(max(len(a), len(b))):
        yield a[at] if at < len(a) else None, b[at] if at < len(b) else None
