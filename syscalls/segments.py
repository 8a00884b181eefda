"""System V shared memory: segments, each a memfd of the host, mapped into whatever process attaches it (ipc/shm.c)."""

import errno
import os
from collections.abc import Iterator

from syscalls.flags.ipc import ShmMode
from syscalls.ipc import PRIVATE, Ipc, Object, fail, now
from syscalls.memory import Memory, Region
from syscalls.process import Process, Thread

PAGE = 4096


class Segment(Object):
    """One segment: `host` is its memfd, `file` what regions that map it show."""

    def __init__(self, thread: Thread, size: int, mode: int, host: int) -> None:
        super().__init__(thread, mode)
        self.size = size
        self.host = host
        status = os.fstat(host)
        self.file = (status.st_dev, status.st_ino)
        self.creator = thread.process.pid
        self.last = self.attached = self.detached = 0
        self.dying = False
        self.watched: set[Process] = set()

    @property
    def shown_mode(self) -> int:
        """`shm_perm.mode`."""
        return self.mode | (ShmMode.SHM_DEST if self.dying else 0)

    def permissions(self) -> tuple[int, ...]:
        """The values of `syscalls.ipc.PERM`."""
        key, uid, gid, cuid, cgid, _, sequence = super().permissions()
        return key, uid, gid, cuid, cgid, self.shown_mode, sequence

    def close(self) -> None:
        """Gives the memory back, once nobody maps it."""
        host, self.host = self.host, -1
        if host >= 0:
            os.close(host)

    def __del__(self) -> None:
        if hasattr(self, "host"):  # unless the host had none to give
            self.close()


def make(thread: Thread, ipc: Ipc, size: int, mode: int) -> Segment:
    """A new segment; raises ENOMEM when all together would exceed the run's memory."""
    total = sum(pages(segment) for segment in ipc.segments.objects.values()) * PAGE
    if total + size > thread.memory.limit:
        raise fail(errno.ENOMEM)
    host = os.memfd_create("SYSV", os.MFD_CLOEXEC)
    try:
        os.ftruncate(host, size)
    except OSError:
        os.close(host)
        raise
    return Segment(thread, size, mode, host)


def pages(segment: Segment) -> int:
    """How many pages it has."""
    return -(-segment.size // PAGE)


def mapped(segment: Segment, memory: Memory) -> Iterator[Region]:
    """Its mappings in one address space."""
    return (region for region in memory.regions if region.file == segment.file)


def attachments(thread: Thread, segment: Segment) -> int:
    """shm_nattch: its mappings in all living processes."""
    spaces = {id(process.memory): process.memory for process in thread.process.system.living()}
    return sum(1 for memory in spaces.values() for _ in mapped(segment, memory))


def settle(thread: Thread, ipc: Ipc) -> None:
    """Lets go of the segments that are to be destroyed and that nobody has attached any more."""
    for segment in [one for one in ipc.segments.objects.values() if one.dying]:
        if not attachments(thread, segment):
            ipc.segments.remove(segment)


def destroy(thread: Thread, ipc: Ipc, segment: Segment) -> None:
    """IPC_RMID: at once, or when the last one detaches it; it has no key any more."""
    segment.key, segment.dying = PRIVATE, True
    settle(thread, ipc)


def watch(thread: Thread, ipc: Ipc, segment: Segment) -> None:
    """Notes when the process ends that has attached it."""
    process = thread.process
    if process in segment.watched:
        return
    segment.watched.add(process)

    def ended() -> None:
        segment.watched.discard(process)
        segment.detached, segment.last = now(thread), process.pid
        settle(thread, ipc)

    process.ends.append(ended)
