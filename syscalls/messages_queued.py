"""System V message queues without the system calls: what lies in them, who takes what, who waits (ipc/msg.c)."""

import errno
from collections import deque
from typing import NamedTuple

from syscalls.flags.ipc import MsgFlag
from syscalls.ipc import Ipc, Object, now
from syscalls.process import Process, Thread
from syscalls.wait import WaitQueue

LARGEST = 8192
"""MSGMAX: bytes in a message."""

ROOM = 16384
"""MSGMNB: bytes in a queue, and messages, unless IPC_SET says less."""

MEMORY = 64 << 20
"""What all messages of a run may hold together, in bytes; a message counts for 64 at least."""

_LEAST = 64
_LONG_MIN, _LONG_MAX = -(1 << 63), (1 << 63) - 1


class Message(NamedTuple):
    """One."""

    type: int
    data: bytes


class Wanted(NamedTuple):
    """What msgrcv(2) asks for."""

    type: int
    room: int
    flags: int

    def choose(self, messages: deque[Message]) -> Message | None:
        """The message that it gets (find_msg)."""
        if self.flags & MsgFlag.MSG_COPY:
            return messages[self.type] if 0 <= self.type < len(messages) else None
        if self.type >= 0:
            return next((message for message in messages if self.takes(message)), None)
        return min(
            (message for message in messages if self.takes(message)), key=lambda one: one.type, default=None
        )

    def takes(self, message: Message) -> bool:
        """Whether the message is one that it could get (testmsg)."""
        if self.type < 0:
            return message.type <= (_LONG_MAX if self.type == _LONG_MIN else -self.type)
        if not self.type:
            return True
        return (message.type == self.type) is not bool(self.flags & MsgFlag.MSG_EXCEPT)

    def is_too_small(self, message: Message) -> bool:
        """E2BIG."""
        return self.room < len(message.data) and not self.flags & MsgFlag.MSG_NOERROR


class Receiver:
    """A thread that waits for a message: `given` is what it gets, a message or -errno."""

    __slots__ = ("given", "process", "queue", "wanted")

    def __init__(self, process: Process, wanted: Wanted) -> None:
        self.process = process
        self.wanted = wanted
        self.queue = WaitQueue()
        self.given: Message | int | None = None

    def give(self, given: Message | int) -> None:
        """Wakes the thread."""
        self.given = given
        self.queue.wake()


class Queue(Object):
    """One queue."""

    def __init__(self, thread: Thread, mode: int, ipc: Ipc) -> None:
        super().__init__(thread, mode)
        self.messages: deque[Message] = deque()
        self.bytes = 0
        self.room = ROOM
        self.sent = self.received = self.sender = self.receiver = 0
        self.receivers: list[Receiver] = []
        self.senders = WaitQueue()
        self.ipc = ipc

    def has_room(self, size: int) -> bool:
        """Whether a message of `size` bytes can be put in."""
        return self.bytes + size <= self.room and len(self.messages) < self.room

    def put(self, thread: Thread, message: Message) -> None:
        """Sends: to the first who waits for such a message, or into the queue. Raises ENOMEM."""
        self.sender, self.sent = thread.process.pid, now(thread)
        for receiver in list(self.receivers):
            if not receiver.wanted.takes(message):
                continue
            self.receivers.remove(receiver)
            if receiver.wanted.is_too_small(message):
                receiver.give(-errno.E2BIG)
                continue
            self.receiver, self.received = receiver.process.pid, now(thread)
            receiver.give(message)
            return
        self.messages.append(message)
        self.bytes += len(message.data)

    def take(self, thread: Thread, message: Message) -> None:
        """Takes a message out of the queue."""
        index = next(index for index, one in enumerate(self.messages) if one is message)
        del self.messages[index]
        self.bytes -= len(message.data)
        self.receiver, self.received = thread.process.pid, now(thread)
        self.wake_senders()

    def wake_senders(self) -> None:
        """There is room."""
        self.senders.wake(len(self.senders.waiters))

    def destroy(self) -> None:
        """IPC_RMID: those who wait are told."""
        self.ipc.messages.remove(self)
        for receiver in self.receivers:
            receiver.give(-errno.EIDRM)
        self.receivers.clear()
        self.wake_senders()


def held(ipc: Ipc) -> int:
    """Bytes of memory that the messages of all queues count for."""
    return sum(queue.bytes + len(queue.messages) * _LEAST for queue in ipc.messages.objects.values())
