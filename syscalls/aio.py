"""Asynchronous I/O without the system calls: contexts, what is done and what is still waited for (fs/aio.c).

A context's address is that of the ring that Linux maps into the program. Here it holds no events: a library that finds no
magic number in it asks by system call.
"""

import os
from collections import deque
from typing import NamedTuple

from syscalls.blocking import is_ready
from syscalls.fds import Descriptor
from syscalls.ipc import Ipc
from syscalls.process import Thread
from syscalls.structs import Layout
from syscalls.wait import WaitQueue

IoEvent = Layout("io_event", ("Q", "data", hex), ("Q", "obj", hex), ("q", "res"), ("q", "res2"))
RING_HEADER = 32
PAGE = 4096
MOST = 65536
"""How many requests all contexts together may hold (/proc/sys/fs/aio-max-nr)."""


class Polled(NamedTuple):
    """A request that waits for readiness (IOCB_CMD_POLL): the descriptor, which it pins, and the events."""

    entry: Descriptor
    events: int
    data: int
    request: int
    counter: Descriptor | None


class Context:
    """What io_setup(2) makes: room for `capacity` requests at a time."""

    def __init__(self, address: int, size: int, asked: int) -> None:
        self.address = address
        self.size = size
        self.asked = asked
        self.capacity = (size - RING_HEADER) // IoEvent.size - 1
        self.done: deque[bytes] = deque()
        self.polled: list[Polled] = []
        self.waiters = WaitQueue()
        self.gone = False

    @property
    def is_full(self) -> bool:
        """Whether no further request has a place."""
        return len(self.done) + len(self.polled) >= self.capacity

    def complete(self, data: int, request: int, result: int, counter: Descriptor | None) -> None:
        """A request is done: an event, a count on the eventfd that it names, and those who wait go on."""
        self.done.append(IoEvent.pack(data, request, result, 0))
        if counter is not None:
            os.write(counter.host, (1).to_bytes(8, "little"))
        self.waiters.wake(len(self.waiters.waiters))

    def look(self, thread: Thread) -> None:
        """Completes what has become ready."""
        for one in list(self.polled):
            found = [bit for bit in (1, 2, 4, 8, 16, 32) if is_ready(one.entry.host, bit)]
            told = sum(found) & (one.events | 8 | 16)
            if told:
                self.finish(thread, one, told)

    def finish(self, thread: Thread, one: Polled, result: int) -> None:
        """Ends a wait for readiness."""
        self.polled.remove(one)
        thread.fds.unpin(one.entry)
        self.complete(one.data, one.request, result, one.counter)


def contexts_of(thread: Thread, ipc: Ipc) -> dict[int, Context]:
    """Those of the thread's memory, by address."""
    found: dict[int, Context] = ipc.aio.setdefault(thread.memory.identity, {})
    return found


def ring_size(asked: int, cpus: int) -> int:
    """Bytes of the ring for so many requests (aio_setup_ring); its events are twice as many as there must be."""
    events = max(asked, cpus * 4) * 2 + 2
    return -(-(RING_HEADER + events * IoEvent.size) // PAGE) * PAGE
