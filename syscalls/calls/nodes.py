"""Where memory comes from: get_mempolicy, on a machine with one node (mm/mempolicy.c)."""

import errno
from typing import Annotated

from syscalls import policies
from syscalls.args import Address, Flags64, Result, Size
from syscalls.flags.memory import Policy as Mode
from syscalls.flags.memory import PolicyFlags
from syscalls.process import Thread
from syscalls.table import syscall

_PAGE = 4096
_WORD = 8  # bytes of the kernel's own mask


@syscall
def get_mempolicy(
    thread: Thread,
    mode: Address,
    nodemask: Address,
    maxnode: Size,
    addr: Address,
    flags: Annotated[int, Flags64(PolicyFlags)],
) -> Result:
    """get_mempolicy(2): every page is on node 0."""
    at_address, node = flags & PolicyFlags.MPOL_F_ADDR, flags & PolicyFlags.MPOL_F_NODE
    allowed = flags & PolicyFlags.MPOL_F_MEMS_ALLOWED
    if nodemask and maxnode < 1:
        return -errno.EINVAL
    if flags & ~(PolicyFlags.MPOL_F_NODE | PolicyFlags.MPOL_F_ADDR | PolicyFlags.MPOL_F_MEMS_ALLOWED):
        return -errno.EINVAL
    told = policies.of(thread)
    if allowed:
        told = policies.Policy(nodes=policies.ONLINE)
        if at_address or node:
            return -errno.EINVAL
    elif at_address:
        region = thread.memory.regions.find(addr)
        if region is None:
            return -errno.EFAULT
        told = policies.unpacked(region.policy) if region.policy else told
    elif addr or (node and told.mode & policies.MODE != Mode.MPOL_INTERLEAVE):
        return -errno.EINVAL
    if mode:
        thread.memory.put_u32(mode, 0 if node else told.mode)
    size = ((maxnode - 1 + 63 & (1 << 64) - 1) // 64) * 8 if nodemask else 0
    if size > _PAGE:
        return -errno.EINVAL
    if size:
        thread.memory.write(nodemask, told.nodes.to_bytes(_WORD, "little") + bytes(size - _WORD))
    return 0
