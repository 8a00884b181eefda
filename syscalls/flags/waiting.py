"""Constants of wait4(2) and waitid(2)."""

from syscalls.flags.base import EnumSet, FlagSet

WNOTHREAD = 0x20000000
WALL = 0x40000000
WCLONE = 0x80000000


class Wait(FlagSet):
    """What a wait waits for, and how."""

    WNOHANG = 1
    WUNTRACED = 2
    WEXITED = 4
    WCONTINUED = 8
    WNOWAIT = 0x01000000


class WaitId(FlagSet):
    """The same for waitid(2), where 2 is WSTOPPED."""

    WNOHANG = 1
    WEXITED = 4
    WSTOPPED = 2
    WCONTINUED = 8
    WNOWAIT = 0x01000000


for _names in (Wait, WaitId):  # in a class body Python would change names that begin with two underscores
    setattr(_names, "__WCLONE", WCLONE)
    setattr(_names, "__WALL", WALL)
    setattr(_names, "__WNOTHREAD", WNOTHREAD)


class IdType(EnumSet):
    """Which children waitid(2) means."""

    P_ALL = 0
    P_PID = 1
    P_PGID = 2
    P_PIDFD = 3
