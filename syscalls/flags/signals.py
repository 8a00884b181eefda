"""Constants of signals (signal(7), sigaction(2) with si_code, sigprocmask(2), sigaltstack(2); x86_64 values)."""

from syscalls.flags.base import EnumSet, FlagSet


class Signal(EnumSet):
    """Signal numbers. SIGRTMIN is the kernel's, which libcs raise."""

    SIGHUP = 1
    SIGINT = 2
    SIGQUIT = 3
    SIGILL = 4
    SIGTRAP = 5
    SIGABRT = 6
    SIGBUS = 7
    SIGFPE = 8
    SIGKILL = 9
    SIGUSR1 = 10
    SIGSEGV = 11
    SIGUSR2 = 12
    SIGPIPE = 13
    SIGALRM = 14
    SIGTERM = 15
    SIGSTKFLT = 16
    SIGCHLD = 17
    SIGCONT = 18
    SIGSTOP = 19
    SIGTSTP = 20
    SIGTTIN = 21
    SIGTTOU = 22
    SIGURG = 23
    SIGXCPU = 24
    SIGXFSZ = 25
    SIGVTALRM = 26
    SIGPROF = 27
    SIGWINCH = 28
    SIGIO = 29
    SIGPWR = 30
    SIGSYS = 31
    SIGRTMIN = 32
    SIGRTMAX = 64

    @classmethod
    def text(cls, value: int) -> str:
        """The name; real-time signals as strace counts them (`SIGRT_2`), other numbers in decimal."""
        if cls.SIGRTMIN < value <= cls.SIGRTMAX:
            return f"SIGRT_{value - cls.SIGRTMIN}"
        if not 0 < value <= cls.SIGRTMAX:
            return str(value)
        return super().text(value)


class SigAction(FlagSet):
    """`sa_flags` of sigaction(2)."""

    SA_RESTORER = 0x04000000
    SA_ONSTACK = 0x08000000
    SA_RESTART = 0x10000000
    SA_INTERRUPT = 0x20000000
    SA_NODEFER = 0x40000000
    SA_RESETHAND = 0x80000000
    SA_SIGINFO = 0x00000004
    SA_NOCLDSTOP = 0x00000001
    SA_NOCLDWAIT = 0x00000002
    SA_UNSUPPORTED = 0x00000400
    SA_EXPOSE_TAGBITS = 0x00000800


class SigMask(EnumSet):
    """`how` of sigprocmask(2)."""

    SIG_BLOCK = 0
    SIG_UNBLOCK = 1
    SIG_SETMASK = 2


class SigStack(FlagSet):
    """`ss_flags` of sigaltstack(2)."""

    SS_ONSTACK = 1
    SS_DISABLE = 2
    SS_AUTODISARM = 0x80000000


class SignalfdFlag(FlagSet):
    """`flags` of signalfd4(2)."""

    SFD_CLOEXEC = 0o2000000
    SFD_NONBLOCK = 0o4000


class SignalCode(EnumSet):
    """`si_code` of any signal (sigaction(2))."""

    SI_USER = 0
    SI_QUEUE = -1
    SI_TIMER = -2
    SI_MESGQ = -3
    SI_ASYNCIO = -4
    SI_SIGIO = -5
    SI_TKILL = -6
    SI_DETHREAD = -7
    SI_ASYNCNL = -60
    SI_KERNEL = 0x80


class IllegalCode(SignalCode):
    """`si_code` of SIGILL."""

    ILL_ILLOPC = 1
    ILL_ILLOPN = 2
    ILL_ILLADR = 3
    ILL_ILLTRP = 4
    ILL_PRVOPC = 5
    ILL_PRVREG = 6
    ILL_COPROC = 7
    ILL_BADSTK = 8
    ILL_BADIADDR = 9


class TrapCode(SignalCode):
    """`si_code` of SIGTRAP."""

    TRAP_BRKPT = 1
    TRAP_TRACE = 2
    TRAP_BRANCH = 3
    TRAP_HWBKPT = 4
    TRAP_UNK = 5
    TRAP_PERF = 6


class BusCode(SignalCode):
    """`si_code` of SIGBUS."""

    BUS_ADRALN = 1
    BUS_ADRERR = 2
    BUS_OBJERR = 3
    BUS_MCEERR_AR = 4
    BUS_MCEERR_AO = 5


class ArithmeticCode(SignalCode):
    """`si_code` of SIGFPE."""

    FPE_INTDIV = 1
    FPE_INTOVF = 2
    FPE_FLTDIV = 3
    FPE_FLTOVF = 4
    FPE_FLTUND = 5
    FPE_FLTRES = 6
    FPE_FLTINV = 7
    FPE_FLTSUB = 8


class SegvCode(SignalCode):
    """`si_code` of SIGSEGV."""

    SEGV_MAPERR = 1
    SEGV_ACCERR = 2
    SEGV_BNDERR = 3
    SEGV_PKUERR = 4
    SEGV_ACCADI = 5
    SEGV_ADIDERR = 6
    SEGV_ADIPERR = 7
    SEGV_MTEAERR = 8
    SEGV_MTESERR = 9


class ChildCode(SignalCode):
    """`si_code` of SIGCHLD."""

    CLD_EXITED = 1
    CLD_KILLED = 2
    CLD_DUMPED = 3
    CLD_TRAPPED = 4
    CLD_STOPPED = 5
    CLD_CONTINUED = 6


class PollCode(SignalCode):
    """`si_code` of SIGIO."""

    POLL_IN = 1
    POLL_OUT = 2
    POLL_MSG = 3
    POLL_ERR = 4
    POLL_PRI = 5
    POLL_HUP = 6


class SystemCode(SignalCode):
    """`si_code` of SIGSYS."""

    SYS_SECCOMP = 1
    SYS_USER_DISPATCH = 2


CODES: dict[int, type[SignalCode]] = {
    Signal.SIGILL: IllegalCode,
    Signal.SIGTRAP: TrapCode,
    Signal.SIGBUS: BusCode,
    Signal.SIGFPE: ArithmeticCode,
    Signal.SIGSEGV: SegvCode,
    Signal.SIGCHLD: ChildCode,
    Signal.SIGIO: PollCode,
    Signal.SIGSYS: SystemCode,
}
"""Which codes a signal has besides those of all signals."""
