"""Restartable sequences: rseq, which this kernel is built without."""

import errno

from syscalls.args import Address, Result, UInt
from syscalls.process import Thread
from syscalls.table import syscall


@syscall(partial="always ENOSYS, as of a kernel without CONFIG_RSEQ; C libraries go on without it")
def rseq(thread: Thread, rseq: Address, rseq_len: UInt, flags: UInt, sig: UInt) -> Result:
    """rseq(2)."""
    return -errno.ENOSYS
