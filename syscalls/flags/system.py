"""Constants of kcmp(2), adjtimex(2), modify_ldt(2), sysfs(2), sched_setattr(2), process_vm_readv(2) and their like."""

from syscalls.flags.base import EnumSet, FlagSet


class Kcmp(EnumSet):
    """kcmp(2) `type`."""

    KCMP_FILE = 0
    KCMP_VM = 1
    KCMP_FILES = 2
    KCMP_FS = 3
    KCMP_SIGHAND = 4
    KCMP_IO = 5
    KCMP_SYSVSEM = 6
    KCMP_EPOLL_TFD = 7


class Adjust(FlagSet):
    """adjtimex(2) `modes`; one that is ADJ_ADJTIME stands for another call."""

    ADJ_OFFSET_SS_READ = 0xA001
    ADJ_OFFSET_SINGLESHOT = 0x8001
    ADJ_OFFSET = 0x0001
    ADJ_FREQUENCY = 0x0002
    ADJ_MAXERROR = 0x0004
    ADJ_ESTERROR = 0x0008
    ADJ_STATUS = 0x0010
    ADJ_TIMECONST = 0x0020
    ADJ_TAI = 0x0080
    ADJ_SETOFFSET = 0x0100
    ADJ_MICRO = 0x1000
    ADJ_NANO = 0x2000
    ADJ_TICK = 0x4000
    ADJ_ADJTIME = 0x8000


class ClockStatus(FlagSet):
    """adjtimex(2) `status`."""

    STA_PLL = 0x0001
    STA_PPSFREQ = 0x0002
    STA_PPSTIME = 0x0004
    STA_FLL = 0x0008
    STA_INS = 0x0010
    STA_DEL = 0x0020
    STA_UNSYNC = 0x0040
    STA_FREQHOLD = 0x0080
    STA_NANO = 0x2000


class Ldt(EnumSet):
    """modify_ldt(2) `func`: it has no names in C."""

    LDT_READ = 0
    LDT_WRITE_OLD = 1
    LDT_READ_DEFAULT = 2
    LDT_WRITE = 0x11


class SysfsOption(EnumSet):
    """sysfs(2) `option`: it has no names in C."""

    FS_INDEX = 1
    FS_NAME = 2
    FS_COUNT = 3


class SchedFlag(FlagSet):
    """`sched_flags` of struct sched_attr."""

    SCHED_FLAG_RESET_ON_FORK = 1
    SCHED_FLAG_RECLAIM = 2
    SCHED_FLAG_DL_OVERRUN = 4
    SCHED_FLAG_KEEP_POLICY = 8
    SCHED_FLAG_KEEP_PARAMS = 0x10
    SCHED_FLAG_UTIL_CLAMP_MIN = 0x20
    SCHED_FLAG_UTIL_CLAMP_MAX = 0x40


class MemfdSecret(FlagSet):
    """memfd_secret(2) `flags`."""

    FD_CLOEXEC = 0o2000000
