"""The state that handlers may see and change: processes, threads, and what they may ask of the bench."""

from collections.abc import Callable, Hashable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from syscalls.args import PAYLOAD_LIMIT
from syscalls.fds import FdTable
from syscalls.memory import Memory
from syscalls.scratch import Scratch
from syscalls.siginfo import SigInfo
from syscalls.wait import WaitQueue

PID = 1000
"""The process id of the first guest process: the same in every run, and not 1, which programs treat as init."""

PARENT_PID = 999
"""What getppid answers: the bench stands in for the shell that would have started the program."""


class Bench(Protocol):
    """What a handler may ask of the machine that runs the guest."""

    def spawn_thread(self, parent: "Thread", *, stack: int, tls: int | None) -> "Thread":
        """A new thread of the parent's process that returns 0 from the same system call.

        `stack` is its stack pointer (0: the parent's), `tls` its FS base (None: the parent's). Raises EAGAIN at the
        thread limit. It becomes runnable when the handler returns.
        """
        ...

    def segment_base(self, thread: "Thread", register: str) -> int:
        """The base address of "fs" or "gs"."""
        ...

    def set_segment_base(self, thread: "Thread", register: str, base: int) -> None:
        """Sets the base address of "fs" or "gs"."""
        ...

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC in nanoseconds: the clock of `Wait.deadline`."""
        ...

    def realtime_ns(self) -> int:
        """CLOCK_REALTIME in nanoseconds since the epoch."""
        ...

    def cpu_time_ns(self) -> int:
        """Processor time that the guest process has used, in nanoseconds."""
        ...

    def random(self, count: int) -> bytes:
        """`count` random bytes, drawn from the run's seed."""
        ...

    def note_once(self, key: str, text: str) -> None:
        """Tells the user something once a run and key (on the bench's stderr); `text` is one line."""
        ...

    def forget_fd(self, host_fd: int) -> None:
        """Ends the bench's own watching of a host descriptor; to be called before it is closed."""
        ...

    def send_signal(self, target: "Thread | Process", info: SigInfo) -> None:
        """Generates a signal for a thread or the process; its action follows when the calling handler has returned."""
        ...

    def interrupt(self, thread: "Thread") -> None:
        """Makes a thread look at its pending signals; ends its wait."""
        ...

    def arm_timer(
        self, key: Hashable, deadline: int, fire: Callable[[], None], *, processor: bool = False
    ) -> None:
        """Calls `fire` once when `deadline` has come, instead of what `key` was armed for before.

        Nanoseconds of CLOCK_MONOTONIC, or with `processor` of the process's processor time. While a thread runs the call
        comes at the end of its time slice at the latest.
        """
        ...

    def disarm_timer(self, key: Hashable) -> None:
        """Ends `arm_timer`."""
        ...

    def stack_pointer(self, thread: "Thread") -> int:
        """The rsp of a thread that makes a system call."""
        ...

    def signal_return(self, thread: "Thread") -> Any:
        """rt_sigreturn(2): a `syscalls.wait.SignalReturn`."""
        ...


@dataclass(slots=True)
class SignalAction:
    """One entry of rt_sigaction(2): what a signal does. `handler` is SIG_DFL 0, SIG_IGN 1 or an address."""

    handler: int = 0
    flags: int = 0
    restorer: int = 0
    mask: int = 0


@dataclass(slots=True)
class Network:
    """Which addresses the guest may reach: "loopback", "host" (all) or "none"."""

    reach: str = "loopback"
    names: Any = None  # syscalls.unix_names.UnixNames, made when a Unix socket is first named
    passed: Any = None  # syscalls.passing.Passed, made when a descriptor is first sent


class SignalWatcher(Protocol):
    """What hears of the pending signals of a process: a signalfd (`syscalls.signalfds`)."""

    def pending_changed(self, process: "Process", arrived: bool) -> None:
        """A signal has become pending (`arrived`), or is not any more."""
        ...

    def close(self) -> None:
        """The run has ended."""
        ...


@dataclass(slots=True, eq=False)
class Process:
    """One guest process: what its threads share."""

    pid: int
    memory: Memory
    fds: FdTable
    bench: Bench
    files: Any = None  # syscalls.files.FileSystem: the roots, the working directory, umask
    network: Network = field(default_factory=Network)
    scratch: Scratch = field(default_factory=Scratch)
    threads: dict[int, "Thread"] = field(default_factory=dict)
    actions: dict[int, SignalAction] = field(default_factory=dict)
    pending: int = 0
    queue: list[SigInfo] = field(default_factory=list)
    queued: int = 0  # signals in its queue and its threads', but for those of timers
    watchers: MutableMapping[int, "SignalWatcher"] = field(
        default_factory=dict
    )  # signalfds, by when they were made
    timers: Any = None  # syscalls.timers.ProcessTimers, made when the first timer is set
    futexes: dict[object, WaitQueue] = field(default_factory=dict)
    limits: dict[int, tuple[int, int]] = field(default_factory=dict)
    settings: dict[int, int] = field(
        default_factory=dict
    )  # of prctl(2), by the number of their PR_SET operation
    exe: str = ""
    argv: list[bytes] = field(default_factory=list)
    envp: list[bytes] = field(default_factory=list)
    name: bytes = b""
    uid: int = 1000
    gid: int = 1000
    cpus: int = 1
    exit_status: int | None = None
    payload_limit: int = PAYLOAD_LIMIT
    """How many bytes of a buffer the trace keeps."""


@dataclass(slots=True, eq=False)
class Thread:
    """One guest thread. `context` belongs to the bench; handlers do not look into it."""

    tid: int
    process: Process
    memory: Memory
    fds: FdTable
    bench: Bench
    context: Any = None
    clear_child_tid: int = 0
    robust_list: int = 0
    signal_mask: int = 0
    saved_mask: int | None = (
        None  # to be put back once a signal that ended a sigsuspend(2) or ppoll(2) was handled
    )
    waits_for: int = 0  # the signals of an rt_sigtimedwait(2) in progress
    pending: int = 0
    queue: list[SigInfo] = field(default_factory=list)
    altstack: tuple[int, int, int] = (0, 2, 0)  # ss_sp, ss_flags (SS_DISABLE), ss_size
    name: bytes = b""
