"""poll, ppoll, select, pselect6: many descriptors at once."""

import ctypes
import errno
import struct
from collections.abc import Callable
from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import Address, Int, Result, Size, UInt
from syscalls.blocking import INTERRUPTED
from syscalls.fds import Descriptor
from syscalls.flags.polling import Poll
from syscalls.process import Thread
from syscalls.sigmasks import read_mask, under_mask
from syscalls.table import syscall
from syscalls.timespecs import read_timespec, read_timeval, write_timespec, write_timeval
from syscalls.types_poll import FdSetArg, PollFds
from syscalls.types_threads import InSet, InTimespec
from syscalls.wait import Blocking, Wait, Wake

_MILLISECOND = 1_000_000
_ENTRY = 8
"""sizeof(struct pollfd)."""

_POLL = numbers.poll


@syscall
def poll(thread: Thread, fds: Annotated[int, PollFds("nfds")], nfds: UInt, timeout: Int) -> Result:
    """poll(2)."""
    return _poll(thread, fds, nfds, None if timeout < 0 else timeout * _MILLISECOND)


@syscall
def ppoll(
    thread: Thread,
    fds: Annotated[int, PollFds("nfds")],
    nfds: UInt,
    tmo_p: InTimespec,
    sigmask: InSet,
    sigsetsize: Size,
) -> Result:
    """ppoll(2), the kernel's own call: it writes the time not slept back to `tmo_p`."""
    if not tmo_p and not sigmask:
        return _poll(thread, fds, nfds, None)
    limit = read_timespec(thread, tmo_p) if tmo_p else None
    mask = read_mask(thread, sigmask, sigsetsize)
    return _timed(
        thread,
        limit,
        lambda left: write_timespec(thread, tmo_p, left),
        lambda: under_mask(thread, mask, lambda: _poll(thread, fds, nfds, limit)),
    )


def _timed(
    thread: Thread, limit: int | None, tell: Callable[[int], None], work: Callable[[], Result]
) -> Result:
    """Runs `work` and tells the guest what is left of `limit` afterwards (poll_select_finish in fs/select.c)."""
    if not limit:
        return work()
    clock = thread.bench.monotonic_ns
    end = clock() + limit

    def finish() -> None:
        try:
            tell(max(end - clock(), 0))
        except OSError:
            pass  # "sticky timeouts": a time-out that cannot be written is not, and nobody hears of it

    try:
        result = work()
    except OSError:
        finish()
        raise
    if isinstance(result, int):
        finish()
        return result
    assert not isinstance(result, tuple)
    return _finished(result, finish)


def _finished(waiting: Blocking, finish: Callable[[], None]) -> Blocking:
    result = yield from waiting
    finish()
    return result


def _poll(thread: Thread, address: int, count: int, limit: int | None) -> Result:
    """poll for at most `limit` ns (None: for ever)."""
    if count > thread.fds.limit:
        return -errno.EINVAL
    memory = thread.memory
    raw = memory.read(address, count * _ENTRY) if count else b""
    polled = Polled(thread, raw)
    result = polled.look()
    if result == 0 and limit != 0:
        end = None if limit is None else thread.bench.monotonic_ns() + limit
        return _wait(thread, address, polled, end)
    if result >= 0 and count:
        memory.write(address, polled.answer())
    return result


