"""Asynchronous I/O: io_setup, io_destroy, io_submit, io_cancel, io_getevents, io_pgetevents (fs/aio.c).

Reading, writing and syncing is done when it is submitted, which a program cannot tell from a fast disk.
"""

import errno
from collections.abc import Generator
from typing import Annotated, Any

from syscalls import aio
from syscalls.aio import Context, IoEvent, Polled
from syscalls.args import Address, InStruct, Long, Result, UInt
from syscalls.calls.files import pread64, pwrite64, read, write
from syscalls.calls.space import fdatasync, fsync
from syscalls.calls.vectors import preadv, pwritev, readv, writev
from syscalls.fds import Descriptor
from syscalls.flags import Map, Open, Prot
from syscalls.flags.aio import AioFlags, AioOperation
from syscalls.ipc import ipc_of
from syscalls.process import Thread
from syscalls.sigmasks import read_mask, under_mask
from syscalls.structs import Layout, Timespec
from syscalls.table import syscall
from syscalls.types_threads import InTimespec, OutU64
from syscalls.types_vectors import OutArray
from syscalls.wait import RESTARTNOHAND, Blocking, Wait, Wake

Iocb = Layout(
    "iocb", ("Q", "aio_data", hex), ("I", "aio_key"), ("i", "aio_rw_flags"),
    ("H", "aio_lio_opcode", AioOperation.text), ("h", "aio_reqprio"), ("i", "aio_fildes"), ("Q", "aio_buf", hex),
    ("Q", "aio_nbytes"), ("q", "aio_offset"), ("Q", "aio_reserved2"), ("I", "aio_flags", AioFlags.text),
    ("i", "aio_resfd"),
)  # fmt: skip
SigsetArgs = Layout("aio_sigset", ("Q", "sigmask", hex), ("Q", "sigsetsize"))

_READS = (AioOperation.IOCB_CMD_PREAD, AioOperation.IOCB_CMD_PREADV)
_WRITES = (AioOperation.IOCB_CMD_PWRITE, AioOperation.IOCB_CMD_PWRITEV)
_SYNCS = {AioOperation.IOCB_CMD_FSYNC: fsync, AioOperation.IOCB_CMD_FDSYNC: fdatasync}
_LARGEST = 0x10000000 // IoEvent.size
_FOR_POLL = 0x3F

OutEvents = Annotated[int, OutArray(IoEvent)]


def _context(thread: Thread, address: int) -> Context:
    """Raises EINVAL."""
    found = aio.contexts_of(thread, ipc_of(thread)).get(address)
    if found is None:
        raise OSError(errno.EINVAL, "no context")
    return found


@syscall
def io_setup(thread: Thread, nr_events: UInt, ctx_idp: OutU64) -> Result:
    """io_setup(2)."""
    if thread.memory.u64(ctx_idp) or not nr_events:
        return -errno.EINVAL
    if max(nr_events, thread.process.cpus * 4) * 2 & 0xFFFFFFFF > _LARGEST:
        return -errno.EINVAL
    ipc = ipc_of(thread)
    held = sum(context.asked for contexts in ipc.aio.values() for context in contexts.values())
    if held + nr_events > aio.MOST:
        return -errno.EAGAIN
    size = aio.ring_size(nr_events, thread.process.cpus)
    flags = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS
    address = thread.memory.map(0, size, Prot.PROT_READ | Prot.PROT_WRITE, flags, name="/[aio] (deleted)")
    try:
        thread.memory.put_u64(ctx_idp, address)
    except OSError:
        thread.memory.unmap(address, size)
        raise
    contexts = aio.contexts_of(thread, ipc)
    if not contexts:
        identity = thread.memory.identity
        thread.process.ends.append(lambda: ipc.aio.pop(identity, None))
    contexts[address] = Context(address, size, nr_events)
    return 0


