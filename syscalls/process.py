"""The state that handlers may see and change: processes, threads, and what they may ask of the bench."""

from collections.abc import Callable, Hashable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from syscalls.args import PAYLOAD_LIMIT
from syscalls.fds import FdTable
from syscalls.flags.signals import Signal
from syscalls.memory import Memory
from syscalls.scratch import Scratch
from syscalls.siginfo import SigInfo
from syscalls.system import PARENT_PID, PID, Network, Session, System
from syscalls.wait import WaitQueue

__all__ = [
    "PARENT_PID", "PID", "Bench", "Fork", "Network", "Process", "Session", "SignalAction", "SignalWatcher", "System", "Thread",
]  # fmt: skip


class Bench(Protocol):
    """What a handler may ask of the machine that runs the guest."""

    def spawn_thread(
        self,
        parent: "Thread",
        *,
        stack: int,
        tls: int | None,
        own_fds: bool = False,
        own_files: bool = False,
    ) -> "Thread":
        """A new thread of the parent's process that returns 0 from the same system call.

        `stack` is its stack pointer (0: the parent's), `tls` its FS base (None: the parent's). With `own_fds` it has a copy
        of the parent's descriptor table, with `own_files` its own working directory and umask. Raises EAGAIN at the
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

    def cpu_time_ns(self, process: "Process") -> int:
        """Processor time that a process has used, in nanoseconds."""
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

    def force_signal(self, thread: "Thread", info: SigInfo, *, fatal: bool) -> None:
        """A signal that cannot wait, for the thread that makes a system call: it ends the process where it has no handler,
        or is blocked, and with `fatal` in any case."""
        ...

    def guard_calls(self, judge: Callable[["Thread", int, int, tuple[int, ...]], Any]) -> None:
        """From now on `judge(thread, number, pc, registers)` is asked before each call of a thread that has `seccomp` set;
        what it answers is the call's answer, None: the call is served."""
        ...

    def interrupt(self, thread: "Thread") -> None:
        """Makes a thread look at its pending signals; ends its wait."""
        ...

    def arm_timer(
        self,
        key: Hashable,
        deadline: int,
        fire: Callable[[], None],
        *,
        processor: "Process | None" = None,
    ) -> None:
        """Calls `fire` once when `deadline` has come, instead of what `key` was armed for before.

        Nanoseconds of CLOCK_MONOTONIC, or of the processor time of the process `processor`. While a thread runs the call
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

    def fork(self, parent: "Thread", wanted: "Fork") -> "Thread":
        """A new process, whose only thread returns 0 from the same system call; it is runnable when the handler returns.

        Raises EAGAIN at a limit, ENOMEM where memory does not suffice.
        """
        ...

    def is_waiting(self, thread: "Thread") -> bool:
        """Whether a thread waits in a system call, for whatever."""
        ...

    def unshare_fds(self, thread: "Thread") -> None:
        """Gives the thread a descriptor table of its own where it shares one; raises EMFILE, ENFILE of the host."""
        ...

    def unshare_files(self, thread: "Thread") -> None:
        """Gives the thread a working directory and a umask of its own where it shares them."""
        ...

    def execute(self, thread: "Thread", program: Any, envp: list[bytes]) -> Any:
        """execve(2) of a `syscalls.programs.Program`: a `syscalls.wait.Executed`. Raises what execve(2) lists."""
        ...

    def stop_process(self, process: "Process", signal: int) -> None:
        """Stops all threads of a process."""
        ...

    def continue_process(self, process: "Process") -> None:
        """Lets them go on."""
        ...


@dataclass(slots=True)
class SignalAction:
    """One entry of rt_sigaction(2): what a signal does. `handler` is SIG_DFL 0, SIG_IGN 1 or an address."""

    handler: int = 0
    flags: int = 0
    restorer: int = 0
    mask: int = 0


class SignalWatcher(Protocol):
    """What hears of the pending signals of a process: a signalfd (`syscalls.signalfds`)."""

    def watch(self, process: "Process") -> None:
        """From now on the signals of this process count, too."""
        ...

    def pending_changed(self, process: "Process", arrived: bool) -> None:
        """A signal has become pending (`arrived`), or is not any more."""
        ...

    def close(self) -> None:
        """The run has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Fork:
    """What a new process shares with its maker instead of having a copy, and how it begins (clone(2))."""

    memory: bool = False  # CLONE_VM
    files: bool = False  # CLONE_FS
    fds: bool = False  # CLONE_FILES
    actions: bool = False  # CLONE_SIGHAND
    clear_actions: bool = False  # CLONE_CLEAR_SIGHAND
    sibling: bool = False  # CLONE_PARENT
    waits: bool = False  # CLONE_VFORK: its maker waits at `Process.vfork_done`
    stack: int = 0  # stack pointer; 0: the maker's
    tls: int | None = None  # FS base; None: the maker's
    exit_signal: int = 0


