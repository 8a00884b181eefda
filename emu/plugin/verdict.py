"""What fails a test that did not ask for it: leaks, crashes, unknown system calls, time that ran out; and how it is told."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emu.plugin.account import open_descriptors, shown
from emu.plugin.calls import TracedCall
from emu.plugin.descriptors import Descriptor
from emu.plugin.view import View
from emu.trace.processes import Process, Processes
from syscalls.flags.signals import Signal
from syscalls.table import TABLE

if TYPE_CHECKING:
    from emu.plugin.guest import Guest

_SAID = 2000
"""Bytes of a guest's last output that an account shows."""

_LISTED = 10
"""Processes that an account names."""

_GONE = frozenset({"ECONNRESET", "EPIPE"})
_READS = frozenset({"read", "readv", "recvfrom", "recvmsg"})


@dataclass(frozen=True)
class Leaks:
    """What a guest has left behind: descriptors, threads by number, and processes that nobody waited for.

    True when there is something.
    """

    descriptors: tuple[Descriptor, ...] = ()
    threads: tuple[int, ...] = ()
    processes: tuple[Process, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.descriptors or self.threads or self.processes)


def leaks(guest: "Guest") -> Leaks:
    """What each process of a guest that has exited by itself opened and did not close, threads that were still alive, and children:
    those that it left running, and those that ended without anybody waiting for them.

    What was ended from outside could not clean up. It leaks connections whose other side was gone, if it knew and went on to rest;
    and children that had ended by then.
    """
    records = guest.recorder.records()
    view = _view(guest)
    exited = {one.pid for one in view.processes if one.code is not None}
    rest = len(records) if view.end is not None and view.end["code"] is not None else guest.recorder.rested_at
    after = {record.get("sequence") for record in records[rest:]}
    open_ = [one for one in view.descriptors if one.opened is not None and one.closed is None]
    still_open = [one for one in open_ if one.pid in exited or _is_forsaken(one, after)]
    started = [
        record["tid"] for record in records if record["event"] == "thread_start" and record["pid"] in exited
    ]
    ended = {record["tid"] for record in records if record["event"] == "thread_end"}
    late = {record["pid"] for record in records[rest:] if record["event"] == "process_end"}
    left = [one for one in view.processes.unreaped() if one.parent in exited or one.pid not in late]
    left += [one for one in view.processes if _outlived(one, view.processes)]
    threads = tuple(tid for tid in started if tid not in ended)
    return Leaks(tuple(still_open), threads, tuple(left))


def _view(guest: "Guest") -> View:
    return View(guest.recorder.records(), None, guest.recorder.header)


def _outlived(one: Process, processes: Processes) -> bool:
    """Whether a process went on when its maker exited by itself."""
    maker = processes.get(one.parent) if one.parent is not None else None
    if maker is None or maker.code is None or maker.ended is None:
        return False
    return one.ended is None or one.ended > maker.ended


def _is_forsaken(descriptor: Descriptor, after_last_rest: set[int | None]) -> bool:
    """Whether the guest has learnt that the other side is gone, and then rested without closing."""
    for call in reversed(descriptor.calls):
        end_of_file = call.name in _READS and call.result == 0 and _had_room(call)
        if (end_of_file or call.error in _GONE) and descriptor.text.startswith(("TCP", "UNIX STREAM")):
            return call.sequence not in after_last_rest
    return False


def _had_room(call: TracedCall) -> bool:
    """Whether a read asked for anything at all; recvmsg has its room in a structure, and flags in the third argument."""
    if call.name != "recvmsg":
        return bool(call.record["registers"][2] > 0)
    message = call.args["msg"]
    vectors = message.get("msg_iov") if isinstance(message, dict) else None
    return isinstance(vectors, list) and any(one.get("iov_len") for one in vectors)