@syscall
def io_destroy(thread: Thread, ctx_id: Address) -> Result:
    """io_destroy(2)."""
    context = _context(thread, ctx_id)
    del aio.contexts_of(thread, ipc_of(thread))[ctx_id]
    context.gone = True
    for one in list(context.polled):
        context.finish(thread, one, 0)
    context.waiters.wake(len(context.waiters.waiters))
    thread.memory.unmap(context.address, context.size)
    return 0


@syscall(
    partial="requests with aio_rw_flags are EOPNOTSUPP; IOCB_CMD_POLL ends when somebody asks for events"
)
def io_submit(thread: Thread, ctx_id: Address, nr: Long, iocbpp: Address) -> Result:
    """io_submit(2)."""
    if nr < 0:
        return -errno.EINVAL
    context = _context(thread, ctx_id)
    return _submit(thread, context, min(nr, context.capacity + 1), iocbpp)


def _submit(thread: Thread, context: Context, count: int, pointers: int) -> Generator[Any, Any, int]:
    """Requests up to the first that is refused. Where one has to wait, so does the call, as on Linux."""
    for index in range(count):
        try:
            request = thread.memory.u64(pointers + 8 * index)
            yield from _submit_one(thread, context, request)
        except OSError as error:
            return index or -(error.errno or errno.EINVAL)
    return count


def _submit_one(thread: Thread, context: Context, request: int) -> Generator[Any, Any, None]:
    """Raises what io_submit(2) lists; what goes wrong with the transfer itself is the event's result."""
    values = Iocb.unpack(thread.memory.read(request, Iocb.size))
    data, _, rw_flags, operation, _, fd, buffer, size, offset, reserved, flags, counter_fd = values
    if reserved or size >> 63:
        raise OSError(errno.EINVAL, "not a request")
    if context.is_full:
        raise OSError(errno.EAGAIN, "the context is full")
    entry = thread.fds.get(fd)
    counter = _counter(thread, counter_fd) if flags & AioFlags.IOCB_FLAG_RESFD else None
    thread.memory.put_u32(request + 8, 0)
    if operation == AioOperation.IOCB_CMD_POLL:
        if buffer >> 16 or size or offset or rw_flags:
            raise OSError(errno.EINVAL, "not a request to poll")
        thread.fds.pin(entry)
        context.polled.append(Polled(entry, buffer, data, request, counter))
        context.look(thread)
        return
    work = _work(thread, entry, operation, (fd, buffer, size, offset), rw_flags)
    try:
        result = work()
        if isinstance(result, Generator):
            result = yield from result
    except OSError as error:
        result = -(error.errno or errno.EIO)
    context.complete(data, request, result, counter)


def _counter(thread: Thread, fd: int) -> Descriptor:
    entry = thread.fds.get(fd)
    if entry.description.kind != "eventfd":
        raise OSError(errno.EINVAL, "no eventfd")
    return entry


def _work(
    thread: Thread, entry: Descriptor, operation: int, values: tuple[int, int, int, int], rw_flags: int
) -> Any:
    """The call that does it; raises EINVAL, EBADF."""
    fd, buffer, size, offset = values
    access = entry.description.flags & Open.O_ACCMODE
    if operation in _SYNCS:
        if buffer or size or offset or rw_flags:
            raise OSError(errno.EINVAL, "not a request to sync")
        return lambda: _SYNCS[operation](thread, fd)
    if operation not in (*_READS, *_WRITES):
        raise OSError(errno.EINVAL, "no such operation")
    if (
        access == (Open.O_WRONLY if operation in _READS else Open.O_RDONLY)
        or entry.description.flags & Open.O_PATH
    ):
        raise OSError(errno.EBADF, "not open for that")
    if rw_flags:
        raise OSError(errno.EOPNOTSUPP, "no flags")
    in_place = not entry.description.pollable
    if in_place and offset < 0:
        raise OSError(errno.EINVAL, "a negative offset")
    if operation == AioOperation.IOCB_CMD_PREAD:
        return lambda: (
            pread64(thread, fd, buffer, size, offset) if in_place else read(thread, fd, buffer, size)
        )
    if operation == AioOperation.IOCB_CMD_PWRITE:
        return lambda: (
            pwrite64(thread, fd, buffer, size, offset) if in_place else write(thread, fd, buffer, size)
        )
    if operation == AioOperation.IOCB_CMD_PREADV:
        return lambda: (
            preadv(thread, fd, buffer, size, offset, 0) if in_place else readv(thread, fd, buffer, size)
        )
    return lambda: (
        pwritev(thread, fd, buffer, size, offset, 0) if in_place else writev(thread, fd, buffer, size)
    )


