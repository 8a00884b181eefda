"""Constants of threads, processes and identity (clone(2), futex(2), arch_prctl(2), prctl(2), getrlimit(2), getrandom(2))."""

from syscalls.flags.base import EnumSet, FlagSet
from syscalls.flags.signals import Signal


class Clone(FlagSet):
    """Flags of clone(2) and clone3(2); the low byte of clone's word is the signal that the child's end sends."""

    CSIGNAL = 0x000000FF
    CLONE_NEWTIME = 0x00000080
    CLONE_VM = 0x00000100
    CLONE_FS = 0x00000200
    CLONE_FILES = 0x00000400
    CLONE_SIGHAND = 0x00000800
    CLONE_PIDFD = 0x00001000
    CLONE_PTRACE = 0x00002000
    CLONE_VFORK = 0x00004000
    CLONE_PARENT = 0x00008000
    CLONE_THREAD = 0x00010000
    CLONE_NEWNS = 0x00020000
    CLONE_SYSVSEM = 0x00040000
    CLONE_SETTLS = 0x00080000
    CLONE_PARENT_SETTID = 0x00100000
    CLONE_CHILD_CLEARTID = 0x00200000
    CLONE_DETACHED = 0x00400000
    CLONE_UNTRACED = 0x00800000
    CLONE_CHILD_SETTID = 0x01000000
    CLONE_NEWCGROUP = 0x02000000
    CLONE_NEWUTS = 0x04000000
    CLONE_NEWIPC = 0x08000000
    CLONE_NEWUSER = 0x10000000
    CLONE_NEWPID = 0x20000000
    CLONE_NEWNET = 0x40000000
    CLONE_IO = 0x80000000
    CLONE_CLEAR_SIGHAND = 0x100000000
    CLONE_INTO_CGROUP = 0x200000000

    @classmethod
    def text(cls, value: int) -> str:
        """The names, and the exit signal's last: `CLONE_VM|CLONE_VFORK|SIGCHLD`."""
        value &= 0xFFFFFFFFFFFFFFFF
        flags, signal = value & ~cls.CSIGNAL, value & cls.CSIGNAL
        parts = [super().text(flags)] if flags else []
        if signal:
            parts.append(Signal.text(signal))
        return "|".join(parts) or "0"


class Futex(FlagSet):
    """Operations of futex(2), and their two flags."""

    _fields = (0x7F,)

    FUTEX_WAIT = 0
    FUTEX_WAKE = 1
    FUTEX_FD = 2
    FUTEX_REQUEUE = 3
    FUTEX_CMP_REQUEUE = 4
    FUTEX_WAKE_OP = 5
    FUTEX_LOCK_PI = 6
    FUTEX_UNLOCK_PI = 7
    FUTEX_TRYLOCK_PI = 8
    FUTEX_WAIT_BITSET = 9
    FUTEX_WAKE_BITSET = 10
    FUTEX_WAIT_REQUEUE_PI = 11
    FUTEX_CMP_REQUEUE_PI = 12
    FUTEX_LOCK_PI2 = 13
    FUTEX_PRIVATE_FLAG = 128
    FUTEX_CLOCK_REALTIME = 256
    FUTEX_CMD_MASK = ~384
    FUTEX_WAIT_PRIVATE = 128
    FUTEX_WAKE_PRIVATE = 129
    FUTEX_REQUEUE_PRIVATE = 131
    FUTEX_CMP_REQUEUE_PRIVATE = 132
    FUTEX_WAKE_OP_PRIVATE = 133
    FUTEX_WAIT_BITSET_PRIVATE = 137
    FUTEX_WAKE_BITSET_PRIVATE = 138

    @classmethod
    def text(cls, value: int) -> str:
        """As strace writes it: `FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME`."""
        private, rest = value & cls.FUTEX_PRIVATE_FLAG, value & cls.FUTEX_CMD_MASK
        text = super().text(rest)
        if private:
            text += "_PRIVATE" if text.startswith("FUTEX_") else "|FUTEX_PRIVATE_FLAG"
        return text + ("|FUTEX_CLOCK_REALTIME" if value & cls.FUTEX_CLOCK_REALTIME else "")


