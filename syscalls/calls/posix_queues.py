"""POSIX message queues: mq_open, mq_unlink, mq_timedsend, mq_timedreceive, mq_notify, mq_getsetattr (ipc/mqueue.c)."""

import errno
from collections.abc import Callable
from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import Fd, FdResult, InBytes, InStruct, OutBytes, OutStruct, Path, Result, Size, UInt
from syscalls.blocking import AGAIN, IN, OUT
from syscalls.calls.paths import files_of, read_path
from syscalls.fds import Description, Descriptor
from syscalls.flags import Open
from syscalls.flags.clock import SigevNotify
from syscalls.ipc import ipc_of
from syscalls.posix_queues import MqAttr, Notice, Queue, queues_of, status_flags
from syscalls.process import Thread
from syscalls.scratch import WORK
from syscalls.streams import host_address
from syscalls.structs import Timespec
from syscalls.table import syscall
from syscalls.types_files import OpenFlags, OpenMode
from syscalls.types_threads import InTimespec, OutU32
from syscalls.types_timers import InEvent, RawSigevent
from syscalls.wait import RESTARTSYS, Blocking, Wait, Wake

PRIORITIES = 32768
"""MQ_PRIO_MAX."""

NAME_MAX = 255
_SIGNALS = 64
Attempt = Callable[[], int]
InAttr = Annotated[int, InStruct(MqAttr)]
OutAttr = Annotated[int, OutStruct(MqAttr)]


def _name(thread: Thread, address: int) -> bytes:
    """A name; the C library has taken its slash away. Raises ENOENT, EACCES, ENAMETOOLONG."""
    name = read_path(thread, address)
    if b"/" in name or name in (b".", b".."):
        raise OSError(errno.EACCES, "no name of a queue")
    if len(name) > NAME_MAX:
        raise OSError(errno.ENAMETOOLONG, "too long a name")
    return name


@syscall
def mq_open(thread: Thread, name: Path, flags: OpenFlags, mode: OpenMode, attr: InAttr) -> FdResult:
    """mq_open(2). Names are the run's own; the host's limits hold."""
    attributes = thread.memory.read(attr, MqAttr.size) if attr else None
    text = _name(thread, name)
    thread.fds.lowest_free()
    if flags & Open.O_DIRECT:
        return -errno.EINVAL
    queues = queues_of(ipc_of(thread))
    queue = queues.named.get(text)
    access = flags & Open.O_ACCMODE
    if queue is None:
        if not flags & Open.O_CREAT:
            return -errno.ENOENT
        if access == Open.O_ACCMODE:
            return -errno.EINVAL
        queue = queues.create(thread, text, mode & 0o777 & ~files_of(thread).umask, attributes)
    elif flags & Open.O_CREAT and flags & Open.O_EXCL:
        return -errno.EEXIST
    elif access == Open.O_ACCMODE:
        return -errno.EINVAL
    else:
        queue.check(thread, access)
    description = Description(
        "mqueue", access | flags & Open.O_NONBLOCK, path="/" + text.decode("latin-1"),
        pollable=True, host_nonblocking=True, detail=queue,
    )  # fmt: skip
    return thread.fds.add(Descriptor(queue.open(access), description, cloexec=True))


@syscall
def mq_unlink(thread: Thread, name: Path) -> Result:
    """mq_unlink(2)."""
    queues_of(ipc_of(thread)).remove(_name(thread, name))
    return 0


def _queue(thread: Thread, fd: int) -> tuple[Descriptor, Queue]:
    """Raises EBADF."""
    entry = thread.fds.get(fd)
    if entry.description.kind != "mqueue" or not isinstance(entry.description.detail, Queue):
        raise OSError(errno.EBADF, "no message queue")
    return entry, entry.description.detail


def _deadline(thread: Thread, timeout: int) -> int | None:
    """An absolute time of CLOCK_REALTIME as one of the monotonic clock; raises EFAULT, EINVAL."""
    if not timeout:
        return None
    seconds, nanoseconds = Timespec.unpack(thread.memory.read(timeout, Timespec.size))
    if seconds < 0 or not 0 <= nanoseconds < 1_000_000_000:
        raise OSError(errno.EINVAL, "not a valid timespec")
    bench = thread.bench
    return int(seconds * 1_000_000_000 + nanoseconds) + bench.monotonic_ns() - bench.realtime_ns()


