"""System V semaphores: semget, semop, semtimedop, semctl (ipc/sem.c)."""

import errno
import struct
from typing import Annotated

from syscalls.args import Address, Int, Result, Size
from syscalls.flags.ipc import SemCtl, SemOp
from syscalls.ipc import MOST_SETS, PERM, READ, WRITE, fail, ipc_of, now
from syscalls.process import Thread
from syscalls.semaphores import LARGEST, WAITS, Operation, Pending, Set, keep_undo
from syscalls.structs import Layout, Timespec
from syscalls.table import syscall
from syscalls.types_ipc import IpcFlags, IpcKey, SemaphoreCommand
from syscalls.types_threads import InTimespec
from syscalls.types_vectors import InArray
from syscalls.wait import Blocking, Wait, Wake

Sembuf = Layout("sembuf", ("H", "sem_num"), ("h", "sem_op"), ("h", "sem_flg", SemOp.text))
Semid = Layout(
    "semid64_ds",
    *PERM,
    ("q", "sem_otime"),
    ("8x", ""),
    ("q", "sem_ctime"),
    ("8x", ""),
    ("Q", "sem_nsems"),
    ("16x", ""),
)
Seminfo = struct.Struct("<10i")

MOST_IN_SET = 32000
MOST_OPERATIONS = 500
MOST_SEMAPHORES = 1 << 20
"""Of all sets together. Linux has 1,024,000,000 (SEMMNS), which it says here, too."""

_SEMMNS = 1024000000
_UNDO_SIZE, _UNDO_ENTRIES = 20, 500
_NUMBERED = (SemCtl.GETVAL, SemCtl.GETPID, SemCtl.GETNCNT, SemCtl.GETZCNT)

InOperations = Annotated[int, InArray(Sembuf, "nsops")]


@syscall
def semget(thread: Thread, key: IpcKey, nsems: Int, semflg: IpcFlags) -> Result:
    """semget(2)."""
    ipc = ipc_of(thread)
    if not 0 <= nsems <= MOST_IN_SET:
        return -errno.EINVAL

    def made() -> Set:
        if not nsems:
            raise fail(errno.EINVAL)
        if sum(len(one.values) for one in ipc.semaphores.objects.values()) + nsems > MOST_SEMAPHORES:
            raise fail(errno.ENOSPC)
        return Set(thread, nsems, semflg, ipc)

    return ipc.semaphores.get(thread, key, semflg, made, lambda found: nsems <= len(found.values))


@syscall
def semop(thread: Thread, semid: Int, sops: InOperations, nsops: Size) -> Result:
    """semop(2)."""
    return _operate(thread, semid, sops, nsops, None)


@syscall
def semtimedop(thread: Thread, semid: Int, sops: InOperations, nsops: Size, timeout: InTimespec) -> Result:
    """semtimedop(2)."""
    if not timeout:
        return _operate(thread, semid, sops, nsops, None)
    span = Timespec.unpack(thread.memory.read(timeout, Timespec.size))
    return _operate(thread, semid, sops, nsops, (span[0], span[1]))


def _operate(thread: Thread, semid: int, sops: int, count: int, span: tuple[int, int] | None) -> Result:
    """do_semtimedop; `span` are seconds and nanoseconds."""
    count &= 0xFFFFFFFF
    if count > MOST_OPERATIONS:
        return -errno.E2BIG
    data = thread.memory.read(sops, count * Sembuf.size)
    if count < 1 or semid < 0:
        return -errno.EINVAL
    deadline = None
    if span is not None:
        if span[0] < 0 or not 0 <= span[1] < 1_000_000_000:
            return -errno.EINVAL
        deadline = thread.bench.monotonic_ns() + span[0] * 1_000_000_000 + span[1]
    operations = [
        Operation(*Sembuf.unpack(data[at : at + Sembuf.size])) for at in range(0, len(data), Sembuf.size)
    ]
    changes = any(operation.change for operation in operations)
    ipc = ipc_of(thread)
    found: Set = ipc.semaphores.named(semid)
    if max(operation.number for operation in operations) >= len(found.values):
        return -errno.EFBIG
    found.check(thread, WRITE if changes else READ)
    if any(operation.flags & SemOp.SEM_UNDO for operation in operations):
        keep_undo(thread, ipc, found)
    result, blocking = found.attempt(thread.process, operations)
    if result == WAITS:
        return _wait(thread, found, operations, blocking, deadline)
    if not result:
        found.operated = now(thread)
        if changes:
            found.update(thread)
    return result


