"""Threads: ending them, their ids, segment bases, robust lists and processors."""

import errno
from typing import Annotated

from syscalls.args import Address, Int, Result, Size
from syscalls.family import check_access, thread_named
from syscalls.flags.threads import Arch
from syscalls.memory import TASK_SIZE
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_threads import ArchArg, ArchCode, InCpuMask, OutCpuMask, OutSize, OutU64, RobustListHead
from syscalls.types_volatile import HostResult, OutCpu, OutNode, Pid, PidResult
from syscalls.wait import Exit, Yield


@syscall
def getpid(thread: Thread) -> PidResult:
    """getpid(2)."""
    return thread.process.pid


@syscall
def gettid(thread: Thread) -> PidResult:
    """gettid(2)."""
    return thread.tid


@syscall
def exit_(thread: Thread, status: Int) -> Result:
    """_exit(2): ends the calling thread."""
    return Exit(status & 0xFF, group=False)


@syscall
def exit_group(thread: Thread, status: Int) -> Result:
    """exit_group(2): ends the process."""
    return Exit(status & 0xFF, group=True)


@syscall
def set_tid_address(thread: Thread, tidptr: Address) -> PidResult:
    """set_tid_address(2)."""
    thread.clear_child_tid = tidptr
    return thread.tid


@syscall
def set_robust_list(thread: Thread, head: Address, size: Size) -> Result:
    """set_robust_list(2)."""
    if size != RobustListHead.size:
        return -errno.EINVAL
    thread.robust_list = head
    return 0


@syscall
def get_robust_list(thread: Thread, pid: Pid, head_ptr: OutU64, sizep: OutSize) -> Result:
    """get_robust_list(2)."""
    target = thread_named(thread, pid)
    check_access(thread, target.process)
    thread.memory.put_u64(sizep, RobustListHead.size)
    thread.memory.put_u64(head_ptr, target.robust_list)
    return 0


_STATE_COMPONENTS = 3
"""XCR0 of the emulated processor: x87 and SSE."""


@syscall
def arch_prctl(thread: Thread, op: ArchCode, addr: ArchArg) -> Result:
    """arch_prctl(2); codes of features that the processor lacks are EINVAL or ENODEV, as there."""
    bench = thread.bench
    if op in (Arch.ARCH_SET_FS, Arch.ARCH_SET_GS):
        if addr >= TASK_SIZE:
            return -errno.EPERM
        bench.set_segment_base(thread, "fs" if op == Arch.ARCH_SET_FS else "gs", addr)
        return 0
    if op in (Arch.ARCH_GET_FS, Arch.ARCH_GET_GS):
        thread.memory.put_u64(addr, bench.segment_base(thread, "fs" if op == Arch.ARCH_GET_FS else "gs"))
        return 0
    if op == Arch.ARCH_GET_CPUID:
        return 1
    if op in (Arch.ARCH_GET_XCOMP_SUPP, Arch.ARCH_GET_XCOMP_PERM):
        thread.memory.put_u64(addr, _STATE_COMPONENTS)
        return 0
    return -errno.ENODEV if op == Arch.ARCH_SET_CPUID else -errno.EINVAL


@syscall
def sched_yield(thread: Thread) -> Result:
    """sched_yield(2)."""
    return Yield(0)


@syscall
def sched_getaffinity(
    thread: Thread, pid: Pid, cpusetsize: Size, mask: Annotated[int, OutCpuMask()]
) -> HostResult:
    """sched_getaffinity(2): the kernel's call, which returns the size of its mask."""
    size = cpusetsize & 0xFFFFFFFF
    cpus = thread.process.cpus
    if size * 8 & 0xFFFFFFFF < cpus or size & 7:  # an unsigned int, which overflows
        return -errno.EINVAL
    thread_named(thread, pid)
    kernel_size = (cpus + 63) // 64 * 8
    thread.memory.write(mask, ((1 << cpus) - 1).to_bytes(kernel_size, "little"))
    return kernel_size


@syscall(partial="accepted, and of no effect: one processor runs all threads")
def sched_setaffinity(
    thread: Thread, pid: Pid, cpusetsize: Size, mask: Annotated[int, InCpuMask("cpusetsize")]
) -> Result:
    """sched_setaffinity(2)."""
    cpus = thread.process.cpus
    size = min(cpusetsize & 0xFFFFFFFF, (cpus + 63) // 64 * 8)
    wanted = int.from_bytes(thread.memory.read(mask, size), "little") if size else 0
    thread_named(thread, pid)
    return 0 if wanted & ((1 << cpus) - 1) else -errno.EINVAL


@syscall
def getcpu(thread: Thread, cpu: OutCpu, node: OutNode, tcache: Address) -> Result:
    """getcpu(2)."""
    if cpu:
        thread.memory.put_u32(cpu, 0)
    if node:
        thread.memory.put_u32(node, 0)
    return 0