class FutexOp(EnumSet):
    """What FUTEX_WAKE_OP does to the second word; FUTEX_OP_OPARG_SHIFT makes the operand a bit number."""

    FUTEX_OP_SET = 0
    FUTEX_OP_ADD = 1
    FUTEX_OP_OR = 2
    FUTEX_OP_ANDN = 3
    FUTEX_OP_XOR = 4


class FutexCmp(EnumSet):
    """What FUTEX_WAKE_OP compares the old value by."""

    FUTEX_OP_CMP_EQ = 0
    FUTEX_OP_CMP_NE = 1
    FUTEX_OP_CMP_LT = 2
    FUTEX_OP_CMP_LE = 3
    FUTEX_OP_CMP_GT = 4
    FUTEX_OP_CMP_GE = 5


class Arch(EnumSet):
    """Codes of arch_prctl(2)."""

    ARCH_SET_GS = 0x1001
    ARCH_SET_FS = 0x1002
    ARCH_GET_FS = 0x1003
    ARCH_GET_GS = 0x1004
    ARCH_GET_CPUID = 0x1011
    ARCH_SET_CPUID = 0x1012
    ARCH_GET_XCOMP_SUPP = 0x1021
    ARCH_GET_XCOMP_PERM = 0x1022
    ARCH_REQ_XCOMP_PERM = 0x1023
    ARCH_CET_STATUS = 0x3001
    ARCH_SHSTK_ENABLE = 0x5001
    ARCH_SHSTK_STATUS = 0x5005


class Prctl(EnumSet):
    """Operations of prctl(2)."""

    PR_SET_PDEATHSIG = 1
    PR_GET_PDEATHSIG = 2
    PR_GET_DUMPABLE = 3
    PR_SET_DUMPABLE = 4
    PR_GET_KEEPCAPS = 7
    PR_SET_KEEPCAPS = 8
    PR_GET_TIMING = 13
    PR_SET_TIMING = 14
    PR_SET_NAME = 15
    PR_GET_NAME = 16
    PR_GET_SECCOMP = 21
    PR_SET_SECCOMP = 22
    PR_CAPBSET_READ = 23
    PR_CAPBSET_DROP = 24
    PR_GET_TSC = 25
    PR_SET_TSC = 26
    PR_GET_SECUREBITS = 27
    PR_SET_SECUREBITS = 28
    PR_SET_TIMERSLACK = 29
    PR_GET_TIMERSLACK = 30
    PR_MCE_KILL = 33
    PR_MCE_KILL_GET = 34
    PR_SET_MM = 35
    PR_SET_CHILD_SUBREAPER = 36
    PR_GET_CHILD_SUBREAPER = 37
    PR_SET_NO_NEW_PRIVS = 38
    PR_GET_NO_NEW_PRIVS = 39
    PR_GET_TID_ADDRESS = 40
    PR_SET_THP_DISABLE = 41
    PR_GET_THP_DISABLE = 42
    PR_CAP_AMBIENT = 47
    PR_GET_SPECULATION_CTRL = 52
    PR_SET_SPECULATION_CTRL = 53
    PR_SET_VMA = 0x53564D41
    PR_SET_PTRACER = 0x59616D61


class Personality(FlagSet):
    """What personality(2) sets: an execution domain in the low byte, and flags."""

    _fields = (0xFF,)

    PER_LINUX = 0
    UNAME26 = 0x0020000
    ADDR_NO_RANDOMIZE = 0x0040000
    FDPIC_FUNCPTRS = 0x0080000
    MMAP_PAGE_ZERO = 0x0100000
    ADDR_COMPAT_LAYOUT = 0x0200000
    READ_IMPLIES_EXEC = 0x0400000
    ADDR_LIMIT_32BIT = 0x0800000
    SHORT_INODE = 0x1000000
    WHOLE_SECONDS = 0x2000000
    STICKY_TIMEOUTS = 0x4000000
    ADDR_LIMIT_3GB = 0x8000000