@dataclass(slots=True, eq=False)
class Process:
    """One guest process: what its threads share, and its place among the others.

    `parent` is None where the bench is the parent: it has started the first process, and adopts orphans (`ppid` says which).
    `wait_status` is the word that wait(2) tells once the process has ended; until it is reaped it is a zombie among the
    `children` of its parent. `stopped` is the signal that has stopped it, or 0.
    """

    pid: int
    memory: Memory
    fds: FdTable
    bench: Bench
    system: System = field(default_factory=System)
    parent: "Process | None" = None
    ppid: int = PARENT_PID
    maker: int = 0  # the parent's thread that has made it
    children: dict[int, "Process"] = field(default_factory=dict)
    group: int = 0  # set to `pid` for the first process
    session: Session = field(default_factory=lambda: Session(PARENT_PID))
    exit_signal: int = Signal.SIGCHLD
    wait_status: int | None = None
    exiting: bool = False  # its end is decided, and comes before it runs again
    stopped: int = 0
    unwaited: int = 0  # the signal of a stop that no wait has told yet
    continued: bool = False  # a continuing that no wait has told yet
    child_changed: WaitQueue = field(default_factory=WaitQueue)
    vfork_done: WaitQueue | None = None  # where the maker of a vfork(2) waits; until exec or end
    ends: list[Callable[[], None]] = field(default_factory=list)  # called once when it ends: pidfds
    lifeline: Any = None  # syscalls.pidfds.Lifeline, made when its first pidfd is opened
    subreaper: bool = False
    death_signal: int = 0  # PR_SET_PDEATHSIG
    has_execed: bool = False
    started_ns: int = 0  # CLOCK_MONOTONIC when it was made
    cpu_time_ns: int = 0  # up to its last turn
    children_time_ns: int = 0  # of the children that were waited for, and theirs
    places: Any = None  # emu.places.Places of its program
    former: Any = None  # emu.executing.Former: those of the program before, where execve has replaced one
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
    processor_limit: Any = None  # syscalls.limits: what watches RLIMIT_CPU, made when it is first set
    limits: dict[int, tuple[int, int]] = field(default_factory=dict)
    settings: dict[int, int] = field(
        default_factory=dict
    )  # of prctl(2), by the number of their PR_SET operation
    exe: str = ""
    argv: list[bytes] = field(default_factory=list)
    envp: list[bytes] = field(default_factory=list)
    auxv: bytes = b""  # the auxiliary vector
    name: bytes = b""
    uid: int = 1000  # the real ids of `credentials`
    gid: int = 1000
    credentials: Any = None  # syscalls.credentials.Credentials of its first thread; None until they change
    payload_limit: int = PAYLOAD_LIMIT
    """How many bytes of a buffer the trace keeps."""

    @property
    def network(self) -> Network:
        """What all processes may reach."""
        return self.system.network

    @property
    def cpus(self) -> int:
        """How many processors the guest sees."""
        return self.system.cpus


@dataclass(slots=True, eq=False)
class Thread:
    """One guest thread. `context` belongs to the bench; handlers do not look into it."""

    tid: int
    process: Process
    memory: Memory
    fds: FdTable
    bench: Bench
    files: Any = None  # syscalls.files.FileSystem: the roots, the working directory, umask
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
    credentials: Any = None  # syscalls.credentials.Credentials; None: the process's
    seccomp: Any = None  # syscalls.seccomp.Guard; None: all calls are allowed
    scheduling: Any = None  # syscalls.scheduling.Scheduling; None: the default
    settings: dict[int, int] = field(
        default_factory=dict
    )  # of prctl(2) that are a thread's own, and personality(2)
