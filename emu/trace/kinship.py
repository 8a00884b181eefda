"""What processes tell each other without a descriptor: births, ends that a wait tells of, vfork's return, signals."""

from collections.abc import Callable
from typing import Any, Final

from emu.trace.processes import reaped_by
from emu.trace.schema import EXITS
from syscalls.flags.signals import Signal

Add = Callable[[int, int, str], None]
"""Takes an edge that holds whatever else is missing: source, target, kind."""

CLONES: Final = frozenset({"clone", "clone3", "fork", "vfork"})
_WAITS: Final = frozenset({"wait4", "waitid"})
_EXECS: Final = frozenset({"execve", "execveat"})
_PROCESS_WIDE: Final = {"kill": ("pid", "sig"), "rt_sigqueueinfo": ("tgid", "sig")}
_THREADS: Final = {"tkill": ("tid", "sig"), "tgkill": ("tid", "sig"), "rt_tgsigqueueinfo": ("tid", "sig")}
_INTERRUPTED: Final = frozenset(
    {"EINTR", "ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", "ERESTART_RESTARTBLOCK"}
)
_CHILD_CODES: Final = range(1, 7)
_SI_TKILL: Final = -6
_SI_USER_AND_QUEUE: Final = (0, -1)
_EARLIER: Final = 1024
"""Sendings of one signal by one process that are remembered."""


class _Sent:
    """A signal on its way: the call that sent it, and to which process or thread (None: to some, a group)."""

    __slots__ = ("call", "taken_by", "target", "tid")

    def __init__(self, call: int, tid: int, target: int | None) -> None:
        self.call = call
        self.tid = tid
        self.target = target
        self.taken_by: set[int] = set()


