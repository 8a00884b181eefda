"""The processes of a trace: who made whom, which program each one ran when, and how it ended."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from syscalls.flags.signals import Signal

NAME = 15
"""Characters of a program's name that are shown, as in comm (proc(5), /proc/pid/comm)."""


@dataclass(slots=True)
class Process:
    """One process. Times are nanoseconds since the start of the run; None: before the trace, or not yet.

    `programs` are the names of the programs that it ran, with when each began: the first is that of the process which made it.
    `threads` are those that the trace tells of, the first one included. `vfork`: its maker waited until it ran a program or ended.
    `code` or `signal` say how it ended; `stopped` is the signal that has stopped it, or 0. `reaped` is when a wait told its end;
    `reaps_itself`: its children leave no zombies, as it ignores SIGCHLD (wait(2), NOTES).
    """

    pid: int
    parent: int | None = None
    started: int | None = None
    ended: int | None = None
    code: int | None = None
    signal: int | None = None
    stopped: int = 0
    vfork: bool = False
    reaped: int | None = None
    reaps_itself: bool = False
    programs: list[tuple[int, str]] = field(default_factory=list)
    argv: list[str] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    children: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the program that it runs, or ran last; empty where the trace does not tell."""
        return self.programs[-1][1] if self.programs else ""

    @property
    def label(self) -> str:
        """`1001 sh`."""
        return f"{self.pid} {self.name}".rstrip()

    @property
    def ending(self) -> str:
        """`exited with 0`, `killed by SIGTERM`, `stopped by SIGTSTP`; empty while it runs."""
        if self.signal is not None:
            return f"killed by {Signal.text(self.signal)}"
        if self.code is not None:
            return f"exited with {self.code}"
        return f"stopped by {Signal.text(self.stopped)}" if self.stopped else ""

    def program_at(self, time: int) -> str:
        """The name of the program that it ran at a moment."""
        at = bisect_right(self.programs, time, key=_moment) - 1
        return self.programs[max(at, 0)][1] if self.programs else ""


def _moment(program: tuple[int, str]) -> int:
    return program[0]


class Processes:
    """The processes of a run, as its header and events tell of them; feed it the events in file order.

    Works on any part of a trace: a process of which only calls are there is known by its pid alone.
    """

    def __init__(self, header: Mapping[str, Any] | None = None) -> None:
        self._by_pid: dict[int, Process] = {}
        self._of_thread: dict[int, int] = {}
        self.first: int | None = None
        """The pid of the process with which the run began, as the header says."""
        pid = (header or {}).get("pid")
        if header is not None and type(pid) is int:
            self.first = pid
            first = self._get(pid)
            first.started = 0
            first.argv = [str(word) for word in header.get("argv") or ()]
            first.programs.append((0, short_name(header.get("program"), first.argv)))

    def __getitem__(self, pid: int) -> Process:
        return self._by_pid[pid]

    def __iter__(self) -> Iterator[Process]:
        return iter(self._by_pid.values())

    def __len__(self) -> int:
        return len(self._by_pid)

    def get(self, pid: int) -> Process | None:
        """The process of that pid."""
        return self._by_pid.get(pid)

    @property
    def several(self) -> bool:
        """Whether there is more than one."""
        return len(self._by_pid) > 1

    def program(self, pid: int, time: int) -> str:
        """The name of the program that a process ran at a moment; empty where nothing tells."""
        process = self._by_pid.get(pid)
        return "" if process is None else process.program_at(time)

    def of_thread(self, tid: int) -> int | None:
        """The process of a thread."""
        return self._of_thread.get(tid)

    def label(self, pid: int) -> str:
        """`1001 sh`."""
        process = self._by_pid.get(pid)
        return str(pid) if process is None else process.label

    def add(self, record: Mapping[str, Any]) -> None:
        """Takes any record: the threads of calls, the waits that told of an end, and the events."""
        if record["event"] != "syscall":
            self.event(record)
            return
        self.thread(record["pid"], record["tid"])
        if record["name"] == "rt_sigaction" and record.get("result") == 0:
            self._acts(record)
        elif record["name"] in ("wait4", "waitid"):
            pid = reaped_by(record)
            if (
                pid is not None
                and (process := self._by_pid.get(pid)) is not None
                and process.ended is not None
            ):
                process.reaped = record["time"] + record["duration"]

    def _acts(self, record: Mapping[str, Any]) -> None:
        act = record["args"].get("act")
        if record["args"].get("signum") == "SIGCHLD" and isinstance(act, dict):
            ignored = act.get("sa_handler") == "SIG_IGN" or "SA_NOCLDWAIT" in str(act.get("sa_flags"))
            self._get(record["pid"]).reaps_itself = ignored

    def thread(self, pid: int, tid: int) -> None:
        """Takes in that a thread belongs to a process."""
        if self._of_thread.get(tid) != pid:
            self._of_thread[tid] = pid
            process = self._get(pid)
            if tid not in process.threads:
                process.threads.append(tid)

    def event(self, event: Mapping[str, Any]) -> None:
        """Takes an event that is no call; those that say nothing of processes change nothing."""
        pid = event.get("pid")
        taken = _EVENTS.get(event["event"])
        if taken is not None and type(pid) is int:
            taken(self, pid, event)

    def _get(self, pid: int) -> Process:
        found = self._by_pid.get(pid)
        if found is None:
            found = self._by_pid[pid] = Process(pid)
            self.thread(pid, pid)
        return found

    def _started(self, pid: int, event: Mapping[str, Any]) -> None:
        self._by_pid.pop(pid, None)  # the number of one that is gone
        self._of_thread.pop(pid, None)
        process = self._get(pid)
        process.started = event["time"]
        process.vfork = bool(event.get("vfork"))
        parent = event.get("parent")
        if type(parent) is int:
            process.parent = parent
            maker = self._get(parent)
            maker.children.append(pid)
            process.argv = maker.argv
            process.programs.append((0, maker.program_at(event["time"])))

    def _thread_start(self, pid: int, event: Mapping[str, Any]) -> None:
        if type(event.get("tid")) is int:
            self.thread(pid, event["tid"])

    def _ended(self, pid: int, event: Mapping[str, Any]) -> None:
        process = self._get(pid)
        process.ended, process.code, process.signal = event["time"], event.get("code"), event.get("signal")

    def _exec(self, pid: int, event: Mapping[str, Any]) -> None:
        process = self._get(pid)
        argv = event.get("argv")
        process.argv = [str(word) for word in argv] if isinstance(argv, list) else []
        process.programs.append((event["time"], short_name(event.get("program"), process.argv)))

    def _stopped(self, pid: int, event: Mapping[str, Any]) -> None:
        signal = event.get("signal")
        self._get(pid).stopped = signal if type(signal) is int else 0

    def _continued(self, pid: int, event: Mapping[str, Any]) -> None:
        self._get(pid).stopped = 0

    # The tree

    @property
    def roots(self) -> list[Process]:
        """Those whose maker the trace does not know."""
        return [one for one in self if one.parent is None or one.parent not in self._by_pid]

    def tree(self) -> Iterator[tuple[int, Process]]:
        """All of them with how deep they stand, makers before children."""
        waiting = [(0, one) for one in reversed(self.roots)]
        seen = set()
        while waiting:
            depth, process = waiting.pop()
            if process.pid in seen:
                continue
            seen.add(process.pid)
            yield depth, process
            below = [self._by_pid[pid] for pid in process.children if pid in self._by_pid]
            waiting += [(depth + 1, one) for one in reversed(below)]

    def unreaped(self) -> list[Process]:
        """Those that ended while their maker lived on, and for which no wait was seen: zombies, if the kernel kept them."""
        found = []
        for process in self:
            maker = self._by_pid.get(process.parent) if process.parent is not None else None
            if process.ended is None or process.reaped is not None or maker is None or maker.reaps_itself:
                continue
            if maker.ended is None or maker.ended > process.ended:
                found.append(process)
        return found


_EVENTS = {
    "process_start": Processes._started,
    "thread_start": Processes._thread_start,
    "process_end": Processes._ended,
    "exec": Processes._exec,
    "stopped": Processes._stopped,
    "continued": Processes._continued,
}


def gathered(records: Iterable[Mapping[str, Any]], header: Mapping[str, Any] | None = None) -> Processes:
    """The processes of some records."""
    found = Processes(header)
    for record in records:
        found.add(record)
    return found


def short_name(program: Any, argv: list[str]) -> str:
    """The name of a program as comm has it: the last part of its path."""
    text = program if type(program) is str and program else (argv[0] if argv else "")
    return PurePath(text).name[:NAME]


def reaped_by(record: Mapping[str, Any]) -> int | None:
    """Which child a wait4 or waitid has told of, its stop or its end; None where it told of none."""
    result, args = record.get("result"), record["args"]
    if type(result) is not int or result < 0:
        return None
    if record["name"] == "wait4":
        return result or None
    info = args.get("infop", args.get("info"))
    pid = info.get("si_pid") if isinstance(info, dict) else None
    return pid if type(pid) is int and pid > 0 else None
