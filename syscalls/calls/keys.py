"""Memory protection keys, which this processor does not have: pkey_alloc, pkey_free, pkey_mprotect (pkeys(7))."""

import errno
from typing import Annotated

from syscalls.args import Address, Flags, Int, Result, Size
from syscalls.calls.mapping import mprotect
from syscalls.flags import Prot
from syscalls.flags.memory import KeyRights
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_files import ProtFlags

_PAGE = 4096


@syscall
def pkey_alloc(thread: Thread, flags: Size, access_rights: Annotated[int, Flags(KeyRights)]) -> Result:
    """pkey_alloc(2): EINVAL on a processor without keys (arch_set_user_pkey_access in arch/x86/kernel/fpu/xstate.c)."""
    return -errno.EINVAL


@syscall
def pkey_free(thread: Thread, pkey: Int) -> Result:
    """pkey_free(2)."""
    return -errno.EINVAL


@syscall
def pkey_mprotect(thread: Thread, addr: Address, len_: Size, prot: ProtFlags, pkey: Int) -> Result:
    """pkey_mprotect(2): no key is ever allocated, -1 is mprotect(2)."""
    grows = Prot.PROT_GROWSDOWN | Prot.PROT_GROWSUP
    if pkey != -1 and len_ and not addr % _PAGE and prot & grows != grows:
        return -errno.EINVAL
    return mprotect(thread, addr, len_, prot)
