"""What the kernel keeps for all processes of a run: who lives, sessions, the network, words that processes wait on together."""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syscalls.wait import WaitQueue

if TYPE_CHECKING:
    from syscalls.process import Process, Thread

PID = 1000
"""The process id of the first guest process: the same in every run, and not 1, which programs treat as init."""

PARENT_PID = 999
"""The first process's parent: the bench stands in for the shell that would have started the program, and leads its session."""

INIT_PID = 1
"""The parent of orphans. It is the bench, too, and reaps them at once."""


@dataclass(slots=True)
class Network:
    """Which addresses the guest may reach: "loopback", "host" (all) or "none"."""

    reach: str = "loopback"
    names: Any = None  # syscalls.unix_names.UnixNames, made when a Unix socket is first named
    passed: Any = None  # syscalls.passing.Passed, made when a descriptor is first sent


@dataclass(slots=True, eq=False)
class Session:
    """A session (setsid(2)): its id, which is its leader's pid, and its controlling terminal (`syscalls.terminals`), if it has one."""

    sid: int
    terminal: Any = None


@dataclass(slots=True, eq=False)
class System:
    """The processes of a run, living ones and zombies, by pid, and what they have in common."""

    network: Network = field(default_factory=Network)
    processes: dict[int, "Process"] = field(default_factory=dict)
    futexes: dict[object, WaitQueue] = field(default_factory=dict)
    session: Session = field(default_factory=lambda: Session(PARENT_PID))  # the first process's
    record_locks: dict[tuple[int, int], list[Any]] = field(default_factory=dict)  # see syscalls.record_locks
    terminals: Any = None  # syscalls.terminals.Terminals, made when a terminal is first touched
    ipc: Any = None  # syscalls.ipc.Ipc: System V and POSIX objects, made when one is first asked for
    cpus: int = 1
    kernel: tuple[int, int] | None = None  # the version that is imitated (`syscalls.history`)
    has_shell: bool = True  # somebody is there who continues the first job once it is stopped

    @property
    def release(self) -> str:
        """What uname(2) tells: the host's release, as its behaviour is what the guest meets, or the version that is imitated."""
        return os.uname().release if self.kernel is None else "{}.{}.0".format(*self.kernel)

    def thread(self, tid: int) -> "Thread | None":
        """The thread with this id, of any process."""
        process = self.processes.get(tid)
        if process is not None and tid in process.threads:
            return process.threads[tid]
        for process in self.processes.values():
            if tid in process.threads:
                return process.threads[tid]
        return None

    def living(self) -> "list[Process]":
        """The processes that have not ended, in the order of their birth."""
        return [process for process in self.processes.values() if process.wait_status is None]

    def members(self, group: int) -> "list[Process]":
        """The processes of a process group, zombies included."""
        return [process for process in self.processes.values() if process.group == group]
