"""signalfd(2): pending signals to be read from a descriptor.

The descriptor stands on an epoll of the host that holds one eventfd, which is kept readable exactly while a signal of the
mask is pending. So poll, select and every epoll that holds it, edge-triggered ones too, report what they would report of a signalfd;
and the host answers to writing, positioned reading and the like as it does for one: an epoll takes none of them.

One level serves all threads. The kernel looks at the pending signals of the thread that asks; here a signal that is pending
for one thread makes the descriptor readable for the others, too, who then find nothing.
"""

import errno
import itertools
import os
import struct
import weakref

from syscalls import kernel, numbers, siginfo, signals
from syscalls.flags.signals import Signal
from syscalls.memory import TASK_SIZE
from syscalls.process import Process, Thread
from syscalls.scratch import WORK, Scratch
from syscalls.siginfo import SI_KERNEL, SI_SIGIO, SI_TIMER, SI_USER, SigInfo

SIZE = 128
"""sizeof(struct signalfd_siginfo)."""

AGAIN = -errno.EAGAIN
_INFO = struct.Struct("<Iii II i I I I I i i QQQQ HHi QI 28x")
_CLOEXEC, _NONBLOCK = 0o2000000, 0o4000
_ADD, _IN = 1, 1
_EVENT = struct.Struct("<IQ")
_made = itertools.count(
    1
)  # tells one stand-in from another in this host process; nothing that a guest can see

_FAULTS = {
    Signal.SIGILL: 11, Signal.SIGFPE: 15, Signal.SIGSEGV: 10, Signal.SIGBUS: 5, Signal.SIGTRAP: 6,
}  # fmt: skip
"""The highest code of a fault by signal (sig_sicodes in kernel/signal.c)."""
_CHILD_CODES = _POLL_CODES = 6
_SYS_CODES = 2


def pack(info: SigInfo) -> bytes:
    """struct signalfd_siginfo of a signal (signalfd_copyinfo in fs/signalfd.c): which members there are its code says."""
    rest = info.rest.ljust(siginfo.SIZE - 16, b"\0")
    pid = uid = fd = tid = band = overrun = trap = status = value = pointer = 0
    utime = stime = address = lsb = number = call = arch = 0
    kind = _layout(info.signal, info.code)
    if kind in ("sender", "value"):
        pid, uid = struct.unpack_from("<II", rest)
    if kind == "value":
        value, pointer = struct.unpack_from("<i", rest, 8)[0], struct.unpack_from("<Q", rest, 8)[0]
    elif kind == "timer":
        tid, overrun, pointer = struct.unpack_from("<IIQ", rest)
        value = struct.unpack_from("<i", rest, 8)[0]
    elif kind == "poll":
        band, fd = struct.unpack_from("<I4xi", rest)
    elif kind == "fault":
        (address,) = struct.unpack_from("<Q", rest)
        if info.signal == Signal.SIGBUS and info.code >= 4:  # BUS_MCEERR_AR and _AO
            (lsb,) = struct.unpack_from("<H", rest, 8)
    elif kind == "child":
        pid, uid, status, utime, stime = struct.unpack_from("<IIi4xQQ", rest)
    elif kind == "call":
        call, number, arch = struct.unpack_from("<QiI", rest)
    return _INFO.pack(
        info.signal, info.errno, info.code, pid, uid, fd, tid, band, overrun, trap, status, value,
        pointer, utime, stime, address, lsb, 0, number, call, arch,
    )  # fmt: skip


def _layout(signal: int, code: int) -> str:
    """Which members a siginfo has (siginfo_layout in kernel/signal.c)."""
    if SI_USER < code < SI_KERNEL:
        if code <= _FAULTS.get(signal, 0):
            return "fault"
        if signal == Signal.SIGCHLD and code <= _CHILD_CODES:
            return "child"
        if signal == Signal.SIGSYS and code <= _SYS_CODES:
            return "call"
        return "poll" if code <= _POLL_CODES else "sender"
    if code == SI_TIMER:
        return "timer"
    if code == SI_SIGIO:
        return "poll"
    return "value" if code < 0 else "sender"


class SignalFd:
    """What stands in for reading; fulfils `syscalls.fds.Operations` and `syscalls.process.SignalWatcher`.

    It lives as long as its open file description, and closes the eventfd when that is gone. `identity` is what a duplicate
    of the host's epoll can be told by (`syscalls.passing`).
    """

    __slots__ = ("__weakref__", "_event", "_ready", "identity", "mask")

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self._ready: set[int] = set()  # the processes that have something pending
        self._event = os.eventfd(0, _CLOEXEC | _NONBLOCK)
        self.identity = 0

    def stand_in(self, scratch: Scratch) -> int:
        """The host's epoll for the descriptor; raises what the host answers."""
        host = kernel.call1(numbers.epoll_create1, _CLOEXEC)
        if host < 0:
            raise OSError(-host, os.strerror(-host))
        self.identity = os.getpid() << 32 | next(_made)
        scratch.view[WORK : WORK + _EVENT.size] = _EVENT.pack(_IN, self.identity)
        result = kernel.call4(numbers.epoll_ctl, host, _ADD, self._event, scratch.address + WORK)
        if result < 0:
            os.close(host)
            raise OSError(-result, os.strerror(-result))
        return host

    def close(self) -> None:
        """Lets go of the eventfd."""
        event, self._event = self._event, -1
        if event >= 0:
            os.close(event)

    def __del__(self) -> None:
        if hasattr(self, "_event"):  # unless the host had none to give
            self.close()

    def watch(self, process: Process) -> None:
        """From now on the pending signals of this process count."""
        if not isinstance(process.watchers, weakref.WeakValueDictionary):
            process.watchers = weakref.WeakValueDictionary()
        process.watchers[self.identity] = self
        self.pending_changed(process, True)

    def change(self, mask: int, process: Process) -> None:
        """Another mask for an open signalfd."""
        self.mask = mask
        self.pending_changed(process, True)

    def pending_changed(self, process: Process, arrived: bool) -> None:
        """Keeps the level; each arrival is an edge, as signalfd_notify makes it."""
        pending = process.pending
        for thread in process.threads.values():
            pending |= thread.pending
        if pending & self.mask:
            self._ready.add(process.pid)
            if arrived:
                os.eventfd_write(self._event, 1)
        elif process.pid in self._ready:
            self._ready.discard(process.pid)
            if not self._ready:
                os.eventfd_read(self._event)

    def read(self, thread: Thread, address: int, count: int) -> int:
        """As many signals as fit; -EAGAIN for none. One that cannot be stored is lost, as in the kernel."""
        if address + count > TASK_SIZE:
            return -errno.EFAULT
        room = count // SIZE * SIZE
        if not room:
            return -errno.EINVAL
        done = 0
        while done < room:
            info = signals.take(thread, self.mask)
            if info is None:
                return done or AGAIN
            try:
                thread.memory.write(address + done, pack(info))
            except OSError:
                return done or -errno.EFAULT
            done += SIZE
        return done
