"""System V shared memory: shmget, shmat, shmdt, shmctl (ipc/shm.c)."""

import errno
import os
from typing import Annotated

from syscalls.args import Address, AddressResult, Int, OutStruct, Result, Size
from syscalls.flags import Map, Prot
from syscalls.flags.ipc import ShmAt, ShmCtl, ShmGet
from syscalls.ipc import EXECUTE, MOST_SEGMENTS, PERM, READ, WRITE, fail, ipc_of, now
from syscalls.process import Thread
from syscalls.segments import PAGE, Segment, attachments, destroy, make, mapped, pages, settle, watch
from syscalls.structs import Layout
from syscalls.table import syscall
from syscalls.types_ipc import AttachFlags, IpcKey, SegmentCommand, SegmentFlags

Shmid = Layout(
    "shmid64_ds", *PERM, ("Q", "shm_segsz"), ("q", "shm_atime"), ("q", "shm_dtime"), ("q", "shm_ctime"),
    ("i", "shm_cpid"), ("i", "shm_lpid"), ("Q", "shm_nattch"), ("16x", ""),
)  # fmt: skip
Shminfo = Layout(
    "shminfo64", *(("Q", name) for name in ("shmmax", "shmmin", "shmmni", "shmseg", "shmall")), ("32x", "")
)
ShmUsage = Layout(
    "shm_info", ("i", "used_ids"), ("4x", ""),
    *(("Q", name) for name in ("shm_tot", "shm_rss", "shm_swp", "swap_attempts", "swap_successes")),
)  # fmt: skip

LARGEST = (1 << 64) - 1 - (1 << 24)
"""SHMMAX, and in pages SHMALL."""

_LOCKED = 0o2000
_HUGE = (0, 21, 30)  # logarithms of the sizes of huge pages, 0: the usual one


@syscall
def shmget(thread: Thread, key: IpcKey, size: Size, shmflg: SegmentFlags) -> Result:
    """shmget(2). The run's limit of memory holds for all segments together."""
    ipc = ipc_of(thread)
    settle(thread, ipc)

    def made() -> Segment:
        if not 0 < size < 1 << 63:
            raise fail(errno.EINVAL)
        if shmflg & ShmGet.SHM_HUGETLB:
            raise fail(errno.EPERM if shmflg >> 26 & 0x3F in _HUGE else errno.EINVAL)
        return make(thread, ipc, size, shmflg)

    return ipc.segments.get(thread, key, shmflg, made, lambda found: size <= found.size)


@syscall
def shmat(thread: Thread, shmid: Int, shmaddr: Address, shmflg: AttachFlags) -> AddressResult:
    """shmat(2)."""
    address = shmaddr
    if shmid < 0:
        return -errno.EINVAL
    if address % PAGE:
        if not shmflg & ShmAt.SHM_RND:
            return -errno.EINVAL
        address &= -PAGE
    if not address and shmflg & ShmAt.SHM_REMAP:
        return -errno.EINVAL
    prot, rights = Prot.PROT_READ, READ
    if not shmflg & ShmAt.SHM_RDONLY:
        prot, rights = prot | Prot.PROT_WRITE, rights | WRITE
    if shmflg & ShmAt.SHM_EXEC:
        prot, rights = prot | Prot.PROT_EXEC, rights | EXECUTE
    ipc, memory = ipc_of(thread), thread.memory
    settle(thread, ipc)
    segment = ipc.segments.named(shmid)
    segment.check(thread, rights)
    size = pages(segment) * PAGE
    flags = Map.MAP_SHARED | (Map.MAP_FIXED if shmaddr else 0)
    if shmaddr and not shmflg & ShmAt.SHM_REMAP and memory.regions.parts(address, address + size):
        return -errno.EINVAL
    # A descriptor of its own, so that who attaches for reading cannot get the right to write by mprotect(2).
    mode = os.O_RDONLY if shmflg & ShmAt.SHM_RDONLY else os.O_RDWR
    host = os.open(f"/proc/self/fd/{segment.host}", mode | os.O_CLOEXEC)
    try:
        at = memory.map(address, segment.size, prot, flags, host, 0, f"/SYSV{segment.key & 0xFFFFFFFF:08x}")
    finally:
        os.close(host)
    segment.attached, segment.last = now(thread), thread.process.pid
    watch(thread, ipc, segment)
    return at


@syscall
def shmdt(thread: Thread, shmaddr: Address) -> Result:
    """shmdt(2): what is left of the attachment that has begun there."""
    if shmaddr % PAGE:
        return -errno.EINVAL
    ipc, memory = ipc_of(thread), thread.memory
    known = {segment.file: segment for segment in ipc.segments.objects.values()}
    for region in memory.regions:
        segment = known.get(region.file) if region.file is not None else None
        if segment is None or region.start - shmaddr != region.offset:
            continue
        end = shmaddr + pages(segment) * PAGE
        for part in [part for part in mapped(segment, memory) if part.start - shmaddr == part.offset]:
            if part.start < end:
                memory.unmap(part.start, part.size)
        segment.detached, segment.last = now(thread), thread.process.pid
        settle(thread, ipc)
        return 0
    return -errno.EINVAL


@syscall
def shmctl(thread: Thread, shmid: Int, cmd: SegmentCommand, buf: Annotated[int, OutStruct(Shmid)]) -> Result:
    """shmctl(2). Locked segments are no different from others."""
    if cmd < 0 or shmid < 0:
        return -errno.EINVAL
    ipc, memory = ipc_of(thread), thread.memory
    settle(thread, ipc)
    table = ipc.segments
    if cmd == ShmCtl.IPC_INFO:
        memory.write(buf, Shminfo.pack(LARGEST, 1, MOST_SEGMENTS, MOST_SEGMENTS, LARGEST))
        return table.highest
    if cmd == ShmCtl.SHM_INFO:
        held = list(table.objects.values())
        resident = sum(os.fstat(one.host).st_blocks * 512 // PAGE for one in held)
        memory.write(buf, ShmUsage.pack(len(held), sum(pages(one) for one in held), resident, 0, 0, 0))
        return table.highest
    if cmd in (ShmCtl.IPC_STAT, ShmCtl.SHM_STAT, ShmCtl.SHM_STAT_ANY):
        segment = table.named(shmid) if cmd == ShmCtl.IPC_STAT else table.at(shmid)
        if cmd != ShmCtl.SHM_STAT_ANY:
            segment.check(thread, READ)
        told = Shmid.pack(
            *segment.permissions(), segment.size, segment.attached, segment.detached, segment.changed,
            segment.creator, segment.last, attachments(thread, segment),
        )  # fmt: skip
        memory.write(buf, told)
        return 0 if cmd == ShmCtl.IPC_STAT else segment.id
    if cmd == ShmCtl.IPC_SET:
        _, uid, gid, _, _, mode, *_ = Shmid.unpack(memory.read(buf, Shmid.size))
        segment = table.named(shmid)
        segment.check_owner(thread)
        segment.set(thread, uid, gid, mode)
    elif cmd == ShmCtl.IPC_RMID:
        segment = table.named(shmid)
        segment.check_owner(thread)
        destroy(thread, ipc, segment)
    elif cmd in (ShmCtl.SHM_LOCK, ShmCtl.SHM_UNLOCK):
        segment = table.named(shmid)
        segment.check_owner(thread)
        segment.mode = segment.mode | _LOCKED if cmd == ShmCtl.SHM_LOCK else segment.mode & ~_LOCKED
    else:
        return -errno.EINVAL
    return 0
