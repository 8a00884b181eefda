"""Flags of execveat(2); values of linux/fcntl.h."""

from syscalls.flags.base import FlagSet


class ExecAt(FlagSet):
    """execveat(2)."""

    AT_SYMLINK_NOFOLLOW = 0x100
    AT_EMPTY_PATH = 0x1000
    AT_EXECVE_CHECK = 0x10000
