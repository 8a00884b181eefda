"""Constants of the newer futex calls: futex_wait(2), futex_wake(2), futex_requeue(2), futex_waitv(2)."""

from syscalls.flags.base import FlagSet


class Futex2(FlagSet):
    """`flags` of the calls and of struct futex_waitv; the size of the word is one of four."""

    _fields = (3,)

    FUTEX2_SIZE_U8 = 0
    FUTEX2_SIZE_U16 = 1
    FUTEX2_SIZE_U32 = 2
    FUTEX2_SIZE_U64 = 3
    FUTEX2_NUMA = 4
    FUTEX2_MPOL = 8
    FUTEX2_PRIVATE = 128