def complaints(guest: "Guest") -> list[str]:
    """What the test did not allow, each as a text of several lines."""
    allowed = guest.settings
    found = []
    status = guest.exit_status
    if guest.machine.timed_out or status is None or not guest.was_started:
        return []
    view = _view(guest)
    if status.signal is not None and not _expected_end(guest) and not allowed.allow_faults:
        found.append(_of_fault(guest, status.signal))
    if not allowed.allow_faults:
        found += [
            _of_child(guest, one, view.processes) for one in view.records if _is_crash_of_child(one, view)
        ]
    unknown = [
        call
        for call in view.calls
        if call.error == "ENOSYS"
        and call.record["number"] not in TABLE
        and allowed.allow_unknown is not None
        and call.name not in allowed.allow_unknown
    ]
    if unknown:
        found.append(_of_unknown(guest, unknown))
    left = leaks(guest)
    if left.descriptors and "descriptors" not in allowed.allow_leaks:
        count = len(left.descriptors)
        title = f"{guest.name} leaked {count} descriptor{'s' if count > 1 else ''}"
        found.append(
            "\n".join([title + ":", *open_descriptors(left.descriptors), _hint('allow_leaks="descriptors"')])
        )
    if left.threads and "threads" not in allowed.allow_leaks:
        count = len(left.threads)
        title = f"{guest.name} exited while {count} of its threads {'was' if count == 1 else 'were'} alive:"
        found.append("\n".join([title, *_threads(guest, left.threads), _hint('allow_leaks="threads"')]))
    if left.processes and "processes" not in allowed.allow_leaks:
        count = len(left.processes)
        title = f"{guest.name} left {count} process{'es' if count > 1 else ''} behind:"
        lines = [_left(one) for one in left.processes[:_LISTED]]
        more = [f"    ... and {count - _LISTED} more"] if count > _LISTED else []
        found.append("\n".join([title, *lines, *more, _hint('allow_leaks="processes"')]))
    return found


def _expected_end(guest: "Guest") -> bool:
    status = guest.exit_status
    return status is not None and (
        guest.stopped or guest.machine.timed_out or status.signal in guest.signals_sent
    )


def _of_fault(guest: "Guest", signal: int) -> str:
    text = [f"{guest.name} was killed by {Signal.text(signal)}"]
    if guest.crash_report:
        text += [":", *(f"  {one}" for one in guest.crash_report.rstrip().splitlines())]
        text[:2] = [f"{text[0]}:"]
    return "\n".join([*text, _hint("allow_faults=True")])


def _is_crash_of_child(record: dict[str, Any], view: View) -> bool:
    return record["event"] == "fault" and "handler" not in record and record["pid"] != view.first_pid


def _of_child(guest: "Guest", fault: dict[str, Any], processes: Processes) -> str:
    """A child process that crashed: the guest itself may have gone on."""
    place = f" in {fault['function']}" if fault.get("function") else ""
    place += f" ({fault['file']}:{fault.get('line')})" if fault.get("file") else ""
    address = f" at {fault['address']:#x}" if type(fault.get("address")) is int else ""
    who = processes.label(fault["pid"])
    text = [f"{guest.name}: process {who} was killed by {Signal.text(fault['signal'])}{place}:"]
    text.append(f"    {fault.get('reason') or 'a fault'}{address}")
    return "\n".join([*text, _hint("allow_faults=True")])


def _left(one: Process) -> str:
    how = f"{one.ending}, and nobody waited for it" if one.ended is not None else "ran on"
    maker = f", made by {one.parent}"
    if one.ended is not None and one.reaped is None and one.signal is None and one.code is None:
        how = "ended"
    return f"    process {one.label}{maker}: {how}"


def _of_unknown(guest: "Guest", calls: list[TracedCall]) -> str:
    counts = Counter(call.name for call in calls)
    text = [f"{guest.name} made system calls that emu does not implement (ENOSYS):"]
    for name, count in counts.items():
        first = next(call for call in calls if call.name == name)
        times = f"  ({count} times)" if count > 1 else ""
        text.append(f"    {shown(first)}{times}")
    return "\n".join([*text, _hint(f"allow_unknown={next(iter(counts))!r}")])