class Rlimit(EnumSet):
    """Resources of getrlimit(2)."""

    RLIMIT_CPU = 0
    RLIMIT_FSIZE = 1
    RLIMIT_DATA = 2
    RLIMIT_STACK = 3
    RLIMIT_CORE = 4
    RLIMIT_RSS = 5
    RLIMIT_NPROC = 6
    RLIMIT_NOFILE = 7
    RLIMIT_MEMLOCK = 8
    RLIMIT_AS = 9
    RLIMIT_LOCKS = 10
    RLIMIT_SIGPENDING = 11
    RLIMIT_MSGQUEUE = 12
    RLIMIT_NICE = 13
    RLIMIT_RTPRIO = 14
    RLIMIT_RTTIME = 15


class Rusage(EnumSet):
    """`who` of getrusage(2)."""

    RUSAGE_SELF = 0
    RUSAGE_CHILDREN = -1
    RUSAGE_THREAD = 1


class Getrandom(FlagSet):
    """Flags of getrandom(2)."""

    GRND_NONBLOCK = 1
    GRND_RANDOM = 2
    GRND_INSECURE = 4


class Dumpable(EnumSet):
    """PR_SET_DUMPABLE's values (prctl(2))."""

    SUID_DUMP_DISABLE = 0
    SUID_DUMP_USER = 1
    SUID_DUMP_ROOT = 2


class Timestamps(EnumSet):
    """PR_SET_TSC's values (prctl(2))."""

    PR_TSC_ENABLE = 1
    PR_TSC_SIGSEGV = 2


class SecureBits(FlagSet):
    """PR_SET_SECUREBITS' flags (capabilities(7), "The securebits flags")."""

    SECBIT_NOROOT = 1
    SECBIT_NOROOT_LOCKED = 2
    SECBIT_NO_SETUID_FIXUP = 4
    SECBIT_NO_SETUID_FIXUP_LOCKED = 8
    SECBIT_KEEP_CAPS = 0x10
    SECBIT_KEEP_CAPS_LOCKED = 0x20
    SECBIT_NO_CAP_AMBIENT_RAISE = 0x40
    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED = 0x80


class Capability(EnumSet):
    """Capabilities (capabilities(7); include/uapi/linux/capability.h)."""

    CAP_CHOWN = 0
    CAP_DAC_OVERRIDE = 1
    CAP_DAC_READ_SEARCH = 2
    CAP_FOWNER = 3
    CAP_FSETID = 4
    CAP_KILL = 5
    CAP_SETGID = 6
    CAP_SETUID = 7
    CAP_SETPCAP = 8
    CAP_LINUX_IMMUTABLE = 9
    CAP_NET_BIND_SERVICE = 10
    CAP_NET_BROADCAST = 11
    CAP_NET_ADMIN = 12
    CAP_NET_RAW = 13
    CAP_IPC_LOCK = 14
    CAP_IPC_OWNER = 15
    CAP_SYS_MODULE = 16
    CAP_SYS_RAWIO = 17
    CAP_SYS_CHROOT = 18
    CAP_SYS_PTRACE = 19
    CAP_SYS_PACCT = 20
    CAP_SYS_ADMIN = 21
    CAP_SYS_BOOT = 22
    CAP_SYS_NICE = 23
    CAP_SYS_RESOURCE = 24
    CAP_SYS_TIME = 25
    CAP_SYS_TTY_CONFIG = 26
    CAP_MKNOD = 27
    CAP_LEASE = 28
    CAP_AUDIT_WRITE = 29
    CAP_AUDIT_CONTROL = 30
    CAP_SETFCAP = 31
    CAP_MAC_OVERRIDE = 32
    CAP_MAC_ADMIN = 33
    CAP_SYSLOG = 34
    CAP_WAKE_ALARM = 35
    CAP_BLOCK_SUSPEND = 36
    CAP_AUDIT_READ = 37
    CAP_PERFMON = 38
    CAP_BPF = 39
    CAP_CHECKPOINT_RESTORE = 40
