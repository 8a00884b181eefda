"""Constants of scheduling calls: sched(7), setpriority(2), ioprio_set(2)."""

from syscalls.flags.base import EnumSet, FlagSet


class Policy(FlagSet):
    """Scheduling policies, and the flag that may stand with one."""

    _fields = (0xFFFF,)

    SCHED_OTHER = 0
    SCHED_FIFO = 1
    SCHED_RR = 2
    SCHED_BATCH = 3
    SCHED_IDLE = 5
    SCHED_DEADLINE = 6
    SCHED_EXT = 7
    SCHED_RESET_ON_FORK = 0x40000000


class Priority(EnumSet):
    """Whose priority getpriority(2) means."""

    PRIO_PROCESS = 0
    PRIO_PGRP = 1
    PRIO_USER = 2


class IoPriority(EnumSet):
    """Whose I/O priority ioprio_get(2) means."""

    IOPRIO_WHO_PROCESS = 1
    IOPRIO_WHO_PGRP = 2
    IOPRIO_WHO_USER = 3
