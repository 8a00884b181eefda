"""Memory policies on a machine with one node: set_mempolicy, mbind, get_mempolicy, migrate_pages, move_pages."""

from process_tools import ended, fork, leave
from say import result, say, say_hex, say_number

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.memory import Policy, PolicyFlags

NOBODY = 0x3FFFFF
UNMAPPED = 0x10000
mask: array[u64, 16]
mode: i32


def nodes(bits: i64) -> u64:
    """A mask."""
    mask[0] = u64(bits)
    return u64(addr(mask[0]))


def put(label: bytes, policy: i64, bits: i64, count: i64) -> None:
    """set_mempolicy, and what it says then."""
    result(label, syscall(numbers.set_mempolicy, policy, nodes(bits) if count != 0 else 0, count))
    get(b" is", 0, 0)


def get(label: bytes, at: u64, flags: i64) -> None:
    """get_mempolicy."""
    global mode
    mode = -1
    mask[0] = 0
    value = syscall(numbers.get_mempolicy, addr(mode), addr(mask[0]), 1024, at, flags)
    result(label, value)
    if value == 0:
        say(b"  mode ")
        say_number(mode)
        say(b" nodes ")
        say_hex(mask[0])
        say(b"\n")


def bind(label: bytes, at: u64, size: i64, policy: i64, bits: i64, flags: i64) -> None:
    """mbind."""
    result(label, syscall(numbers.mbind, at, size, policy, nodes(bits), 64, flags))


def moved(label: bytes, pid: i64, pages: u64, count: i64, wanted: u64, flags: i64) -> None:
    """move_pages of up to four pages."""
    status = array[i32, 4]([9, 9, 9, 9])
    result(label, syscall(numbers.move_pages, pid, count, pages, wanted, status.ptr, flags))
    for i in range(4):
        say_number(status[i])
        say(b" ")
    say(b"\n")


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    get(b"at first", 0, 0)
    put(b"bind", Policy.MPOL_BIND, 1, 64)
    put(b"bind, another node", Policy.MPOL_BIND, 2, 64)
    put(b"bind, nothing", Policy.MPOL_BIND, 0, 64)
    put(b"bind, both", Policy.MPOL_BIND, 3, 64)
    put(b"prefer", Policy.MPOL_PREFERRED, 1, 64)
    put(b"prefer none", Policy.MPOL_PREFERRED, 0, 0)
    put(b"interleave", Policy.MPOL_INTERLEAVE, 1, 64)
    put(b"local", Policy.MPOL_LOCAL, 0, 0)
    put(b"local, with a node", Policy.MPOL_LOCAL, 1, 64)
    put(b"default, with a node", Policy.MPOL_DEFAULT, 1, 64)
    put(b"unknown", 99, 1, 64)
    put(b"negative", -1, 1, 64)
    put(b"static", Policy.MPOL_BIND | Policy.MPOL_F_STATIC_NODES, 1, 64)
    put(b"static and relative", Policy.MPOL_BIND | 0xC000, 1, 64)
    put(b"relative", Policy.MPOL_BIND | Policy.MPOL_F_RELATIVE_NODES, 1, 64)
    put(b"too many", Policy.MPOL_BIND, 1, 40000)
    result(b"unmapped", syscall(numbers.set_mempolicy, Policy.MPOL_BIND, UNMAPPED, 64))
    put(b"a mask of one bit", Policy.MPOL_BIND, 1, 2)
    put(b"a mask of none", Policy.MPOL_BIND, 1, 1)
    child = fork()
    if child == 0:
        get(b"in a child", 0, 0)
        leave(0)
    ended(b"child", child)
    put(b"default", Policy.MPOL_DEFAULT, 0, 0)
    memory = u64(syscall(numbers.mmap, 0, 4 * 4096, 3, 0x22, -1, 0))
    ptr[u8](memory)[0] = 1
    at = PolicyFlags.MPOL_F_ADDR
    get(b"of a place", memory, at)
    bind(b"mbind", memory, 8192, Policy.MPOL_BIND, 1, 0)
    get(b"of the place", memory, at)
    get(b"of the place behind", memory + 8192, at)
    get(b"its node", memory, at | PolicyFlags.MPOL_F_NODE)
    bind(b"moving", memory, 4096, Policy.MPOL_PREFERRED, 1, 3)
    get(b"first", memory, at)
    get(b"second", memory + 4096, at)
    bind(b"misaligned", memory + 1, 4096, Policy.MPOL_BIND, 1, 0)
    bind(b"unknown flags", memory, 4096, Policy.MPOL_BIND, 1, 0x100)
    bind(b"nothing", memory, 0, Policy.MPOL_BIND, 1, 0)
    bind(b"a hole", UNMAPPED, 4096, Policy.MPOL_BIND, 1, 0)
    bind(b"a hole, unknown mode", UNMAPPED, 4096, 99, 1, 0)
    bind(b"another node", memory, 4096, Policy.MPOL_BIND, 2, 0)
    home = numbers.set_mempolicy_home_node
    result(b"home", syscall(home, memory + 4096, 4096, 0, 0))
    result(b"home of what prefers", syscall(home, memory, 4096, 0, 0))
    result(b"home of what has none", syscall(home, memory + 8192, 4096, 0, 0))
    result(b"home that is none", syscall(home, memory, 4096, 63, 0))
    result(b"home, flags", syscall(home, memory, 4096, 0, 1))
    result(b"home, misaligned", syscall(home, memory + 1, 4096, 0, 0))
    bind(b"no more", memory, 8192, Policy.MPOL_DEFAULT, 0, 0)
    get(b"first", memory, at)
    pages = array[u64, 4]([memory, memory + 4096, UNMAPPED, 0])
    where = array[i32, 4]()
    moved(b"where they are", 0, u64(pages.ptr), 4, 0, 0)
    moved(b"moved", 0, u64(pages.ptr), 4, u64(where.ptr), 2)
    where[0] = 1
    moved(b"moved to another", 0, u64(pages.ptr), 1, u64(where.ptr), 2)
    moved(b"none", 0, u64(pages.ptr), 0, 0, 0)
    moved(b"flags", 0, u64(pages.ptr), 4, 0, 1)
    moved(b"nobody", NOBODY, u64(pages.ptr), 4, 0, 0)
    moved(b"unmapped", 0, UNMAPPED, 4, 0, 0)
    result(b"migrate", syscall(numbers.migrate_pages, 0, 64, nodes(1), nodes(1)))
    result(b"migrate nobody", syscall(numbers.migrate_pages, NOBODY, 64, nodes(1), nodes(1)))
    result(b"migrate, unmapped", syscall(numbers.migrate_pages, 0, 64, UNMAPPED, nodes(1)))
    return 0
