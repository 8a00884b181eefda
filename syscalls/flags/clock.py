"""Constants of clocks and timers (clock_gettime(2), clock_nanosleep(2))."""

from syscalls.flags.base import EnumSet, FlagSet


class Clock(EnumSet):
    """Clock ids."""

    CLOCK_REALTIME = 0
    CLOCK_MONOTONIC = 1
    CLOCK_PROCESS_CPUTIME_ID = 2
    CLOCK_THREAD_CPUTIME_ID = 3
    CLOCK_MONOTONIC_RAW = 4
    CLOCK_REALTIME_COARSE = 5
    CLOCK_MONOTONIC_COARSE = 6
    CLOCK_BOOTTIME = 7
    CLOCK_REALTIME_ALARM = 8
    CLOCK_BOOTTIME_ALARM = 9
    CLOCK_TAI = 11


class Timer(FlagSet):
    """Flags of clock_nanosleep(2) and timerfd_settime(2)."""

    TIMER_ABSTIME = 1


class Itimer(EnumSet):
    """Interval timers of setitimer(2)."""

    ITIMER_REAL = 0
    ITIMER_VIRTUAL = 1
    ITIMER_PROF = 2


class SigevNotify(EnumSet):
    """`sigev_notify` of sigevent(7)."""

    SIGEV_SIGNAL = 0
    SIGEV_NONE = 1
    SIGEV_THREAD = 2
    SIGEV_THREAD_ID = 4


class Timerfd(FlagSet):
    """timerfd_create(2)."""

    TFD_CLOEXEC = 0o2000000
    TFD_NONBLOCK = 0o4000


class TimerfdTimer(FlagSet):
    """Flags of timerfd_settime(2)."""

    TFD_TIMER_ABSTIME = 1
    TFD_TIMER_CANCEL_ON_SET = 2
