"""The one place that waits for the world: an epoll over every host descriptor that a guest thread ever waited for.

Descriptors are registered once, edge-triggered, and stay registered: a thread parks only after its own attempt said
EAGAIN, so every change after that attempt is an edge that is still to be reported. What changed while nobody waited is
reported, too, and wakes nobody. A descriptor must be forgotten before it is closed: a registration lives as long as any
duplicate of the open file, under a number that may mean something else by then (epoll(7), "Questions and answers", 6).
"""

import contextlib
import ctypes
import os
import select
import signal
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

from syscalls import kernel, numbers

_EVENTS = (
    select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLPRI | select.EPOLLET
)  # ERR and HUP are always reported
_MAX_EVENTS = 256
_EVENT = struct.Struct("<Ii4x")  # the module select uses the low half of epoll_data only
_NANO = 1_000_000_000
_LOOK_AGAIN = 0.002  # seconds
_TFD_TIMER_ABSTIME = 1
_CLOCK_MONOTONIC = 1


class Host:
    """Waits for descriptors, a deadline, signals to the bench and calls from other host threads.

    `monotonic_ns` is the clock of all deadlines. `hurry` is called when a signal has come, so that who computes looks.
    """

    monotonic_ns = staticmethod(time.monotonic_ns)
    realtime_ns = staticmethod(time.time_ns)

    def __init__(self) -> None:
        self._epoll = select.epoll(sizehint=_MAX_EVENTS)
        self._watched: set[int] = set()
        self._always_ready: set[int] = set()
        self._unwatchable: set[int] = set()
        self._buffer = ctypes.create_string_buffer(_EVENT.size * _MAX_EVENTS)
        self._buffer_address = ctypes.addressof(self._buffer)
        self._epoll_fd = self._epoll.fileno()
        self._timer = self._checked(
            kernel.call2(numbers.timerfd_create, _CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        )
        self._armed = 0
        self._itimerspec = (ctypes.c_int64 * 4)()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._timer, select.EPOLLIN | select.EPOLLET)
        self._epoll.register(self._wakeup, select.EPOLLIN | select.EPOLLET)
        self._signal_pipe: tuple[int, int] | None = None
        self._old_wakeup = -1
        self._old_handlers: dict[int, Any] = {}
        self.hurry: Callable[[], object] = int  # until there is somebody to hurry

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    def watch(self, fd: int) -> bool:
        """Reports edges of a host descriptor from now on; False when it is always ready (epoll refuses such files)."""
        if fd in self._watched:
            return True
        if fd in self._always_ready:
            return False
        try:
            self._epoll.register(fd, _EVENTS)
        except PermissionError:
            self._always_ready.add(fd)
            return False
        except OSError:
            # An epoll of the guest that is nested as deep as the kernel allows (ELOOP, EINVAL), or no memory for one
            # more watch (ENOSPC, ENOMEM): looked at every few milliseconds instead.
            self._unwatchable.add(fd)
            return True
        self._watched.add(fd)
        return True

    def forget(self, fd: int) -> None:
        """Ends the watch; to be called before `fd` is closed."""
        if fd in self._watched:
            self._watched.discard(fd)
            self._epoll.unregister(fd)
        else:
            self._always_ready.discard(fd)
            self._unwatchable.discard(fd)

    def peek(self) -> Iterable[int]:
        """The descriptors that had an edge since the last look; never waits, keeps the interpreter lock."""
        count = kernel.call4(numbers.epoll_wait, self._epoll_fd, self._buffer_address, _MAX_EVENTS, 0)
        if count <= 0:
            return tuple(self._unwatchable)
        return [
            *self._unwatchable,
            *[fd for _, fd in _EVENT.iter_unpack(self._buffer.raw[: count * _EVENT.size])],
        ]

    def wait(self, deadline: int | None) -> Iterable[int]:
        """As `peek`, but waits until something happens or the deadline (CLOCK_MONOTONIC, nanoseconds) has come."""
        if deadline is not None:
            if deadline != self._armed:
                spec = self._itimerspec
                spec[2], spec[3] = divmod(max(deadline, 1), _NANO)
                self._checked(
                    kernel.call4(
                        numbers.timerfd_settime, self._timer, _TFD_TIMER_ABSTIME, ctypes.addressof(spec), 0
                    )
                )
                self._armed = deadline
        elif self._armed:
            self._armed = 0
            self._itimerspec[2] = self._itimerspec[3] = 0
            kernel.call4(numbers.timerfd_settime, self._timer, 0, ctypes.addressof(self._itimerspec), 0)
        limit = _LOOK_AGAIN if self._unwatchable else -1
        return [*self._unwatchable, *[fd for fd, _ in self._epoll.poll(limit, _MAX_EVENTS)]]

    # Other host threads, and signals

    def interrupt(self) -> None:
        """Ends a `wait` from any host thread."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_write(self._wakeup, 1)

    def is_own(self, fd: int) -> bool:
        """Whether a reported descriptor is the bench's own: a timer, a call from another host thread, a signal."""
        return fd in (self._timer, self._wakeup) or (
            self._signal_pipe is not None and fd == self._signal_pipe[0]
        )

    def catch_signals(self, signals: Iterable[int]) -> None:
        """From now on these signals of the bench end a `wait` and are kept for `caught`. Main host thread only."""
        receiver, sender = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._signal_pipe = (receiver, sender)
        self._epoll.register(receiver, select.EPOLLIN | select.EPOLLET)
        self._old_wakeup = signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
        for number in signals:
            self._old_handlers[number] = signal.signal(number, self._came)

    def _came(self, _number: int, _frame: object) -> None:
        """A Python-level handler: without one the wakeup descriptor stays silent. The byte in the pipe says what it was."""
        self.hurry()

    def caught(self) -> list[int]:
        """The signals that came since the last call."""
        if self._signal_pipe is None:
            return []
        try:
            return list(os.read(self._signal_pipe[0], 512))
        except BlockingIOError:
            return []

    def release_signals(self) -> None:
        """Undoes `catch_signals`."""
        if self._signal_pipe is None:
            return
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_wakeup)
        self._old_handlers.clear()
        receiver, sender = self._signal_pipe
        self._signal_pipe = None
        self._epoll.unregister(receiver)
        os.close(receiver)
        os.close(sender)

    def close(self) -> None:
        """Frees the bench's own descriptors."""
        self.release_signals()
        self._epoll.close()
        for fd in (self._timer, self._wakeup):
            if fd >= 0:
                os.close(fd)
        self._timer = self._wakeup = -1
