"""System V semaphores: values, operations that happen together, waiting, undoing at the end of a process, removal."""

from process_tools import ended, fork, leave, nap
from say import check, result, say, say_number
from signal_tools import install

from guest.lang import addr, array, i16, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.ipc import Ipc, SemCtl, SemOp

UNMAPPED = 0x10000
KEY = 0x7E57A002


@struct
class Sembuf:
    """struct sembuf."""

    number: u16
    change: i16
    flags: i16


@struct
class Semid:
    """struct semid64_ds."""

    key: u32
    uid: u32
    gid: u32
    cuid: u32
    cgid: u32
    mode: u32
    seq: u16
    pad: array[u16, 3]
    unused: array[u64, 2]
    otime: u64
    pad2: u64
    ctime: u64
    pad3: u64
    nsems: u64
    pad4: array[u64, 2]


operations: array[Sembuf, 4]
values: array[u16, 8]
about: Semid
room: array[u32, 16]


def handled(_signal: i64, _info: ptr[i32], _context: ptr[u64]) -> None:
    """Nothing."""


def one(index: i64, number: i64, change: i64, flags: i64) -> None:
    """Puts an operation in its place."""
    operations[index].number = u16(number)
    operations[index].change = i16(change)
    operations[index].flags = i16(flags)


def do(found: i64, count: i64) -> i64:
    """semop."""
    return syscall(numbers.semop, found, addr(operations[0]), count)


def op(label: bytes, found: i64, number: i64, change: i64, flags: i64) -> None:
    """One operation."""
    one(0, number, change, flags)
    result(label, do(found, 1))


def ctl(label: bytes, found: i64, number: i64, command: i64, argument: u64) -> i64:
    """semctl."""
    return result(label, syscall(numbers.semctl, found, number, command, argument))


def show(label: bytes, found: i64) -> None:
    """All values."""
    result(label, syscall(numbers.semctl, found, 0, SemCtl.GETALL, values.ptr))
    for i in range(3):
        say(b" ")
        say_number(values[i])
    say(b"\n")


def await_waiting(found: i64, number: i64, command: i64, count: i64) -> None:
    """Lets the others run until so many wait."""
    while syscall(numbers.semctl, found, number, command, 0) != count:
        nap(1)


def errors(found: i64) -> None:
    """What is refused."""
    result(b"none", do(found, 0))
    result(b"too many", do(found, 501))
    result(b"negative", do(-1, 1))
    result(b"no set", do(0x7FFFFFFF, 1))
    result(b"unmapped", syscall(numbers.semop, found, UNMAPPED, 1))
    op(b"number", found, 3, 1, 0)
    op(b"too much", found, 0, 32767, 0)
    op(b"more", found, 0, 1, 0)
    op(b"not now", found, 1, -1, SemOp.IPC_NOWAIT)
    op(b"not zero", found, 0, 0, SemOp.IPC_NOWAIT)
    op(b"zero", found, 1, 0, SemOp.IPC_NOWAIT)
    one(0, 1, 1, 0)
    one(1, 2, -1, SemOp.IPC_NOWAIT)
    result(b"both or none", do(found, 2))
    show(b"none", found)
    one(1, 1, -1, SemOp.IPC_NOWAIT)
    result(b"one after the other", do(found, 2))
    span = array[i64, 2]([0, 1000000000])
    one(0, 1, -1, 0)
    call = numbers.semtimedop
    result(b"time", syscall(call, found, addr(operations[0]), 1, span.ptr))
    result(b"time, unmapped", syscall(call, found, addr(operations[0]), 1, UNMAPPED))
    span[1] = 20000000
    result(b"in time", syscall(call, found, addr(operations[0]), 1, span.ptr))
    span[1] = 0
    result(b"at once", syscall(call, found, addr(operations[0]), 1, span.ptr))
    ctl(b"value of none", found, 3, SemCtl.GETVAL, 0)
    ctl(b"value of nobody", found, -1, SemCtl.GETVAL, 0)
    ctl(b"set too much", found, 0, SemCtl.SETVAL, 32768)
    ctl(b"set negative", found, 0, SemCtl.SETVAL, 0xFFFFFFFF)
    ctl(b"set none", found, 3, SemCtl.SETVAL, 1)
    ctl(b"unknown", found, 0, 99, 0)
    ctl(b"all, unmapped", found, 0, SemCtl.GETALL, UNMAPPED)
    ctl(b"stat, unmapped", found, 0, SemCtl.IPC_STAT, UNMAPPED)
    values[0] = 5
    values[1] = 40000
    ctl(b"set all, too much", found, 0, SemCtl.SETALL, u64(values.ptr))
    values[1] = 6
    values[2] = 0
    ctl(b"set all", found, 0, SemCtl.SETALL, u64(values.ptr))
    ctl(b"value", found, 1, SemCtl.GETVAL, 0)
    check(b"by me", syscall(numbers.semctl, found, 1, SemCtl.GETPID, 0) == syscall(numbers.getpid))