@syscall
def io_cancel(
    thread: Thread, ctx_id: Address, iocb: Annotated[int, InStruct(Iocb)], event: Address
) -> Result:
    """io_cancel(2): the event comes all the same."""
    if thread.memory.u32(iocb + 8):
        return -errno.EINVAL
    context = _context(thread, ctx_id)
    for one in context.polled:
        if one.request == iocb:
            context.finish(thread, one, 0)
            return -errno.EINPROGRESS
    return -errno.EINVAL


@syscall
def io_getevents(
    thread: Thread, ctx_id: Address, min_nr: Long, nr: Long, events: OutEvents, timeout: InTimespec
) -> Result:
    """io_getevents(2)."""
    return _get_events(thread, ctx_id, min_nr, nr, events, timeout, -errno.EINTR)


@syscall
def io_pgetevents(
    thread: Thread,
    ctx_id: Address,
    min_nr: Long,
    nr: Long,
    events: OutEvents,
    timeout: InTimespec,
    usig: Annotated[int, InStruct(SigsetArgs)],
) -> Result:
    """io_pgetevents(2)."""
    mask = None
    if usig:
        where, size = SigsetArgs.unpack(thread.memory.read(usig, SigsetArgs.size))
        mask = read_mask(thread, where, size)
    return under_mask(
        thread, mask, lambda: _get_events(thread, ctx_id, min_nr, nr, events, timeout, RESTARTNOHAND)
    )


def _get_events(
    thread: Thread, address: int, least: int, most: int, events: int, timeout: int, interrupted: int
) -> Result:
    deadline = None
    if timeout:
        seconds, nanoseconds = Timespec.unpack(thread.memory.read(timeout, Timespec.size))
        deadline = seconds * 1_000_000_000 + nanoseconds
    context = _context(thread, address)
    if not 0 <= least <= most:
        return -errno.EINVAL
    got = _take(thread, context, most, events, 0)
    if got >= least or (deadline is not None and deadline <= 0):
        return got
    if deadline is not None:
        deadline += thread.bench.monotonic_ns()
    return _wait(thread, context, (least, most, events), got, deadline, interrupted)


def _take(thread: Thread, context: Context, most: int, events: int, got: int) -> int:
    """Stores events up to `most`; how many there are then. Raises EFAULT where the first cannot be stored."""
    context.look(thread)
    while got < most and context.done:
        try:
            thread.memory.write(events + got * IoEvent.size, context.done[0])
        except OSError:
            if not got:
                raise
            break
        context.done.popleft()
        got += 1
    return got


def _wait(
    thread: Thread,
    context: Context,
    wanted: tuple[int, int, int],
    got: int,
    deadline: int | None,
    interrupted: int,
) -> Blocking:
    least, most, events = wanted
    while True:
        fds = tuple((one.entry.host, one.events & _FOR_POLL) for one in context.polled)
        wake = yield Wait(fds=fds, deadline=deadline, queue=context.waiters)
        got = _take(thread, context, most, events, got)
        if got >= least or wake is Wake.TIMEOUT:
            return got
        if context.gone:
            return got or -errno.EINVAL
        if wake is Wake.INTERRUPTED:
            return got or interrupted
