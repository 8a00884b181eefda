"""System V message queues: msgget, msgsnd, msgrcv, msgctl (ipc/msg.c)."""

import errno
from typing import Annotated

from syscalls.args import Int, Long, OutStruct, Result
from syscalls.flags.ipc import MsgCtl, MsgFlag
from syscalls.ipc import MOST_QUEUES, PERM, READ, WRITE, fail, ipc_of, now
from syscalls.messages_queued import LARGEST, MEMORY, ROOM, Message, Queue, Receiver, Wanted, held
from syscalls.process import Thread
from syscalls.structs import Layout
from syscalls.table import syscall
from syscalls.types_ipc import IpcFlags, IpcKey, MessageCommand, MessageFlags
from syscalls.types_messages import InMessage, OutMessage
from syscalls.wait import RESTARTNOHAND, Blocking, Wait, Wake

Msqid = Layout(
    "msqid64_ds", *PERM, ("q", "msg_stime"), ("q", "msg_rtime"), ("q", "msg_ctime"), ("Q", "msg_cbytes"),
    ("Q", "msg_qnum"), ("Q", "msg_qbytes"), ("i", "msg_lspid"), ("i", "msg_lrpid"), ("16x", ""),
)  # fmt: skip
Msginfo = Layout(
    "msginfo",
    *(("i", name) for name in ("msgpool", "msgmap", "msgmax", "msgmnb", "msgmni", "msgssz", "msgtql")),
    ("H", "msgseg"),
    ("2x", ""),
)
_SEGMENT, _SEGMENTS = 16, 0xFFFF
_MSGTQL = _MSGMAP = ROOM
_MSGPOOL = MOST_QUEUES * ROOM // 1024


@syscall
def msgget(thread: Thread, key: IpcKey, msgflg: IpcFlags) -> Result:
    """msgget(2)."""
    ipc = ipc_of(thread)
    return ipc.messages.get(thread, key, msgflg, lambda: Queue(thread, msgflg, ipc), lambda _: True)


@syscall
def msgsnd(
    thread: Thread, msqid: Int, msgp: Annotated[int, InMessage("msgsz")], msgsz: Long, msgflg: MessageFlags
) -> Result:
    """msgsnd(2)."""
    kind = (thread.memory.u64(msgp) ^ 1 << 63) - (1 << 63)
    if not 0 <= msgsz <= LARGEST or msqid < 0 or kind < 1:
        return -errno.EINVAL
    message = Message(kind, thread.memory.read(msgp + 8, msgsz))
    ipc = ipc_of(thread)
    queue: Queue = ipc.messages.named(msqid)
    queue.check(thread, WRITE)
    if not queue.has_room(msgsz):
        return -errno.EAGAIN if msgflg & MsgFlag.IPC_NOWAIT else _send(thread, queue, message)
    if held(ipc) + msgsz > MEMORY:
        return -errno.ENOMEM
    queue.put(thread, message)
    return 0


def _send(thread: Thread, queue: Queue, message: Message) -> Blocking:
    while True:
        wake = yield Wait(queue=queue.senders)
        if queue.gone:
            return -errno.EIDRM
        queue.check(thread, WRITE)
        if queue.has_room(len(message.data)):
            queue.put(thread, message)
            return 0
        if wake is Wake.INTERRUPTED:
            return RESTARTNOHAND


@syscall
def msgrcv(
    thread: Thread,
    msqid: Int,
    msgp: Annotated[int, OutMessage()],
    msgsz: Long,
    msgtyp: Long,
    msgflg: MessageFlags,
) -> Result:
    """msgrcv(2)."""
    if msqid < 0 or msgsz < 0:
        return -errno.EINVAL
    if msgflg & MsgFlag.MSG_COPY and (msgflg & MsgFlag.MSG_EXCEPT or not msgflg & MsgFlag.IPC_NOWAIT):
        return -errno.EINVAL
    wanted = Wanted(msgtyp, msgsz, msgflg)
    queue: Queue = ipc_of(thread).messages.named(msqid)
    queue.check(thread, READ)
    found = wanted.choose(queue.messages)
    if found is None:
        if msgflg & MsgFlag.IPC_NOWAIT:
            return -errno.ENOMSG
        return _receive(thread, queue, wanted, msgp)
    if wanted.is_too_small(found):
        return -errno.E2BIG
    if not msgflg & MsgFlag.MSG_COPY:
        queue.take(thread, found)
    return _store(thread, found, wanted, msgp)


def _store(thread: Thread, message: Message, wanted: Wanted, msgp: int) -> int:
    size = min(wanted.room, len(message.data))
    thread.memory.put_u64(msgp, message.type)
    thread.memory.write(msgp + 8, message.data[:size])
    return size


def _receive(thread: Thread, queue: Queue, wanted: Wanted, msgp: int) -> Blocking:
    receiver = Receiver(thread.process, wanted)
    queue.receivers.append(receiver)
    try:
        yield Wait(queue=receiver.queue)
    finally:
        if receiver in queue.receivers:
            queue.receivers.remove(receiver)
    given = receiver.given
    if given is None:
        return RESTARTNOHAND
    return _store(thread, given, wanted, msgp) if isinstance(given, Message) else given


@syscall(partial="nobody may give a queue more than 16,384 bytes; all messages together have 64 MiB")
def msgctl(thread: Thread, msqid: Int, cmd: MessageCommand, buf: Annotated[int, OutStruct(Msqid)]) -> Result:
    """msgctl(2)."""
    if msqid < 0 or cmd < 0:
        return -errno.EINVAL
    table, memory = ipc_of(thread).messages, thread.memory
    if cmd in (MsgCtl.IPC_INFO, MsgCtl.MSG_INFO):
        pool, headers, total = _MSGPOOL, _MSGMAP, _MSGTQL
        if cmd == MsgCtl.MSG_INFO:
            queues = list(table.objects.values())
            pool = len(queues)
            headers, total = sum(len(one.messages) for one in queues), sum(one.bytes for one in queues)
        memory.write(buf, Msginfo.pack(pool, headers, LARGEST, ROOM, MOST_QUEUES, _SEGMENT, total, _SEGMENTS))
        return table.highest
    if cmd in (MsgCtl.IPC_STAT, MsgCtl.MSG_STAT, MsgCtl.MSG_STAT_ANY):
        queue = table.named(msqid) if cmd == MsgCtl.IPC_STAT else table.at(msqid)
        if cmd != MsgCtl.MSG_STAT_ANY:
            queue.check(thread, READ)
        told = Msqid.pack(
            *queue.permissions(), queue.sent, queue.received, queue.changed, queue.bytes, len(queue.messages),
            queue.room, queue.sender, queue.receiver,
        )  # fmt: skip
        memory.write(buf, told)
        return 0 if cmd == MsgCtl.IPC_STAT else queue.id
    if cmd == MsgCtl.IPC_SET:
        values = dict(zip(Msqid.fields, Msqid.unpack(memory.read(buf, Msqid.size)), strict=True))
        queue = table.named(msqid)
        queue.check_owner(thread)
        if values["msg_qbytes"] > ROOM:
            raise fail(errno.EPERM)
        queue.set(thread, values["uid"], values["gid"], values["mode"])
        queue.room, queue.changed = values["msg_qbytes"], now(thread)
        queue.wake_senders()
    elif cmd == MsgCtl.IPC_RMID:
        queue = table.named(msqid)
        queue.check_owner(thread)
        queue.destroy()
    else:
        return -errno.EINVAL
    return 0