def waiting(found: i64) -> None:
    """Who waits goes on when it can."""
    values[0] = 0
    values[1] = 0
    values[2] = 1
    ctl(b"set all", found, 0, SemCtl.SETALL, u64(values.ptr))
    child = fork()
    if child == 0:
        one(0, 0, -2, 0)
        one(1, 1, 1, 0)
        leave(do(found, 2))
    await_waiting(found, 0, SemCtl.GETNCNT, 1)
    op(b"half of it", found, 0, 1, 0)
    ctl(b"it waits", found, 0, SemCtl.GETNCNT, 0)
    zero = fork()
    if zero == 0:
        one(0, 2, 0, 0)
        one(1, 2, 3, 0)
        leave(do(found, 2))
    await_waiting(found, 2, SemCtl.GETZCNT, 1)
    ctl(b"that one, too", found, 2, SemCtl.GETNCNT, 0)
    op(b"the other half", found, 0, 1, 0)
    ended(b"child", child)
    show(b"now", found)
    op(b"to zero", found, 2, -1, 0)
    ended(b"the other", zero)
    show(b"now", found)
    child = fork()
    if child == 0:
        one(0, 0, -1, 0)
        leave(-do(found, 1))
    await_waiting(found, 0, SemCtl.GETNCNT, 1)
    ctl(b"set", found, 0, SemCtl.SETVAL, 4)
    ended(b"child", child)
    show(b"now", found)
    install(10, handled, 0x10000000, 0)
    child = fork()
    if child == 0:
        one(0, 1, -9, 0)
        leave(-do(found, 1))
    await_waiting(found, 1, SemCtl.GETNCNT, 1)
    syscall(numbers.kill, child, 10)
    ended(b"by a signal, never restarted", child)


def undoing(found: i64) -> None:
    """SEM_UNDO."""
    ctl(b"set", found, 0, SemCtl.SETVAL, 5)
    child = fork()
    if child == 0:
        one(0, 0, -3, SemOp.SEM_UNDO)
        one(1, 1, 2, SemOp.SEM_UNDO)
        result(b"change", do(found, 2))
        op(b"more", found, 0, 1, SemOp.SEM_UNDO)
        show(b"in the child", found)
        leave(0)
    ended(b"child", child)
    show(b"taken back", found)
    child = fork()
    if child == 0:
        op(b"change", found, 0, 7, SemOp.SEM_UNDO)
        ctl(b"forgotten", found, 0, SemCtl.SETVAL, 1)
        leave(0)
    ended(b"child", child)
    show(b"left", found)
    child = fork()
    if child == 0:
        op(b"change", found, 0, 7, SemOp.SEM_UNDO)
        op(b"without", found, 0, -8, 0)
        leave(0)
    ended(b"child", child)
    show(b"not below zero", found)
    child = fork()
    if child == 0:
        one(0, 0, 20000, SemOp.SEM_UNDO)
        one(1, 0, -20000, 0)
        result(b"change", do(found, 2))
        result(b"too much to undo", do(found, 2))
        leave(0)
    ended(b"child", child)
    child = fork()
    if child == 0:
        op(b"change", found, 1, 3, SemOp.SEM_UNDO)
        result(b"unshare", syscall(numbers.unshare, 0x40000))
        show(b"taken back at once", found)
        leave(0)
    ended(b"child", child)
    waits = fork()
    if waits == 0:
        one(0, 2, -90, 0)
        leave(-do(found, 1))
    await_waiting(found, 2, SemCtl.GETNCNT, 1)
    child = fork()
    if child == 0:
        op(b"take", found, 2, -3, SemOp.SEM_UNDO)
        leave(0)
    ended(b"child", child)
    op(b"enough", found, 2, 87, 0)
    ended(b"who waited", waits)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    call = numbers.semget
    result(b"missing", syscall(call, KEY, 1, 0o600))
    result(b"none", syscall(call, KEY, 0, Ipc.IPC_CREAT | 0o600))
    result(b"negative", syscall(call, KEY, -1, Ipc.IPC_CREAT | 0o600))
    result(b"too many", syscall(call, KEY, 32001, Ipc.IPC_CREAT | 0o600))
    found = syscall(call, KEY, 3, Ipc.IPC_CREAT | Ipc.IPC_EXCL | 0o640)
    check(b"make", found >= 0)
    check(b"find", syscall(call, KEY, 0, 0) == found)
    check(b"find", syscall(call, KEY, 3, Ipc.IPC_CREAT | 0o600) == found)
    result(b"find more", syscall(call, KEY, 4, 0o600))
    result(b"make again", syscall(call, KEY, 3, Ipc.IPC_CREAT | Ipc.IPC_EXCL | 0o600))
    ctl(b"stat", found, 0, SemCtl.IPC_STAT, u64(addr(about)))
    result(b" mode", about.mode)
    result(b" count", i64(about.nsems))
    result(b" operated", i64(about.otime))
    check(b" changed", about.ctime > 0)
    errors(found)
    ctl(b"stat", found, 0, SemCtl.IPC_STAT, u64(addr(about)))
    check(b" operated", about.otime > 0)
    waiting(found)
    undoing(found)
    about.mode = 0o7600
    ctl(b"set mode", found, 0, SemCtl.IPC_SET, u64(addr(about)))
    check(b"by index", syscall(numbers.semctl, found & 0x7FFF, 0, SemCtl.SEM_STAT, addr(about)) == found)
    result(b" mode", about.mode)
    check(b"info", syscall(numbers.semctl, 0, 0, SemCtl.IPC_INFO, room.ptr) >= 0)
    for i in range(10):
        say_number(room[i])
        say(b" ")
    say(b"\n")
    check(b"usage", syscall(numbers.semctl, 0, 0, SemCtl.SEM_INFO, room.ptr) >= 0)
    check(b" sets", room[7] >= 1 and room[9] >= 3)
    child = fork()
    if child == 0:
        one(0, 1, -99, SemOp.SEM_UNDO)
        leave(-do(found, 1))
    await_waiting(found, 1, SemCtl.GETNCNT, 1)
    ctl(b"remove", found, 0, SemCtl.IPC_RMID, 0)
    ended(b"who waited", child)
    ctl(b"remove again", found, 0, SemCtl.IPC_RMID, 0)
    op(b"gone", found, 0, 1, 0)
    result(b"missing", syscall(call, KEY, 1, 0o600))
    return 0