def _wait(thread: Thread, address: int, polled: "Polled", deadline: int | None) -> Blocking:
    polled.pin()
    try:
        while True:
            wake = yield Wait(fds=polled.waits, deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return INTERRUPTED
            result = polled.look()
            if result or wake is Wake.TIMEOUT:
                if result >= 0 and polled.raw:
                    thread.memory.write(address, polled.answer())
                return result
    finally:
        polled.unpin()


class Polled:
    """A guest's array of struct pollfd, and the host's that stands for it."""

    __slots__ = ("_address", "_bad", "_host", "_pin", "_thread", "entries", "raw", "waits")

    def __init__(self, thread: Thread, raw: bytes) -> None:
        self._thread = thread
        self.raw = raw
        count = len(raw) // _ENTRY
        get = thread.fds.entries.get
        numbers_asked = memoryview(raw).cast("i")[::2].tolist() if raw else []
        found = [get(fd) for fd in numbers_asked]
        self.entries: list[Descriptor] = [entry for entry in found if entry is not None]
        host = bytearray(raw)
        words = memoryview(host).cast("i") if raw else memoryview(b"")
        self._bad: list[int] = []  # indices that are POLLNVAL, which the host's kernel never says of -1
        for index in range(count):
            entry = found[index]
            if entry is not None:
                words[index * 2] = entry.host
            elif numbers_asked[index] >= 0:
                self._bad.append(index)
                words[index * 2] = -1
        self._host = host
        self._pin = ctypes.c_char.from_buffer(host) if raw else None
        self._address = ctypes.addressof(self._pin) if self._pin is not None else 0
        events = memoryview(raw).cast("H")[2::4].tolist() if raw else []
        self.waits = tuple(
            (entry.host, events[index]) for index, entry in enumerate(found) if entry is not None
        )

    def look(self) -> int:
        """How many descriptors have something to report now."""
        result = kernel.call3(_POLL, self._address, len(self._host) // _ENTRY, 0)
        return result + len(self._bad) if result >= 0 else result

    def answer(self) -> bytes:
        """The guest's array with `revents` filled in."""
        out = bytearray(self.raw)
        if out:
            told = memoryview(out).cast("H")
            told[3::4] = memoryview(self._host).cast("H")[3::4]
            for index in self._bad:
                told[index * 4 + 3] = Poll.POLLNVAL
        return bytes(out)

    def revents(self, index: int) -> int:
        """What the last look told of one descriptor."""
        at = index * _ENTRY + 6
        return self._host[at] | self._host[at + 1] << 8

    def pin(self) -> None:
        """Keeps all host descriptors alive while the call waits."""
        for entry in self.entries:
            self._thread.fds.pin(entry)

    def unpin(self) -> None:
        """Ends `pin`."""
        for entry in self.entries:
            self._thread.fds.unpin(entry)


_READABLE = Poll.POLLRDNORM | Poll.POLLRDBAND | Poll.POLLIN | Poll.POLLHUP | Poll.POLLERR
_WRITABLE = Poll.POLLWRBAND | Poll.POLLWRNORM | Poll.POLLOUT | Poll.POLLERR
_EXCEPTIONAL = Poll.POLLPRI
_WORD = 64


@syscall
def select(
    thread: Thread,
    nfds: Int,
    readfds: Annotated[int, FdSetArg("nfds", "out")],
    writefds: Annotated[int, FdSetArg("nfds", "out")],
    exceptfds: Annotated[int, FdSetArg("nfds", "out")],
    timeout: Address,
) -> Result:
    """select(2), which writes the time not slept back to `timeout`."""
    limit = read_timeval(thread, timeout) if timeout else None
    return _timed(
        thread,
        limit,
        lambda left: write_timeval(thread, timeout, left),
        lambda: _select(thread, nfds, (readfds, writefds, exceptfds), limit),
    )


@syscall
def pselect6(
    thread: Thread,
    nfds: Int,
    readfds: Annotated[int, FdSetArg("nfds", "out")],
    writefds: Annotated[int, FdSetArg("nfds", "out")],
    exceptfds: Annotated[int, FdSetArg("nfds", "out")],
    timeout: InTimespec,
    sigmask: Address,
) -> Result:
    """pselect(2), the kernel's own call: the last argument points to the mask's address and size."""
    mask_address, mask_size = struct.unpack("<QQ", thread.memory.read(sigmask, 16)) if sigmask else (0, 0)
    limit = read_timespec(thread, timeout) if timeout else None
    mask = read_mask(thread, mask_address, mask_size)
    return _timed(
        thread,
        limit,
        lambda left: write_timespec(thread, timeout, left),
        lambda: under_mask(
            thread, mask, lambda: _select(thread, nfds, (readfds, writefds, exceptfds), limit)
        ),
    )


def _select(thread: Thread, nfds: int, sets: tuple[int, int, int], limit: int | None) -> Result:
    if nfds < 0:
        return -errno.EINVAL
    fds = thread.fds
    # Linux looks no further than the table has room: at least 64 numbers, then as many as were ever open.
    room = max(fds.entries, default=0) // _WORD * _WORD + _WORD
    nfds = min(nfds, max(room, 256))
    size = (nfds + _WORD - 1) // _WORD * 8
    memory = thread.memory
    asked = [int.from_bytes(memory.read(one, size), "little") if one and size else 0 for one in sets]
    limit_mask = (1 << nfds) - 1
    asked = [bits & limit_mask for bits in asked]
    wanted = asked[0] | asked[1] | asked[2]
    watched: list[int] = []
    while wanted:
        fd = (wanted & -wanted).bit_length() - 1
        wanted &= wanted - 1
        fds.get(fd)
        watched.append(fd)
    events = [
        (_READABLE if asked[0] >> fd & 1 else 0)
        | (_WRITABLE if asked[1] >> fd & 1 else 0)
        | (_EXCEPTIONAL if asked[2] >> fd & 1 else 0)
        for fd in watched
    ]
    raw = b"".join(struct.pack("<iHH", fd, wants, 0) for fd, wants in zip(watched, events, strict=True))
    polled = Polled(thread, raw)

    def answer() -> int:
        told = [0, 0, 0]
        count = 0
        for index, fd in enumerate(watched):
            revents = polled.revents(index)
            for which, mask in enumerate((_READABLE, _WRITABLE, _EXCEPTIONAL)):
                if revents & mask and asked[which] >> fd & 1:
                    told[which] |= 1 << fd
                    count += 1
        return _tell_sets(thread, sets, told, size, count)

    polled.look()
    result = 0
    if any(polled.revents(index) & wants for index, wants in enumerate(events)):
        result = answer()
    if result or limit == 0:
        return result or _tell_sets(thread, sets, [0, 0, 0], size, 0)
    end = None if limit is None else thread.bench.monotonic_ns() + limit
    return _wait_select(thread, polled, events, answer, end)


def _tell_sets(thread: Thread, sets: tuple[int, int, int], told: list[int], size: int, count: int) -> int:
    for address, bits in zip(sets, told, strict=True):
        if address and size:
            thread.memory.write(address, bits.to_bytes(size, "little"))
    return count


def _wait_select(
    thread: Thread, polled: Polled, events: list[int], answer: Callable[[], int], deadline: int | None
) -> Blocking:
    polled.pin()
    try:
        while True:
            wake = yield Wait(fds=polled.waits, deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return INTERRUPTED
            polled.look()
            ready = any(polled.revents(index) & wants for index, wants in enumerate(events))
            if ready or wake is Wake.TIMEOUT:
                return answer()
    finally:
        polled.unpin()
