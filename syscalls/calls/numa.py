"""Where memory is to come from, on a machine with one node: set_mempolicy, mbind, set_mempolicy_home_node, migrate_pages, move_pages."""

import errno
import struct
from typing import Annotated

from syscalls import credentials, family, kernel, numbers, policies
from syscalls.args import Address, Flags, Result, Size
from syscalls.flags.memory import Policy, PolicyMove
from syscalls.flags.threads import Capability
from syscalls.memory import Memory
from syscalls.process import Thread
from syscalls.scratch import WORK
from syscalls.table import syscall
from syscalls.types_volatile import Pid

_PAGE = 4096
_WORD = (1 << 64) - 1
_MOST = 1 << 20  # pages of one call: nothing else runs meanwhile
_CHUNK = 512  # pages that are looked at in one go
_MOVES = PolicyMove.MPOL_MF_MOVE | PolicyMove.MPOL_MF_MOVE_ALL
_NEAR = (Policy.MPOL_BIND, Policy.MPOL_PREFERRED_MANY)

ModeArg = Annotated[int, Flags(Policy)]
MoveFlags = Annotated[int, Flags(PolicyMove)]


@syscall
def set_mempolicy(thread: Thread, mode: ModeArg, nodemask: Address, maxnode: Size) -> Result:
    """set_mempolicy(2)."""
    policies.check_mode(mode)
    policies.keep(thread, policies.made(mode, policies.read_nodes(thread.memory, nodemask, maxnode)))
    return 0


@syscall
def mbind(
    thread: Thread,
    addr: Address,
    length: Size,
    mode: ModeArg,
    nodemask: Address,
    maxnode: Size,
    flags: MoveFlags,
) -> Result:
    """mbind(2)."""
    policies.check_mode(mode)
    nodes = policies.read_nodes(thread.memory, nodemask, maxnode)
    if flags & ~(_MOVES | PolicyMove.MPOL_MF_STRICT):
        return -errno.EINVAL
    if flags & PolicyMove.MPOL_MF_MOVE_ALL and not credentials.of(thread).can(Capability.CAP_SYS_NICE):
        return -errno.EPERM
    size = (length + _PAGE - 1) & -_PAGE & _WORD
    end = addr + size
    if addr % _PAGE or end > _WORD:
        return -errno.EINVAL
    if not size:
        return 0
    policy = policies.made(mode, nodes)
    regions = thread.memory.regions
    if not (regions.covered(addr, end) if policy.packed else regions.parts(addr, end)):
        return -errno.EFAULT
    thread.memory.set_policy(addr, end, policy.packed)
    return 0


@syscall
def set_mempolicy_home_node(
    thread: Thread, start: Address, length: Size, home_node: Size, flags: Size
) -> Result:
    """set_mempolicy_home_node(2)."""
    size = (length + _PAGE - 1) & -_PAGE & _WORD
    end = start + size
    if start % _PAGE or flags or home_node != 0 or end > _WORD:
        return -errno.EINVAL
    if not size:
        return 0
    result = -errno.ENOENT
    for part in thread.memory.regions.parts(start, end):
        if part.policy:
            if policies.unpacked(part.policy).mode & policies.MODE not in _NEAR:
                return -errno.EOPNOTSUPP
            result = 0
    return result


@syscall
def migrate_pages(thread: Thread, pid: Pid, maxnode: Size, old_nodes: Address, new_nodes: Address) -> Result:
    """migrate_pages(2): there is nowhere to go."""
    policies.read_nodes(thread.memory, old_nodes, maxnode)
    new = policies.read_nodes(thread.memory, new_nodes, maxnode)
    family.check_access(thread, family.thread_named(thread, pid).process)
    if new & ~policies.ONLINE and not credentials.of(thread).can(Capability.CAP_SYS_NICE):
        return -errno.EPERM
    return 0 if new & policies.ONLINE else -errno.EINVAL


@syscall(partial="more than 1,048,576 pages at a time are E2BIG")
def move_pages(
    thread: Thread, pid: Pid, count: Size, pages: Address, nodes: Address, status: Address, flags: MoveFlags
) -> Result:
    """move_pages(2): tells for each page whether it is there, on node 0."""
    if flags & ~_MOVES:
        return -errno.EINVAL
    if flags & PolicyMove.MPOL_MF_MOVE_ALL and not credentials.of(thread).can(Capability.CAP_SYS_NICE):
        return -errno.EPERM
    if count > _MOST:
        return -errno.E2BIG if thread.memory.readable(pages, 8 * _MOST) == 8 * _MOST else -errno.EFAULT
    target = family.thread_named(thread, pid).process
    family.check_access(thread, target)
    for first in range(0, count, _CHUNK):
        here = min(_CHUNK, count - first)
        addresses = struct.unpack(f"<{here}Q", thread.memory.read(pages + 8 * first, 8 * here))
        if nodes:
            wanted = struct.unpack(f"<{here}i", thread.memory.read(nodes + 4 * first, 4 * here))
            if any(wanted):
                return -errno.ENODEV
        told = [_where(thread, target.memory, at) for at in addresses]
        thread.memory.write(status + 4 * first, struct.pack(f"<{here}i", *told))
    return 0


def _where(thread: Thread, memory: Memory, address: int) -> int:
    """The node of a page, or -ENOENT where none is yet, -EFAULT where there can be none."""
    region = memory.regions.find(address)
    if region is None:
        return -errno.EFAULT
    if not region.prot:
        return -errno.ENOENT
    scratch = thread.process.scratch
    try:
        host = memory.host(address & -_PAGE)
    except OSError:
        return -errno.EFAULT
    found = kernel.call3(numbers.mincore, host, _PAGE, scratch.address + WORK)
    return 0 if found == 0 and scratch.view[WORK] & 1 else -errno.ENOENT
