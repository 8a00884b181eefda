"""POSIX message queues: each is a queue of the host that has lost its name at once, known by a name of the run (mq_overview(7)).

So priorities, limits, readiness and errors are the kernel's own. What is told by a signal is decided here, as the host knows
nothing of the guest's processes (ipc/mqueue.c).
"""

import errno
import itertools
import os
from typing import NamedTuple

from syscalls import credentials, kernel, numbers
from syscalls.flags import Open
from syscalls.ipc import Ipc, fail
from syscalls.process import Process, Thread
from syscalls.scratch import WORK
from syscalls.siginfo import SI_MESGQ, SigInfo
from syscalls.structs import Layout

MqAttr = Layout(
    "mq_attr", ("q", "mq_flags"), ("q", "mq_maxmsg"), ("q", "mq_msgsize"), ("q", "mq_curmsgs"), ("32x", "")
)

MOST = 256
"""How many queues there can be (/proc/sys/fs/mqueue/queues_max)."""

_names = itertools.count(1)
_HOST = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC
_WANTED = {os.O_RDONLY: 4, os.O_WRONLY: 2, os.O_RDWR: 6}


class Notice(NamedTuple):
    """What mq_notify(3) has asked for: whom to tell, and how; no signal for SIGEV_NONE."""

    process: Process
    signal: int
    value: int


class Queue:
    """One queue. `host` is kept while it has a name; each opening has a host descriptor of its own."""

    def __init__(self, thread: Thread, host: int, mode: int) -> None:
        who = credentials.of(thread)
        self.host = host
        self.mode = mode
        self.uid, self.gid = who.euid, who.egid
        self.notice: Notice | None = None
        self.receivers = 0

    def check(self, thread: Thread, access: int) -> None:
        """inode_permission: raises EACCES."""
        who = credentials.of(thread)
        granted = self.mode
        if who.euid == self.uid:
            granted >>= 6
        elif self.gid in (who.egid, *who.groups):
            granted >>= 3
        if _WANTED[access] & ~granted:
            raise fail(errno.EACCES)

    def open(self, access: int) -> int:
        """A host descriptor of its own."""
        return os.open(f"/proc/self/fd/{self.host}", access | os.O_NONBLOCK | os.O_CLOEXEC)

    def noticed(self) -> Notice | None:
        """Who is to be told, if he is there still."""
        notice = self.notice
        if notice is not None and not self._has(notice.process):
            self.notice = notice = None
        return notice

    def _has(self, process: Process) -> bool:
        if process.wait_status is not None:
            return False
        return any(entry.description.detail is self for entry in process.fds.entries.values())

    def arrived(self, thread: Thread) -> None:
        """A message has come into the empty queue: who has asked for it is told, once."""
        notice = self.noticed()
        if notice is None or self.receivers:
            return
        self.notice = None
        if notice.signal:
            sender = thread.process.pid.to_bytes(4, "little")
            user = credentials.of(thread).uid.to_bytes(4, "little")
            told = SigInfo(notice.signal, SI_MESGQ, sender + user + notice.value.to_bytes(8, "little"))
            thread.bench.send_signal(notice.process, told)


class Queues:
    """The names of a run's queues."""

    def __init__(self) -> None:
        self.named: dict[bytes, Queue] = {}

    def create(self, thread: Thread, name: bytes, mode: int, attributes: bytes | None) -> Queue:
        """A new queue; raises what the host does for the attributes, and ENOSPC."""
        if len(self.named) >= MOST:
            raise fail(errno.ENOSPC)
        scratch = thread.process.scratch
        host_name = b"emu-%d-%d\0" % (os.getpid(), next(_names))
        scratch.view[WORK : WORK + len(host_name)] = host_name
        where = scratch.address + WORK
        at = 0
        if attributes is not None:
            scratch.view[WORK + 256 : WORK + 256 + MqAttr.size] = attributes
            at = where + 256
        host = kernel.call4(numbers.mq_open, where, _HOST, 0o600, at)
        if host < 0:
            raise fail(-host)
        kernel.call1(numbers.mq_unlink, where)
        os.fchmod(host, mode)
        made = self.named[name] = Queue(thread, host, mode)
        return made

    def remove(self, name: bytes) -> None:
        """The name is free; the queue goes with the last descriptor. Raises ENOENT."""
        queue = self.named.pop(name, None)
        if queue is None:
            raise fail(errno.ENOENT)
        os.close(queue.host)
        queue.host = -1

    def __del__(self) -> None:
        for queue in self.named.values():
            os.close(queue.host)
        self.named.clear()


def queues_of(ipc: Ipc) -> Queues:
    """Those of the run."""
    if ipc.queues is None:
        ipc.queues = Queues()
    found: Queues = ipc.queues
    return found


def status_flags(nonblocking: bool) -> int:
    """`mq_flags`."""
    return Open.O_NONBLOCK if nonblocking else 0