def _wait(
    thread: Thread, found: Set, operations: list[Operation], blocking: Operation, deadline: int | None
) -> Blocking:
    pending = Pending(thread.process, operations)
    pending.blocking = blocking
    found.pending.append(pending)
    try:
        wake = yield Wait(deadline=deadline, queue=pending.queue)
    finally:
        if pending in found.pending:
            found.pending.remove(pending)
    if pending.result is not None:
        return pending.result
    return -errno.EAGAIN if wake is Wake.TIMEOUT else -errno.EINTR


@syscall
def semctl(thread: Thread, semid: Int, semnum: Int, cmd: SemaphoreCommand, arg: Address) -> Result:
    """semctl(2)."""
    if semid < 0:
        return -errno.EINVAL
    table, memory = ipc_of(thread).semaphores, thread.memory
    if cmd in (SemCtl.IPC_INFO, SemCtl.SEM_INFO):
        size, most = _UNDO_SIZE, LARGEST
        if cmd == SemCtl.SEM_INFO:
            size, most = len(table.objects), sum(len(one.values) for one in table.objects.values())
        told = Seminfo.pack(
            _SEMMNS,
            MOST_SETS,
            _SEMMNS,
            _SEMMNS,
            MOST_IN_SET,
            MOST_OPERATIONS,
            _UNDO_ENTRIES,
            size,
            LARGEST,
            most,
        )
        memory.write(arg, told)
        return table.highest
    if cmd in (SemCtl.IPC_STAT, SemCtl.SEM_STAT, SemCtl.SEM_STAT_ANY):
        found = table.named(semid) if cmd == SemCtl.IPC_STAT else table.at(semid)
        if cmd != SemCtl.SEM_STAT_ANY:
            found.check(thread, READ)
        memory.write(arg, Semid.pack(*found.permissions(), found.operated, found.changed, len(found.values)))
        return 0 if cmd == SemCtl.IPC_STAT else found.id
    if cmd in (SemCtl.GETALL, SemCtl.SETALL, *_NUMBERED):
        return _values(thread, table.named(semid), semnum, cmd, arg)
    if cmd == SemCtl.SETVAL:
        return _set_value(thread, semid, semnum, (arg & 0xFFFFFFFF ^ 0x80000000) - 0x80000000)
    if cmd == SemCtl.IPC_SET:
        _, uid, gid, _, _, mode, *_ = Semid.unpack(memory.read(arg, Semid.size))
        found = table.named(semid)
        found.check_owner(thread)
        found.set(thread, uid, gid, mode)
    elif cmd == SemCtl.IPC_RMID:
        found = table.named(semid)
        found.check_owner(thread)
        found.destroy()
    else:
        return -errno.EINVAL
    return 0


def _values(thread: Thread, found: Set, number: int, cmd: int, arg: int) -> int:
    """semctl_main."""
    found.check(thread, WRITE if cmd == SemCtl.SETALL else READ)
    count, memory = len(found.values), thread.memory
    if cmd == SemCtl.GETALL:
        memory.write(arg, struct.pack(f"<{count}H", *found.values))
        return 0
    if cmd == SemCtl.SETALL:
        values = struct.unpack(f"<{count}H", memory.read(arg, 2 * count))
        if any(value > LARGEST for value in values):
            return -errno.ERANGE
        found.values = list(values)
        found.pids = [thread.process.pid] * count
        found.forget_undo()
        found.changed = now(thread)
        found.update(thread)
        return 0
    if not 0 <= number < count:
        return -errno.EINVAL
    if cmd == SemCtl.GETVAL:
        return found.values[number]
    if cmd == SemCtl.GETPID:
        return found.pids[number]
    return found.waiting(number, cmd == SemCtl.GETZCNT)


def _set_value(thread: Thread, semid: int, number: int, value: int) -> int:
    """semctl_setval."""
    if not 0 <= value <= LARGEST:
        return -errno.ERANGE
    found: Set = ipc_of(thread).semaphores.named(semid)
    if not 0 <= number < len(found.values):
        return -errno.EINVAL
    found.check(thread, WRITE)
    found.forget_undo(number)
    found.values[number], found.pids[number] = value, thread.process.pid
    found.changed = now(thread)
    found.update(thread)
    return 0
