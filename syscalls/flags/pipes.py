"""Constants of splice(2), tee(2) and vmsplice(2)."""

from syscalls.flags.base import FlagSet


class Splice(FlagSet):
    """`flags`."""

    SPLICE_F_MOVE = 1
    SPLICE_F_NONBLOCK = 2
    SPLICE_F_MORE = 4
    SPLICE_F_GIFT = 8