class Kinship:
    """Takes the calls and events of a trace in file order, and tells `add` of each edge."""

    def __init__(self, add: Add) -> None:
        self._add = add
        self._first_calls: dict[int, int] = {}
        self._clones: dict[int, int] = {}  # of threads that have not made a call yet
        self._latest: dict[int, int] = {}  # by thread: its latest call that took effect
        self._threads: dict[int, set[int]] = {}
        self._ends: dict[int, set[int]] = {}  # by process that has ended: the last calls of its threads
        self._vforked: set[int] = set()
        self._released: dict[int, int] = {}  # by process: what let its maker's vfork return
        self._returned: dict[int, int] = {}  # by thread: the child of the vfork that has just returned
        self._sent: dict[
            tuple[int, int, bool], list[_Sent]
        ] = {}  # by sender, signal, and whether to a thread
        self._due: dict[
            int, list[tuple[int, int, str]]
        ] = {}  # by thread: what its next call comes after, and since when
        self._cut: dict[
            int, tuple[dict[str, Any], int]
        ] = {}  # by thread: its call that a signal has just interrupted
        self._at = 0
        self._seen: dict[int, int] = {}  # by call that sends a signal, or that ends: which record it is

    def call(self, record: dict[str, Any]) -> None:
        """Takes a system call."""
        sequence, tid, pid, name = record["sequence"], record["tid"], record["pid"], record["name"]
        self._at += 1
        self._cut.pop(tid, None)
        if tid not in self._first_calls:
            self._first_calls[tid] = sequence
            self._threads.setdefault(pid, {pid}).add(tid)
        if tid in self._clones and sequence > self._clones[tid]:
            self._add(self._clones.pop(tid), sequence, "clone")
        if self._returned and tid in self._returned and name not in CLONES:
            source = self._released.get(self._returned.pop(tid))
            if source is not None and source < sequence:
                self._add(source, sequence, "vfork")
        if self._due and tid in self._due:
            self._arrived(record)
        result = record.get("result")
        if result is not None or record["number"] in EXITS:
            self._latest[tid] = sequence
        if record.get("error") in _INTERRUPTED:
            self._cut[tid] = record, self._at
        elif (taken := _CALLS.get(name)) is not None:
            taken(self, record)

    def event(self, event: dict[str, Any]) -> None:
        """Takes an event that is no call."""
        kind, pid, tid = event["event"], event.get("pid"), event.get("tid")
        if type(pid) is not int:
            return
        if kind == "process_start":
            self._born(pid, bool(event.get("vfork")))
        elif kind == "process_end":
            self._gone(pid)
        elif kind == "signal":
            self._delivered(pid, tid if type(tid) is int else None, event)
        elif kind == "continued":
            source = self._source(event, pid, None)
            for one in self._threads.get(pid, {pid}) if source is not None else ():
                self._due.setdefault(one, []).append((source or 0, event["time"], "handler"))

    def _read(self, record: dict[str, Any]) -> None:
        """Each structure that is read from a signalfd tells who sent the signal (signalfd(2))."""
        if (record.get("fds") or {}).get("fd") != "signalfd":
            return
        data = record["args"].get("buf")
        data = data.get("bytes") if isinstance(data, dict) else data
        if type(data) is not str or (record["result"] or 0) <= 0:
            return
        raw = data.encode("latin-1", "replace")
        for at in range(0, len(raw) - 15, 128):
            signal, _, code, sender = (
                int.from_bytes(raw[at + part : at + part + 4], "little", signed=part == 8)
                for part in (0, 4, 8, 12)
            )
            event = {"signal": signal, "code": code, "sender": sender}
            for source in self._sources(event, record["pid"], None):
                self._add(source, record["sequence"], "signal")

    # Births and ends

    def _cloned(self, record: dict[str, Any]) -> None:
        child, sequence = record.get("result"), record["sequence"]
        if child is None or child <= 0:
            return
        if child in self._vforked or record["name"] == "vfork":
            self._returned[record["tid"]] = child
        if self._first_calls.get(child, -1) > sequence:
            self._add(sequence, self._first_calls[child], "clone")
        else:
            self._clones[child] = sequence

    def _born(self, pid: int, vfork: bool) -> None:
        for known in (self._first_calls, self._clones, self._ends, self._released, self._latest):
            known.pop(pid, None)  # of one that had the same number
        self._threads[pid] = {pid}
        self._vforked.discard(pid)
        if vfork:
            self._vforked.add(pid)

    def _released_by(self, record: dict[str, Any]) -> None:
        if record["number"] in EXITS:
            self._seen[record["sequence"]] = self._at
        if record["number"] in EXITS or record["result"] == 0:
            self._released.setdefault(record["pid"], record["sequence"])

    def _gone(self, pid: int) -> None:
        ends = self._ends.setdefault(pid, set())
        ends |= {self._latest.pop(tid) for tid in self._threads.pop(pid, ()) if tid in self._latest}

    def _waited(self, record: dict[str, Any]) -> None:
        child = reaped_by(record)
        if child is not None:
            for source in sorted(self._ends.get(child, ())):
                self._add(source, record["sequence"], "wait")

    # Signals

    def _sends(self, record: dict[str, Any]) -> None:
        name, args = record["name"], record["args"]
        to_thread = name in _THREADS
        target, signal = (args.get(member) for member in (_THREADS if to_thread else _PROCESS_WIDE)[name])
        number = _SIGNALS.get(signal) if type(signal) is str else signal
        if record["result"] != 0 or type(target) is not int or type(number) is not int or number <= 0:
            return
        sent = self._sent.setdefault((record["pid"], number, to_thread), [])
        self._seen[record["sequence"]] = self._at
        sent.append(_Sent(record["sequence"], record["tid"], target if target > 0 else None))
        if len(sent) > _EARLIER:
            del sent[0]

    def _source(self, event: dict[str, Any], pid: int, tid: int | None) -> int | None:
        """The call that sent a signal which has arrived; None where that is not certain."""
        sender, signal, code = event.get("sender"), event.get("signal"), event.get("code", 0)
        if type(sender) is not int or type(signal) is not int:
            return None
        to_thread = code == _SI_TKILL
        if not to_thread and code not in _SI_USER_AND_QUEUE:
            return None
        target = tid if to_thread else pid
        found = [
            sent
            for key in ((sender, signal, to_thread), (sender, signal, True) if code == -1 else None)
            if key is not None
            for sent in self._sent.get(key, ())
            if sent.target in (target, None, tid) and target not in sent.taken_by
        ]
        if not found or len({sent.tid for sent in found}) > 1:
            return None
        for sent in found[:1] if signal >= Signal.SIGRTMIN else found:
            sent.taken_by.add(target or 0)
        return min(sent.call for sent in found)

    def _sources(self, event: dict[str, Any], pid: int, tid: int | None) -> list[int]:
        """What certainly came before a signal that has arrived: its sending; of SIGCHLD the end of the child."""
        if event.get("signal") == Signal.SIGCHLD and event.get("code") in _CHILD_CODES:
            return sorted(self._ends.get(event.get("sender", 0), ()))
        source = self._source(event, pid, tid)
        return [source] if source is not None else []

    def _delivered(self, pid: int, tid: int | None, event: dict[str, Any]) -> None:
        sources = self._sources(event, pid, tid)
        if tid is None:  # it ends the process
            self._ends.setdefault(pid, set()).update(sources)
            return
        cut = self._cut.pop(tid, None)
        for source in sources:
            if cut is not None and self._seen.get(source, cut[1]) < cut[1]:
                self._add(source, cut[0]["sequence"], "signal")
            self._due.setdefault(tid, []).append((source, event["time"], "handler"))

    def _arrived(self, record: dict[str, Any]) -> None:
        """The next call after a handler began, or after a stop was over; the one that was cut short is not it yet."""
        tid, left = record["tid"], []
        for source, since, kind in self._due.pop(tid):
            if record["time"] >= since:
                self._add(source, record["sequence"], kind)
            else:
                left.append((source, since, kind))
                if record.get("error") in _INTERRUPTED:
                    self._add(source, record["sequence"], "signal")
        if left:
            self._due[tid] = left

    def _timed(self, record: dict[str, Any]) -> None:
        """rt_sigtimedwait(2) tells what it has taken."""
        info = record["args"].get("uinfo", record["args"].get("info"))
        result = record["result"]
        if type(result) is not int or result <= 0 or not isinstance(info, dict):
            return
        code = info.get("si_code")
        if type(code) is str:
            code = _CODE_NUMBERS.get(code, 99)
        event = {"signal": result, "code": code, "sender": info.get("si_pid")}
        for source in self._sources(event, record["pid"], record["tid"]):
            self._add(source, record["sequence"], "signal")


_SIGNALS: Final = {Signal.text(number): number for number in range(1, 65)}
_CODE_NUMBERS: Final = {
    "SI_USER": 0, "SI_QUEUE": -1, "SI_TKILL": -6, "CLD_EXITED": 1, "CLD_KILLED": 2, "CLD_DUMPED": 3,
}  # fmt: skip

_CALLS: Final[dict[str, Callable[[Kinship, dict[str, Any]], None]]] = {
    **dict.fromkeys(CLONES, Kinship._cloned),
    **dict.fromkeys(_WAITS, Kinship._waited),
    **dict.fromkeys((*_EXECS, "exit", "exit_group"), Kinship._released_by),
    **dict.fromkeys((*_PROCESS_WIDE, *_THREADS), Kinship._sends),
    "rt_sigtimedwait": Kinship._timed,
    "read": Kinship._read,
}