@syscall
def mq_timedsend(
    thread: Thread,
    mqdes: Fd,
    msg_ptr: Annotated[int, InBytes("msg_len")],
    msg_len: Size,
    msg_prio: UInt,
    abs_timeout: InTimespec,
) -> Result:
    """mq_timedsend(2)."""
    deadline = _deadline(thread, abs_timeout)
    if msg_prio >= PRIORITIES:
        return -errno.EINVAL
    entry, queue = _queue(thread, mqdes)
    address = host_address(thread, msg_ptr)

    def attempt() -> int:
        was_empty = queue.noticed() is not None and not _waiting(thread, entry)
        result = kernel.call5(numbers.mq_timedsend, entry.host, address, msg_len, msg_prio, 0)
        if not result and was_empty:
            queue.arrived(thread)
        return result

    result = attempt()
    if result != AGAIN or entry.description.nonblocking:
        return result
    return _wait(thread, entry, OUT, attempt, deadline)


def _waiting(thread: Thread, entry: Descriptor) -> int:
    """How many messages are in the queue."""
    scratch = thread.process.scratch
    if kernel.call3(numbers.mq_getsetattr, entry.host, 0, scratch.address + WORK) < 0:
        return 0
    return int(MqAttr.unpack(bytes(scratch.view[WORK : WORK + MqAttr.size]))[3])


@syscall
def mq_timedreceive(
    thread: Thread,
    mqdes: Fd,
    msg_ptr: Annotated[int, OutBytes()],
    msg_len: Size,
    msg_prio: OutU32,
    abs_timeout: InTimespec,
) -> Result:
    """mq_timedreceive(2)."""
    deadline = _deadline(thread, abs_timeout)
    entry, queue = _queue(thread, mqdes)
    address = host_address(thread, msg_ptr)
    priority = host_address(thread, msg_prio) if msg_prio else 0

    def attempt() -> int:
        result = kernel.call5(numbers.mq_timedreceive, entry.host, address, msg_len, priority, 0)
        if result > 0:
            thread.memory.wrote(msg_ptr, result)
        return result

    result = attempt()
    if result != AGAIN or entry.description.nonblocking:
        return result
    return _receive(thread, entry, queue, attempt, deadline)


def _receive(
    thread: Thread, entry: Descriptor, queue: Queue, attempt: Attempt, deadline: int | None
) -> Blocking:
    queue.receivers += 1
    try:
        result = yield from _wait(thread, entry, IN, attempt, deadline)
    finally:
        queue.receivers -= 1
    return result


def _wait(thread: Thread, entry: Descriptor, events: int, attempt: Attempt, deadline: int | None) -> Blocking:
    fds = thread.fds
    fds.pin(entry)
    try:
        while True:
            wake = yield Wait(fds=((entry.host, events),), deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return RESTARTSYS
            result = attempt()
            if result != AGAIN:
                return result
            if wake is Wake.TIMEOUT:
                return -errno.ETIMEDOUT
    finally:
        fds.unpin(entry)


@syscall(partial="SIGEV_THREAD is EINVAL: a C library's thread cannot be told")
def mq_notify(thread: Thread, mqdes: Fd, sevp: InEvent) -> Result:
    """mq_notify(2)."""
    value = signal = 0
    if sevp:
        value, signal, kind, _ = RawSigevent.unpack(thread.memory.read(sevp, RawSigevent.size))
        if kind not in (SigevNotify.SIGEV_NONE, SigevNotify.SIGEV_SIGNAL):
            return -errno.EINVAL
        if kind == SigevNotify.SIGEV_SIGNAL and not 0 <= signal <= _SIGNALS:
            return -errno.EINVAL
        signal = signal if kind == SigevNotify.SIGEV_SIGNAL else 0
    _, queue = _queue(thread, mqdes)
    notice = queue.noticed()
    if not sevp:
        if notice is not None and notice.process is thread.process:
            queue.notice = None
        return 0
    if notice is not None:
        return -errno.EBUSY
    queue.notice = Notice(thread.process, signal, value)
    return 0


@syscall
def mq_getsetattr(thread: Thread, mqdes: Fd, newattr: InAttr, oldattr: OutAttr) -> Result:
    """mq_getsetattr(2)."""
    wanted = None
    if newattr:
        wanted = int(MqAttr.unpack(thread.memory.read(newattr, MqAttr.size))[0])
        if wanted & ~Open.O_NONBLOCK:
            return -errno.EINVAL
    entry, _ = _queue(thread, mqdes)
    description, scratch = entry.description, thread.process.scratch
    result = kernel.call3(numbers.mq_getsetattr, entry.host, 0, scratch.address + WORK)
    if result < 0:
        return result
    _, *rest = MqAttr.unpack(bytes(scratch.view[WORK : WORK + MqAttr.size]))
    old = MqAttr.pack(status_flags(description.nonblocking), *rest)
    if wanted is not None:
        description.nonblocking = bool(wanted)
        description.flags = description.flags & ~Open.O_NONBLOCK | wanted
    if oldattr:
        thread.memory.write(oldattr, old)
    return 0
