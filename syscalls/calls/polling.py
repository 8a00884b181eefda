"""poll and ppoll: many descriptors at once, with standing sets for arrays that are polled again and again."""

import errno
from typing import Annotated

from syscalls.args import ReadyResult, Result, Size, UInt
from syscalls.polled import Polled
from syscalls.process import Thread
from syscalls.remaining import timed
from syscalls.sigmasks import read_mask, under_mask
from syscalls.standing import StandingSet, new_set
from syscalls.table import syscall
from syscalls.timespecs import read_timespec, write_timespec
from syscalls.types_poll import PollFds
from syscalls.types_signals import InSet
from syscalls.types_threads import InTimespec
from syscalls.types_volatile import Timeout
from syscalls.wait import RESTARTNOHAND, Blocking, Wait, Wake

_MILLISECOND = 1_000_000
_ENTRY = 8
"""sizeof(struct pollfd)."""

_OFTEN = 4
"""After so many calls on one array it is worth a standing set."""

_ARRAYS = 32
"""How many arrays are counted at most."""

_NEVER = -1
"""In place of a count: this array cannot be a standing set."""


@syscall
def poll(thread: Thread, fds: Annotated[int, PollFds("nfds")], nfds: UInt, timeout: Timeout) -> ReadyResult:
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
) -> ReadyResult:
    """ppoll(2), the kernel's own call: it writes the time not slept back to `tmo_p`."""
    limit = read_timespec(thread, tmo_p) if tmo_p else None
    if not sigmask:
        if not limit:
            return _poll(thread, fds, nfds, limit)
        end = thread.bench.monotonic_ns() + limit
        try:
            result = _poll(thread, fds, nfds, limit)
        except OSError:
            _tell_rest(thread, tmo_p, end)
            raise
        if result.__class__ is int:
            _tell_rest(thread, tmo_p, end)
            return result
        return _told_rest(result, thread, tmo_p, end)
    mask = read_mask(thread, sigmask, sigsetsize)
    return timed(
        thread,
        limit,
        lambda left: write_timespec(thread, tmo_p, left),
        lambda: under_mask(thread, mask, lambda: _poll(thread, fds, nfds, limit)),
    )


def _tell_rest(thread: Thread, address: int, end: int) -> None:
    """Stores the time not slept; "sticky": where it cannot be written it is not, and nobody hears of it."""
    try:
        write_timespec(thread, address, max(end - thread.bench.monotonic_ns(), 0))
    except OSError:
        pass


def _told_rest(waiting: Result, thread: Thread, address: int, end: int) -> Blocking:
    assert not isinstance(waiting, int | tuple)
    result = yield from waiting
    _tell_rest(thread, address, end)
    return result


def _poll(thread: Thread, address: int, count: int, limit: int | None) -> Result:
    """poll for at most `limit` ns (None: for ever)."""
    if count > thread.fds.limit:
        return -errno.EINVAL
    memory = thread.memory
    raw = memory.read(address, count * _ENTRY) if count else b""
    standing = thread.fds.watches.get(address)
    if isinstance(standing, StandingSet) and not standing.busy:
        if standing.synchronise(raw):
            result = standing.look()
            if result == 0 and limit != 0:
                return _wait_standing(thread, address, standing, raw, limit)
            if result >= 0:
                _answer(thread, address, standing, raw)
            return result
        if standing.is_hopeless:
            thread.fds.close_watch(standing)
            standing.dissolve()
            thread.fds.watches[address] = _NEVER
    elif count:
        _consider(thread, address, standing)
    polled = Polled(thread, raw)
    result = polled.look()
    if result == 0 and limit != 0:
        end = None if limit is None else thread.bench.monotonic_ns() + limit
        return _wait(thread, address, polled, end)
    if result >= 0 and count:
        memory.write(address, polled.answer())
    return result


def _answer(thread: Thread, address: int, standing: StandingSet, raw: bytes) -> None:
    if standing.answer != raw:
        thread.memory.write(address, standing.answer)
    standing.told()


def _wait_standing(
    thread: Thread, address: int, standing: StandingSet, raw: bytes, limit: int | None
) -> Blocking:
    deadline = None if limit is None else thread.bench.monotonic_ns() + limit
    standing.busy = True
    try:
        while True:
            wake = yield Wait(fds=standing.waits, deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return RESTARTNOHAND
            if not standing.synchronise(raw):
                break
            result = standing.look()
            if result or wake is Wake.TIMEOUT:
                if result >= 0:
                    _answer(thread, address, standing, raw)
                return result
    finally:
        standing.release()
    # A number was closed or means another file now.
    polled = Polled(thread, raw)
    result = polled.look()
    if result or wake is Wake.TIMEOUT:
        if result >= 0:
            thread.memory.write(address, polled.answer())
        return result
    return (yield from _wait(thread, address, polled, deadline))


def _consider(thread: Thread, address: int, seen: object) -> None:
    """Counts the calls on one array; when it has been polled often enough, it becomes a standing set."""
    watches = thread.fds.watches
    calls = seen if isinstance(seen, int) else 0
    if calls == _NEVER or isinstance(seen, StandingSet):
        return
    if calls < _OFTEN:
        if len(watches) < _ARRAYS or address in watches:
            watches[address] = calls + 1
        return
    made = new_set(thread.fds)
    if made is not None:
        watches[address] = made


def _wait(thread: Thread, address: int, polled: "Polled", deadline: int | None) -> Blocking:
    pinned = polled
    pinned.pin()
    try:
        while True:
            wake = yield Wait(fds=polled.waits, deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return RESTARTNOHAND
            # Linux holds the files, but looks the numbers up again (do_pollfd in fs/select.c).
            polled = Polled(thread, polled.raw)
            result = polled.look()
            if result or wake is Wake.TIMEOUT:
                if result >= 0 and polled.raw:
                    thread.memory.write(address, polled.answer())
                return result
    finally:
        pinned.unpin()
