"""Policies of where memory comes from, on a machine with one node: what is valid, and how they are kept (mm/mempolicy.c)."""

import errno
import os
from typing import NamedTuple

from syscalls import numbers
from syscalls.flags.memory import Policy as Mode
from syscalls.memory import Memory
from syscalls.process import Thread

ONLINE = 1
"""The nodes that there are, as bits: node 0."""

MODE = 0xFF
"""The part of a policy's mode that is no flag."""

NODES = 64
"""MAX_NUMNODES: more have no bit in a mask."""

_PAGE = 4096
_LAST = Mode.MPOL_WEIGHTED_INTERLEAVE
_PLACED = Mode.MPOL_F_STATIC_NODES | Mode.MPOL_F_RELATIVE_NODES
_FLAGS = _PLACED | Mode.MPOL_F_NUMA_BALANCING
_KEY = -numbers.set_mempolicy  # a key of `Thread.settings` that is no operation of prctl(2)
_SHIFT = 32


class Policy(NamedTuple):
    """A mode with its flags (MPOL_*), and nodes as bits."""

    mode: int = Mode.MPOL_DEFAULT
    nodes: int = 0

    @property
    def packed(self) -> int:
        """As one number, 0 for the default."""
        return self.mode | self.nodes << _SHIFT


DEFAULT = Policy()


def unpacked(number: int) -> Policy:
    """The policy of `Policy.packed`."""
    return Policy(number & (1 << _SHIFT) - 1, number >> _SHIFT)


def of(thread: Thread) -> Policy:
    """A thread's."""
    return unpacked(thread.settings.get(_KEY, 0))


def keep(thread: Thread, policy: Policy) -> None:
    """Makes it the thread's; its children inherit it."""
    thread.settings[_KEY] = policy.packed


def invalid() -> OSError:
    """EINVAL."""
    return OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def read_nodes(memory: Memory, address: int, count: int) -> int:
    """A mask of `count - 1` nodes as bits (get_nodes); raises EINVAL, EFAULT."""
    count = (count - 1) & (1 << 64) - 1
    if not count or not address:
        return 0
    if count > _PAGE * 8:
        raise invalid()
    data = memory.read(address, -(-count // 64) * 8)
    found = int.from_bytes(data, "little") & (1 << count) - 1
    if found >> NODES:
        raise invalid()
    return found


def check_mode(mode: int) -> None:
    """sanitize_mpol_flags: raises EINVAL."""
    kind, flags = mode & ~_FLAGS, mode & _FLAGS
    if not 0 <= kind <= _LAST or flags & _PLACED == _PLACED:
        raise invalid()
    if flags & Mode.MPOL_F_NUMA_BALANCING and kind not in (Mode.MPOL_BIND, Mode.MPOL_PREFERRED_MANY):
        raise invalid()


def made(mode: int, nodes: int) -> Policy:
    """mpol_new and mpol_set_nodemask, of a mode that was checked: raises EINVAL for what names no node that there is."""
    kind, flags = mode & ~_FLAGS, mode & _FLAGS
    if kind == Mode.MPOL_DEFAULT:
        if nodes:
            raise invalid()
        return DEFAULT
    if kind == Mode.MPOL_LOCAL or (kind == Mode.MPOL_PREFERRED and not nodes):
        if nodes or flags & _PLACED:
            raise invalid()
        return Policy(Mode.MPOL_LOCAL)
    if not nodes or (not nodes & ONLINE and not flags & Mode.MPOL_F_RELATIVE_NODES):
        raise invalid()
    return Policy(mode, nodes if flags & _PLACED else nodes & ONLINE)
