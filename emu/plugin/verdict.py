"""What fails a test that did not ask for it: leaks, crashes, unknown system calls, time that ran out; and how it is told."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emu.plugin.account import open_descriptors, shown
from emu.plugin.calls import TracedCall
from emu.plugin.descriptors import Descriptor
from emu.plugin.view import View
from syscalls.flags.signals import Signal
from syscalls.table import TABLE

if TYPE_CHECKING:
    from emu.plugin.guest import Guest

_SAID = 2000
"""Bytes of a guest's last output that an account shows."""

_GONE = frozenset({"ECONNRESET", "EPIPE"})
_READS = frozenset({"read", "readv", "recvfrom", "recvmsg"})


@dataclass(frozen=True)
class Leaks:
    """What a guest has left behind: descriptors, and threads by number. True when there is something."""

    descriptors: tuple[Descriptor, ...] = ()
    threads: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.descriptors or self.threads)


def leaks(guest: "Guest") -> Leaks:
    """A guest that has exited by itself leaks what it opened and did not close, and threads that were still alive.

    One that was ended from outside could not clean up. It leaks connections whose other side was gone, if it knew and went on to rest.
    """
    records = guest.recorder.records()
    end = next((record for record in records if record["event"] == "process_end"), None)
    view = View(records)
    still_open = [one for one in view.descriptors if one.opened is not None and one.closed is None]
    if end is None or end["code"] is None:
        after = {record.get("sequence") for record in records[guest.recorder.rested_at :]}
        return Leaks(tuple(one for one in still_open if _is_forsaken(one, after)))
    started = [record["tid"] for record in records if record["event"] == "thread_start"]
    ended = {record["tid"] for record in records if record["event"] == "thread_end"}
    return Leaks(tuple(still_open), tuple(tid for tid in started if tid not in ended))


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
    if guest.machine.timed_out or status is None:
        return []
    if status.signal is not None and not _expected_end(guest) and not allowed.allow_faults:
        found.append(_of_fault(guest, status.signal))
    view = View(guest.recorder.records())
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
    main = [guest.machine.process.pid]
    return _threads(guest, [tid for tid in main + started if tid not in ended])


def _threads(guest: "Guest", threads: Any) -> list[str]:
    """What each thread was in at the end."""
    view = View(guest.recorder.records())
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
    calls = View(guest.recorder.records()).calls
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
