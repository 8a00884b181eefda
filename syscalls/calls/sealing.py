"""Memory that is kept from others, or from change: mseal, memfd_secret; and what is cached of a file: cachestat."""

import errno
from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import Address, Fd, FdResult, Flags, InStruct, OutStruct, Result, Size, UInt
from syscalls.fds import Description, Descriptor
from syscalls.flags import Open
from syscalls.flags.system import MemfdSecret
from syscalls.process import Thread
from syscalls.streams import host_address
from syscalls.structs import Layout
from syscalls.table import syscall

_PAGE = 4096
_WORD = (1 << 64) - 1

CacheRange = Layout("cachestat_range", ("Q", "off"), ("Q", "len"))
Cachestat = Layout(
    "cachestat",
    *(("Q", name) for name in ("nr_cache", "nr_dirty", "nr_writeback", "nr_evicted", "nr_recently_evicted")),
)


@syscall
def mseal(thread: Thread, addr: Address, length: Size, flags: Size) -> Result:
    """mseal(2)."""
    size = (length + _PAGE - 1) & -_PAGE & _WORD
    end = addr + size
    if flags or addr % _PAGE or (length and not size) or end > _WORD:
        return -errno.EINVAL
    if not size:
        return 0
    if not thread.memory.regions.covered(addr, end):
        return -errno.ENOMEM
    thread.memory.seal(addr, end)
    return 0


@syscall
def memfd_secret(thread: Thread, flags: Annotated[int, Flags(MemfdSecret)]) -> FdResult:
    """memfd_secret(2): the host's own; ENOSYS where its kernel has none, or has it switched off."""
    host = kernel.call1(numbers.memfd_secret, flags & ~Open.O_CLOEXEC | Open.O_CLOEXEC)
    if host < 0:
        return host
    description = Description("file", Open.O_RDWR | Open.O_LARGEFILE, path="secretmem")
    return thread.fds.add(Descriptor(host, description, bool(flags & Open.O_CLOEXEC)))


@syscall
def cachestat(
    thread: Thread,
    fd: Fd,
    cstat_range: Annotated[int, InStruct(CacheRange)],
    cstat: Annotated[int, OutStruct(Cachestat)],
    flags: UInt,
) -> Result:
    """cachestat(2)."""
    entry = thread.fds.get(fd)
    if entry.description.flags & Open.O_PATH:
        return -errno.EBADF
    places = host_address(thread, cstat_range), host_address(thread, cstat)
    return kernel.call4(numbers.cachestat, entry.host, *places, flags)