def _hint(words: str) -> str:
    return f"  If that is meant: @pytest.mark.emu({words})".replace("'", '"')


def of_timeout(guest: "Guest", limit: float) -> str:
    """The guest did not end in time."""
    return "\n".join(
        [f"{guest.name} did not end within {limit:g} s and was ended. Its threads:", *_all_threads(guest)]
    )


def _all_threads(guest: "Guest") -> list[str]:
    records = guest.recorder.records()
    started = [record["tid"] for record in records if record["event"] == "thread_start"]
    ended = {record["tid"] for record in records if record["event"] == "thread_end"}
    main = [one.pid for one in _view(guest).processes if one.code is None]
    return _threads(guest, [tid for tid in main + started if tid not in ended])


def _threads(guest: "Guest", threads: Any) -> list[str]:
    """What each thread was in at the end."""
    view = _view(guest)
    text = []
    for tid in threads:
        calls = [call for call in view.calls if call.tid == tid]
        if calls and calls[-1].unfinished:
            call = calls[-1]
            state = f"waited {call.record['duration'] / 1e9:.3f} s in {_without_thread(call)}"
        elif calls:
            state = f"ran; its last call was {_without_thread(calls[-1])}"
        else:
            state = "ran, and made no system call"
        text.append(f"    thread {tid} {state}")
    return text


def _without_thread(call: TracedCall) -> str:
    text = shown(call).partition("] ")[2]
    return re.sub(r" = \? <[^>]*>", "", text)


def of_silence(guest: "Guest", what: str, timeout: float | None) -> str:
    """A guest that runs, but does not do what the test waits for."""
    limit = guest.settings.timeout if timeout is None else timeout
    guest.stopped = True
    try:
        guest.machine.stop()
    finally:
        text = "\n".join(_all_threads(guest))
    return f"{guest.name} did not {what} within {limit:g} s. Its threads:\n{text}{_output(guest)}"


def of_early_end(guest: "Guest", what: str) -> str:
    """A guest that ended before it did what the test waits for."""
    status = guest.exit_status
    how = "ended"
    if status is not None:
        how = (
            f"exited with {status.code}"
            if status.signal is None
            else f"was killed by {Signal.text(status.signal)}"
        )
    calls = _view(guest).calls
    last = "".join(f"\n    {shown(call)}" for call in calls[-5:])
    return f"{guest.name} {how} {what}.{_output(guest)}\nIts last calls:{last}"


def _output(guest: "Guest") -> str:
    text = ""
    for name in ("stdout", "stderr"):
        data: bytes = getattr(guest, name)[-_SAID:]
        if data:
            shown_ = data.decode("utf-8", "backslashreplace").rstrip("\n").replace("\n", "\n    ")
            text += f"\nIts {name}:\n    {shown_}"
    return text


def about(guest: "Guest", told: str = "") -> str:
    """For the report of a failing test: what ran, how it ended, and what it said; without what was `told` already."""
    words = " ".join([guest.name, *(one if isinstance(one, str) else repr(one) for one in guest.arguments)])
    status = guest.exit_status
    if guest.is_running:
        how = "still ran"
    elif status is None:
        how = "did not get to its end"
    elif status.signal is None:
        how = f"exited with {status.code}"
    else:
        who = " (stopped by the test)" if guest.stopped else ""
        how = f"was killed by {Signal.text(status.signal)}{who}"
    calls = sum(record["event"] == "syscall" for record in guest.recorder.records())
    notes = "".join(f"\n{note}" for note in guest.notes if note.strip().partition("\n")[0] not in told)
    threads = _all_threads(guest) if guest.machine.timed_out else []
    if any(one.strip() not in told for one in threads):
        notes += "\n".join(["", "Its threads:", *threads])
    return f"{words} (seed {guest.settings.seed}) {how} after {calls} system calls{notes}{_output(guest)}"
