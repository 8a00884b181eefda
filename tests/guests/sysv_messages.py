"""System V message queues: types, sizes, waiting for a message and for room, copies, removal."""

from process_tools import ended, fork, leave, nap
from say import check, result, say, say_number
from signal_tools import install

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.ipc import Ipc, MsgCtl, MsgFlag

UNMAPPED = 0x10000
KEY = 0x7E57A003
NOW = MsgFlag.IPC_NOWAIT


@struct
class Message:
    """struct msgbuf."""

    type: i64
    text: array[u8, 9000]


@struct
class Msqid:
    """struct msqid64_ds."""

    key: u32
    uid: u32
    gid: u32
    cuid: u32
    cgid: u32
    mode: u32
    seq: u16
    pad: array[u16, 3]
    unused: array[u64, 2]
    stime: u64
    rtime: u64
    ctime: u64
    cbytes: u64
    qnum: u64
    qbytes: u64
    lspid: u32
    lrpid: u32
    unused2: array[u64, 2]


message: Message
about: Msqid
room: array[u32, 16]


def handled(_signal: i64, _info: ptr[i32], _context: ptr[u64]) -> None:
    """Nothing."""


def send(label: bytes, queue: i64, kind: i64, size: i64, flags: i64) -> i64:
    """msgsnd of a text whose first letter tells its type."""
    message.type = kind
    message.text[0] = u8(0x40 + kind)
    return result(label, syscall(numbers.msgsnd, queue, addr(message), size, flags))


def receive(label: bytes, queue: i64, size: i64, kind: i64, flags: i64) -> i64:
    """msgrcv."""
    message.type = -1
    value = result(label, syscall(numbers.msgrcv, queue, addr(message), size, kind, flags))
    if value >= 0:
        say(b" type ")
        say_number(message.type)
        say(b" ")
        if value > 0:
            say(message.text[:1])
        say(b"\n")
    return value


def state(label: bytes, queue: i64) -> None:
    """IPC_STAT."""
    if result(label, syscall(numbers.msgctl, queue, MsgCtl.IPC_STAT, addr(about))) == 0:
        result(b" mode", about.mode)
        result(b" bytes", i64(about.cbytes))
        result(b" messages", i64(about.qnum))
        result(b" room", i64(about.qbytes))
        me = syscall(numbers.getpid)
        say_number(1 if i64(about.lspid) == me else 0)
        say_number(1 if i64(about.lrpid) == me else 0)
        say(b"\n")


def types(queue: i64) -> None:
    """Which message comes."""
    for kind in range(5, 0, -1):
        send(b"send", queue, kind, kind * 10, 0)
    send(b"another 3", queue, 3, 33, 0)
    state(b"six", queue)
    receive(b"copy 0", queue, 100, 0, NOW | MsgFlag.MSG_COPY)
    receive(b"copy 5", queue, 100, 5, NOW | MsgFlag.MSG_COPY)
    receive(b"copy 6", queue, 100, 6, NOW | MsgFlag.MSG_COPY)
    receive(b"copy that would wait", queue, 100, 0, MsgFlag.MSG_COPY)
    receive(b"copy except", queue, 100, 0, NOW | MsgFlag.MSG_COPY | MsgFlag.MSG_EXCEPT)
    receive(b"too small", queue, 10, 0, 0)
    receive(b"cut", queue, 10, 0, MsgFlag.MSG_NOERROR)
    receive(b"a 3", queue, 100, 3, 0)
    receive(b"no 9", queue, 100, 9, NOW)
    receive(b"up to 2", queue, 100, -2, 0)
    receive(b"up to 3", queue, 100, -3, 0)
    receive(b"none of up to 2", queue, 100, -2, NOW)
    receive(b"not 4", queue, 100, 4, MsgFlag.MSG_EXCEPT)
    receive(b"the last", queue, 100, 0, 0)
    receive(b"none", queue, 100, 0, NOW)
    state(b"empty", queue)


