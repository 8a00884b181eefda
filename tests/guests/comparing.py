"""kcmp: what two processes have in common after fork and clone, and which descriptors are one open file."""

from gates import Gate
from process_tools import ended, fork, leave
from say import check, result
from spawn import clone_onto, prepared_stack

from guest.lang import array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.system import Kcmp
from syscalls.flags.threads import Clone

NOBODY = 0x3FFFFF
UNMAPPED = 0x10000
gate: Gate


def same(label: bytes, one: i64, two: i64, what: i64, first: u64, second: u64) -> None:
    """Whether they are the same, or an error."""
    value = syscall(numbers.kcmp, one, two, what, first, second)
    if value < 0:
        result(label, value)
    else:
        check(label, value == 0)


def hold(_argument: u64) -> i64:
    """A process that waits."""
    gate.wait()
    return 0


def all_of(label: bytes, one: i64, two: i64) -> None:
    """Every kind."""
    result(label, 0)
    same(b" memory", one, two, Kcmp.KCMP_VM, 0, 0)
    same(b" descriptors", one, two, Kcmp.KCMP_FILES, 0, 0)
    same(b" directories", one, two, Kcmp.KCMP_FS, 0, 0)
    same(b" signals", one, two, Kcmp.KCMP_SIGHAND, 0, 0)
    same(b" io", one, two, Kcmp.KCMP_IO, 0, 0)
    same(b" undo", one, two, Kcmp.KCMP_SYSVSEM, 0, 0)
    same(b" a file", one, two, Kcmp.KCMP_FILE, 1, 1)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    me = syscall(numbers.getpid)
    gate.make()
    same(b"nobody", me, NOBODY, Kcmp.KCMP_VM, 0, 0)
    same(b"nobody first", NOBODY, me, Kcmp.KCMP_VM, 0, 0)
    same(b"zero", me, 0, Kcmp.KCMP_VM, 0, 0)
    same(b"unknown", me, me, 8, 0, 0)
    same(b"not open", me, me, Kcmp.KCMP_FILE, 1, 63)
    all_of(b"itself", me, me)
    again = syscall(numbers.dup, gate.inside)
    same(b"a duplicate", me, me, Kcmp.KCMP_FILE, gate.inside, u64(again))
    same(b"the other end", me, me, Kcmp.KCMP_FILE, gate.inside, gate.outside)
    one = syscall(numbers.kcmp, me, me, Kcmp.KCMP_FILE, gate.inside, gate.outside)
    two = syscall(numbers.kcmp, me, me, Kcmp.KCMP_FILE, gate.outside, gate.inside)
    check(b"in order", one + two == 3)
    child = fork()
    if child == 0:
        leave(hold(0))
    all_of(b"a child", me, child)
    gate.open()
    ended(b"child", child)
    flags = Clone.CLONE_VM | Clone.CLONE_FILES | Clone.CLONE_FS | Clone.CLONE_SIGHAND | 17
    child = clone_onto(u64(flags), prepared_stack(0, hold, 0), 0, 0, 0)
    all_of(b"a child that shares", me, child)
    gate.open()
    ended(b"child", child)
    epoll = syscall(numbers.epoll_create1, 0)
    event = array[u32, 3]([1, 0, 0])
    syscall(numbers.epoll_ctl, epoll, 1, again, event.ptr)
    slot = array[u32, 3]([u32(epoll), u32(again), 0])
    same(b"watched", me, me, Kcmp.KCMP_EPOLL_TFD, u64(again), u64(slot.ptr))
    same(b"its duplicate", me, me, Kcmp.KCMP_EPOLL_TFD, gate.inside, u64(slot.ptr))
    same(b"another", me, me, Kcmp.KCMP_EPOLL_TFD, gate.outside, u64(slot.ptr))
    slot[2] = 1
    same(b"offset", me, me, Kcmp.KCMP_EPOLL_TFD, u64(again), u64(slot.ptr))
    slot[2] = 0
    slot[1] = gate.outside
    same(b"not watched", me, me, Kcmp.KCMP_EPOLL_TFD, u64(again), u64(slot.ptr))
    slot[0] = 63
    same(b"no epoll", me, me, Kcmp.KCMP_EPOLL_TFD, u64(again), u64(slot.ptr))
    same(b"unmapped", me, me, Kcmp.KCMP_EPOLL_TFD, u64(again), UNMAPPED)
    return 0
