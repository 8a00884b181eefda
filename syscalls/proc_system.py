"""What /proc and /sys say of the machine as a whole: processors, memory, time, the kernel.

It is the guest's machine: its processors, the processor time of its processes, the memory that it may use.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from syscalls.proc_memory import use_of
from syscalls.proc_process import TICK, cpu_list, state

if TYPE_CHECKING:
    from syscalls.process import Thread

MEMORY = 4 << 30
"""Bytes of memory, as sysinfo(2) tells."""

PID_MAX = 4194304

_FEATURES = (
    "fpu tsc cx8 sep cmov clflush mmx fxsr sse sse2 syscall nx mmxext rdtscp lm constant_tsc nopl nonstop_tsc cpuid pni"
    " pclmulqdq ssse3 cx16 sse4_1 sse4_2 movbe popcnt aes lahf_lm abm 3dnowprefetch topoext fsgsbase erms adx clflushopt"
)
"""What the processor says of itself by CPUID (emu/cpuid.py), in the kernel's words."""

_HERTZ = 2_000_000_000


def _used(thread: "Thread") -> int:
    """Nanoseconds of processor time that all processes have used, those included that are gone."""
    total = 0
    for process in thread.process.system.processes.values():
        total += process.bench.cpu_time_ns(process)
        if process.parent is None:
            total += process.children_time_ns
    return total


def _stat(thread: "Thread") -> bytes:
    """proc_stat(5). One processor does all the work: the bench is one."""
    cpus = thread.process.cpus
    system = thread.process.system
    uptime = thread.bench.monotonic_ns()
    used = _used(thread) // TICK
    idle = max(0, uptime // TICK - used)
    rest = " 0 0 0 0 0 0"
    lines = [f"cpu  {used} 0 0 {idle + (cpus - 1) * (uptime // TICK)}{rest}"]
    lines += [f"cpu{n} {used if not n else 0} 0 0 {uptime // TICK if n else idle}{rest}" for n in range(cpus)]
    states = [
        state(process, other) for process in system.processes.values() for other in process.threads.values()
    ]
    lines += [
        "intr 0",
        "ctxt 0",
        f"btime {(thread.bench.realtime_ns() - uptime) // 1_000_000_000}",
        f"processes {max(system.processes) - min(system.processes) + 1}",
        f"procs_running {states.count('R')}",
        "procs_blocked 0",
        "softirq 0 0 0 0 0 0 0 0 0 0 0",
    ]
    return ("\n".join(lines) + "\n").encode()


def _uptime(thread: "Thread") -> bytes:
    """proc_uptime(5)."""
    uptime = thread.bench.monotonic_ns()
    idle = uptime * thread.process.cpus - _used(thread)
    return b"%d.%02d %d.%02d\n" % (
        uptime // 1_000_000_000, uptime // TICK % 100, idle // 1_000_000_000, idle // TICK % 100,
    )  # fmt: skip


def _load(thread: "Thread") -> bytes:
    """proc_loadavg(5); no averages are kept, as sysinfo(2) says, too."""
    system = thread.process.system
    threads = [
        (process, other) for process in system.processes.values() for other in process.threads.values()
    ]
    running = sum(state(process, other) == "R" for process, other in threads)
    return b"0.00 0.00 0.00 %d/%d %d\n" % (running, len(threads), max(system.processes))


def _memory(thread: "Thread") -> bytes:
    """proc_meminfo(5): of the guest's memory what its processes have touched is used, the rest is free."""
    resident = files = 0
    seen = set()
    for process in thread.process.system.living():
        if process.threads and id(process.memory) not in seen:
            seen.add(id(process.memory))
            use = use_of(process.memory, b"")
            resident += (use.resident - use.resident_files) * 4
            files += use.resident_files * 4
    total = MEMORY // 1024
    free = max(0, total - resident - files)
    lines = {
        "MemTotal": total, "MemFree": free, "MemAvailable": max(0, total - resident), "Buffers": 0, "Cached": files,
        "SwapCached": 0, "Active": resident, "Inactive": files, "Active(anon)": resident, "Inactive(anon)": 0,
        "Active(file)": 0, "Inactive(file)": files, "Unevictable": 0, "Mlocked": 0, "SwapTotal": 0, "SwapFree": 0,
        "Dirty": 0, "Writeback": 0, "AnonPages": resident, "Mapped": files, "Shmem": 0, "KReclaimable": 0, "Slab": 0,
        "SReclaimable": 0, "SUnreclaim": 0, "KernelStack": 0, "PageTables": 0, "NFS_Unstable": 0, "Bounce": 0,
        "WritebackTmp": 0, "CommitLimit": total, "Committed_AS": resident, "VmallocTotal": 34359738367,
        "VmallocUsed": 0, "VmallocChunk": 0, "Hugepagesize": 2048,
    }  # fmt: skip
    return "".join(f"{name + ':':<16}{size:>8} kB\n" for name, size in lines.items()).encode()


def _vmstat(thread: "Thread") -> bytes:
    """proc_vmstat(5): what vmstat(8) looks for; nothing goes to a disk or comes from one."""
    free = int(_memory(thread).split()[4]) // 4
    return b"nr_free_pages %d\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n" % free


def _cpuinfo(thread: "Thread") -> bytes:
    """proc_cpuinfo(5)."""
    cpus = thread.process.cpus
    lines = []
    for number in range(cpus):
        values = {
            "processor\t": number, "vendor_id\t": "AuthenticAMD", "cpu family\t": 23, "model\t\t": 1,
            "model name\t": "emu virtual processor", "stepping\t": 2, "cpu MHz\t\t": f"{_HERTZ / 1e6:.3f}",
            "cache size\t": "512 KB", "physical id\t": 0, "siblings\t": cpus, "core id\t\t": number,
            "cpu cores\t": cpus, "apicid\t\t": number, "initial apicid\t": number, "fpu\t\t": "yes",
            "fpu_exception\t": "yes", "cpuid level\t": 7, "wp\t\t": "yes", "flags\t\t": _FEATURES, "bugs\t\t": "",
            "bogomips\t": f"{_HERTZ * 2 / 1e6:.2f}", "clflush size\t": 64, "cache_alignment\t": 64,
            "address sizes\t": "48 bits physical, 48 bits virtual", "power management": "",
        }  # fmt: skip
        lines += [
            f"{name}:{' ' + str(value) if value != '' or name[0] == 'b' else ''}"
            for name, value in values.items()
        ] + [""]
    return ("\n".join(lines) + "\n").encode()


def _version(thread: "Thread") -> bytes:
    host = os.uname()
    return f"{host.sysname} version {thread.process.system.release} (emu@emu) {host.version}\n".encode()


def _uuid(number: bytes) -> bytes:
    digits = bytearray(number)
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}\n".encode()


