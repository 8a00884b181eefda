"""A saved trace as `strace -f -ttt -T -y` would have written it: lines in the order of time, calls that overlap taken apart.

A record is one call, begin and end, and stands in the file where the call ended; strace writes what happens when it
happens. So each record becomes two moments, and the moments are sorted. What is sorted is kept in temporary files beyond
`IN_MEMORY` moments: memory stays constant, however long the trace.
"""

import heapq
import marshal
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from emu.trace.call_text import CallText, text_of
from emu.trace.layout import safe
from emu.trace.processes import Processes
from syscalls.flags.signals import CODES, Signal, SignalCode

STRING_LIMIT = 32
"""strace's -s when nothing is said."""

RESULT_COLUMN = 40
"""strace's -a: where the equals sign stands when there is room."""

IN_MEMORY = 200_000
"""How many moments are sorted at a time."""

_BATCH = 1000  # moments that are written to a temporary file in one piece
_BEGINS, _ENDS, _HAPPENS = 0, 1, 2
_LAST = 1 << 64  # behind every call that began or ended in the same nanosecond

Moment = tuple[int, int, int, int, str, str, str]
"""Time, what orders moments of the same time, thread, one of the three kinds, and texts."""


def lines(
    records: Iterable[Mapping[str, Any]], header: Mapping[str, Any], *, limit: int | None = STRING_LIMIT
) -> Iterator[str]:
    """The lines, without their newline: `PID TIMESTAMP name(arguments) = result <duration>`.

    Times are seconds since the epoch (since the start of the run, where the header does not say when that was).
    `limit` is how many bytes of a string and elements of an array are shown; None: all that the trace kept.
    """
    writer = _Writer(int(header.get("started") or 0))
    processes = Processes(header)
    for moment in _sorted(_moments(records, limit, processes)):
        yield from writer.lines(moment)
    yield from writer.rest()


def _moments(
    records: Iterable[Mapping[str, Any]], limit: int | None, processes: Processes
) -> Iterator[Moment]:
    for record in records:
        if record["event"] == "syscall":
            yield from _call(record, text_of(record, limit))
        else:
            processes.event(record)
            words = _EVENTS.get(record["event"], _nothing)(record)
            if record["event"] == "signal":
                words = _signal(record, processes)
            if words:
                tid = record.get("tid") or record.get("pid") or 0
                yield record["time"], _LAST, tid, _HAPPENS, words, "", ""


def _call(record: Mapping[str, Any], text: CallText) -> Iterator[Moment]:
    at = next((index for index, arg in enumerate(text.args) if arg.is_filled), len(text.args))
    given, filled = [arg.text for arg in text.args[:at]], [arg.text for arg in text.args[at:]]
    inside = ", ".join(given) + (", " if given and filled else "")
    time, order, tid, name = record["time"], 2 * record["sequence"], record["tid"], safe(record["name"])
    yield time, order, tid, _BEGINS, name, safe(inside), ""
    if record["result"] is not None:
        after = f"{safe(text.result)} <{_seconds(record['duration'])}>"
    else:
        after = "?"
    yield time + record["duration"], order + 1, tid, _ENDS, name, safe(", ".join(filled)), after


def _seconds(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds // 1000, 1_000_000)
    return f"{seconds}.{rest:06}"


class _Writer:
    """Joins moments to lines. A call that has begun is held back until it is seen whether anything comes in between."""

    def __init__(self, started: int) -> None:
        self._started = started
        self._begun: Moment | None = None

    def lines(self, moment: Moment) -> Iterator[str]:
        """The lines that are complete now."""
        _, order, _, kind, name, text, result = moment
        begun = self._begun
        if kind == _ENDS and begun is not None and begun[1] == order - 1:
            self._begun = None
            yield _with_result(f"{self._leader(begun)}{name}({begun[5]}{text})", result)
            return
        yield from self.rest()
        if kind == _BEGINS:
            self._begun = moment
        elif kind == _ENDS:
            yield _with_result(f"{self._leader(moment)}<... {name} resumed>{text})", result)
        else:
            yield f"{self._leader(moment)}{name}"

    def rest(self) -> Iterator[str]:
        """The line of a call that has begun, and has not ended before something else happened."""
        begun, self._begun = self._begun, None
        if begun is not None:
            yield f"{self._leader(begun)}{begun[4]}({begun[5]} <unfinished ...>"

    def _leader(self, moment: Moment) -> str:
        return f"{moment[2]:<5} {_seconds(self._started + moment[0])} "


def _with_result(line: str, result: str) -> str:
    return f"{line:<{RESULT_COLUMN - 1}} = {result}"


# Events


def _nothing(event: Mapping[str, Any]) -> str:
    """What strace has no line for."""
    return ""


def _thread_end(event: Mapping[str, Any]) -> str:
    """The first thread ends with its process, of which there is an event of its own."""
    return f"+++ exited with {event.get('status')} +++" if event.get("tid") != event["pid"] else ""


def _process_end(event: Mapping[str, Any]) -> str:
    if event.get("signal") is None:
        return f"+++ exited with {event.get('code')} +++"
    return f"+++ killed by {_signal_name(event)} +++"


def _signal(event: Mapping[str, Any], processes: Processes) -> str:
    name, code, sender = _signal_name(event), event.get("code"), event.get("sender")
    shown = (
        f", si_code={CODES.get(event.get('signal', 0), SignalCode).text(code)}" if type(code) is int else ""
    )
    if type(sender) is int:
        shown += f", si_pid={sender}"
        child = processes.get(sender)
        if event.get("signal") == Signal.SIGCHLD and child is not None and child.ended is not None:
            status = Signal.text(child.signal) if child.signal is not None else child.code
            shown += f", si_status={status}"
    return f"--- {name} {{si_signo={name}{shown}}} ---"


def _stopped(event: Mapping[str, Any]) -> str:
    return f"--- stopped by {_signal_name(event)} ---"


def _fault(event: Mapping[str, Any]) -> str:
    name, code, address = _signal_name(event), event.get("code"), event.get("address")
    if type(code) is int:
        code = CODES.get(event.get("signal", 0), SignalCode).text(code)
    if type(address) is int:
        address = hex(address) if address else "NULL"
    return f"--- {name} {{si_signo={name}, si_code={code}, si_addr={address}}} ---"


def _signal_name(event: Mapping[str, Any]) -> str:
    number = event.get("signal")
    return Signal.text(number) if type(number) is int else str(number)


_EVENTS = {
    "thread_end": _thread_end,
    "process_end": _process_end,
    "stopped": _stopped,
    "fault": _fault,
}


# Sorting


def _sorted(moments: Iterable[Moment]) -> Iterator[Moment]:
    here: list[Moment] = []
    files: list[IO[bytes]] = []
    try:
        for moment in moments:
            here.append(moment)
            if len(here) >= IN_MEMORY:
                here.sort()
                files.append(_put_away(here))
                here = []
        here.sort()
        yield from heapq.merge(*[_brought_back(file) for file in files], here)
    finally:
        for file in files:
            file.close()


def _put_away(moments: list[Moment]) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `_sorted`
    for start in range(0, len(moments), _BATCH):
        marshal.dump(moments[start : start + _BATCH], file)
    file.seek(0)
    return file


def _brought_back(file: IO[bytes]) -> Iterator[Moment]:
    while True:
        try:
            moments = marshal.load(file)
        except EOFError:
            return
        yield from moments