def waiting(queue: i64) -> None:
    """For a message, for room."""
    child = fork()
    if child == 0:
        receive(b"waited", queue, 100, 7, 0)
        leave(0)
    nap(20)
    send(b"not that", queue, 6, 5, 0)
    nap(5)
    message.type = 7
    message.text[0] = 0x47
    syscall(numbers.msgsnd, queue, addr(message), 5, 0)
    ended(b"child", child)
    receive(b"left", queue, 100, 0, NOW)
    child = fork()
    if child == 0:
        leave(-syscall(numbers.msgrcv, queue, addr(message), 4, 0, 0))
    nap(20)
    send(b"too large for it", queue, 6, 5, 0)
    ended(b"child", child)
    receive(b"left", queue, 100, 0, NOW)
    send(b"full", queue, 1, 8192, 0)
    send(b"full", queue, 2, 8192, 0)
    send(b"fuller", queue, 3, 1, NOW)
    send(b"nothing", queue, 3, 0, NOW)
    child = fork()
    if child == 0:
        message.type = 4
        leave(-syscall(numbers.msgsnd, queue, addr(message), 8000, 0))
    nap(20)
    receive(b"room", queue, 8192, 1, 0)
    ended(b"child", child)
    state(b"then", queue)
    install(10, handled, 0x10000000, 0)
    child = fork()
    if child == 0:
        message.type = 5
        leave(-syscall(numbers.msgsnd, queue, addr(message), 5000, 0))
    nap(20)
    syscall(numbers.kill, child, 10)
    ended(b"send and a signal", child)
    child = fork()
    if child == 0:
        leave(-syscall(numbers.msgrcv, queue, addr(message), 5000, 77, 0))
    nap(20)
    syscall(numbers.kill, child, 10)
    ended(b"receive and a signal", child)
    about.qbytes = 20
    result(b"less room", syscall(numbers.msgctl, queue, MsgCtl.IPC_SET, addr(about)))
    state(b"then", queue)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    result(b"missing", syscall(numbers.msgget, KEY, 0o600))
    queue = syscall(numbers.msgget, KEY, Ipc.IPC_CREAT | Ipc.IPC_EXCL | 0o640)
    check(b"make", queue >= 0)
    check(b"find", syscall(numbers.msgget, KEY, 0) == queue)
    result(b"make again", syscall(numbers.msgget, KEY, Ipc.IPC_CREAT | Ipc.IPC_EXCL | 0o600))
    state(b"new", queue)
    send(b"type 0", queue, 0, 1, 0)
    send(b"type -1", queue, -1, 1, 0)
    send(b"too large", queue, 1, 8193, 0)
    send(b"negative", queue, 1, -1, 0)
    send(b"no queue", 0x7FFFFFFF, 1, 1, 0)
    send(b"negative queue", -1, 1, 1, 0)
    result(b"unmapped", syscall(numbers.msgsnd, queue, UNMAPPED, 1, 0))
    receive(b"no queue", 0x7FFFFFFF, 1, 0, 0)
    receive(b"negative", queue, -1, 0, 0)
    receive(b"nothing", queue, 1, 0, NOW)
    types(queue)
    send(b"lost", queue, 1, 4, 0)
    result(b"to nowhere", syscall(numbers.msgrcv, queue, UNMAPPED, 9, 0, 0))
    receive(b"nothing is left", queue, 9, 0, NOW)
    waiting(queue)
    result(b"stat, unmapped", syscall(numbers.msgctl, queue, MsgCtl.IPC_STAT, UNMAPPED))
    result(b"unknown", syscall(numbers.msgctl, queue, 99, addr(about)))
    result(b"no queue", syscall(numbers.msgctl, 0x7FFFFFFF, MsgCtl.IPC_STAT, addr(about)))
    check(b"by index", syscall(numbers.msgctl, queue & 0x7FFF, MsgCtl.MSG_STAT, addr(about)) == queue)
    check(b"info", syscall(numbers.msgctl, 0, MsgCtl.IPC_INFO, room.ptr) >= 0)
    for i in range(8):
        say_number(room[i])
        say(b" ")
    say(b"\n")
    check(b"usage", syscall(numbers.msgctl, 0, MsgCtl.MSG_INFO, room.ptr) >= 0)
    check(b" queues", room[0] >= 1 and room[1] >= 1)
    child = fork()
    if child == 0:
        leave(-syscall(numbers.msgrcv, queue, addr(message), 5000, 77, 0))
    other = fork()
    if other == 0:
        message.type = 5
        leave(-syscall(numbers.msgsnd, queue, addr(message), 5000, 0))
    nap(20)
    result(b"remove", syscall(numbers.msgctl, queue, MsgCtl.IPC_RMID, 0))
    ended(b"who waited for a message", child)
    ended(b"who waited for room", other)
    result(b"remove again", syscall(numbers.msgctl, queue, MsgCtl.IPC_RMID, 0))
    return 0