def _always(text: bytes) -> "Callable[[Thread], bytes]":
    return lambda thread: text


_FILE_SYSTEMS = (
    b"".join(b"nodev\t%s\n" % name for name in (b"sysfs", b"tmpfs", b"proc", b"devtmpfs", b"devpts"))
    + b"\text4\n"
)

TEXTS: "dict[bytes, Callable[[Thread], bytes]]" = {
    b"cpuinfo": _cpuinfo,
    b"filesystems": _always(_FILE_SYSTEMS),
    b"loadavg": _load,
    b"meminfo": _memory,
    b"stat": _stat,
    b"swaps": _always(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    b"uptime": _uptime,
    b"version": _version,
    b"vmstat": _vmstat,
    b"diskstats": _always(b""),
    b"partitions": _always(b"major minor  #blocks  name\n\n"),
    b"cmdline": _always(b"\n"),
    b"devices": _always(
        b"Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n"
    ),
    b"tty/drivers": _always(
        b"/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
        b"/dev/ptmx            /dev/ptmx       5       2 system\n"
        b"pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
        b"pty_master           /dev/ptm      128 0-1048575 pty:master\n"
    ),
    b"sys/kernel/cap_last_cap": _always(b"40\n"),
    b"sys/kernel/core_pattern": _always(b"core\n"),
    b"sys/kernel/domainname": _always(b"(none)\n"),
    b"sys/kernel/hostname": _always(b"emu\n"),
    b"sys/kernel/ngroups_max": _always(b"65536\n"),
    b"sys/kernel/osrelease": lambda thread: thread.process.system.release.encode() + b"\n",
    b"sys/kernel/ostype": _always(b"Linux\n"),
    b"sys/kernel/pid_max": _always(b"%d\n" % PID_MAX),
    b"sys/kernel/random/entropy_avail": _always(b"256\n"),
    b"sys/kernel/random/poolsize": _always(b"256\n"),
    b"sys/kernel/random/uuid": lambda thread: _uuid(thread.bench.random(16)),
    b"sys/kernel/randomize_va_space": _always(b"0\n"),
    b"sys/kernel/threads-max": _always(b"192730\n"),
    b"sys/kernel/version": lambda thread: os.uname().version.encode() + b"\n",
    b"sys/fs/file-max": _always(b"9223372036854775807\n"),
    b"sys/fs/nr_open": _always(b"1048576\n"),
    b"sys/fs/pipe-max-size": _always(b"1048576\n"),
    b"sys/net/core/somaxconn": _always(b"4096\n"),
    b"sys/vm/overcommit_memory": _always(b"0\n"),
    b"sys/vm/overcommit_ratio": _always(b"50\n"),
    b"sys/vm/max_map_count": _always(b"65530\n"),
    b"sys/vm/mmap_min_addr": _always(b"65536\n"),
    b"sys/vm/swappiness": _always(b"60\n"),
}
"""The files of /proc that are no process's."""


def _cpus(thread: "Thread") -> bytes:
    return cpu_list(thread.process.cpus) + b"\n"


SYS: "dict[bytes, Callable[[Thread], bytes]]" = {
    b"devices/system/cpu/online": _cpus,
    b"devices/system/cpu/possible": _cpus,
    b"devices/system/cpu/present": _cpus,
    b"devices/system/cpu/kernel_max": _always(b"8191\n"),
    b"devices/system/cpu/offline": _always(b"\n"),
    b"devices/system/node/online": _always(b"0\n"),
    b"devices/system/node/possible": _always(b"0\n"),
    b"kernel/mm/transparent_hugepage/enabled": _always(b"always madvise [never]\n"),
}
"""The files of /sys."""
