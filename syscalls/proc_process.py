"""The files of /proc/PID: a process as the kernel would describe it (proc_pid_*(5), fs/proc/array.c).

Each takes the process and the thread that is looked at: one of /proc/PID/task, or the process's first; None when that has
ended. A zombie has no memory, no descriptors and no arguments.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from syscalls import credentials, scheduling
from syscalls.flags.threads import Prctl
from syscalls.limits import limit
from syscalls.pidfds import is_reaped, process_of
from syscalls.proc_memory import Use, maps, smaps, use_of
from syscalls.proc_mounts import mount_info, mount_table

if TYPE_CHECKING:
    from syscalls.fds import Descriptor
    from syscalls.process import Process, Thread

TICK = 10_000_000
"""Nanoseconds of one clock tick (sysconf(_SC_CLK_TCK) is 100)."""

UNLIMITED = (1 << 64) - 1

_FLAGS_FORKED, _FLAGS_RANDOMIZED = 0x40, 0x400000  # PF_FORKNOEXEC, PF_RANDOMIZE
_STATES = {"R": "running", "S": "sleeping", "T": "stopped", "Z": "zombie"}
_OPEN_CLOEXEC = 0o2000000


def state(process: "Process", thread: "Thread | None") -> str:
    """The letter of ps(1): R, S, T, Z."""
    if process.wait_status is not None or thread is None:
        return "Z"
    if process.stopped:
        return "T"
    return "S" if process.bench.is_waiting(thread) else "R"


def _first(process: "Process", thread: "Thread | None") -> "Thread | None":
    return thread or next(iter(process.threads.values()), None)


def _masks(process: "Process") -> tuple[int, int]:
    """The ignored and the caught signals, bit N-1 for signal N."""
    ignored = caught = 0
    for number, action in process.actions.items():
        if action.handler == 1:
            ignored |= 1 << (number - 1)
        elif action.handler:
            caught |= 1 << (number - 1)
    return ignored, caught


def _use(process: "Process") -> Use:
    return (
        use_of(process.memory, os.fsencode(process.exe))
        if process.wait_status is None and process.threads
        else Use()
    )


def _terminal(process: "Process") -> tuple[int, int]:
    """tty_nr and tpgid: the number of the controlling terminal as the kernel packs it, and its foreground process group."""
    terminal = process.session.terminal
    device = getattr(terminal, "device", 0)
    if not device:
        return 0, -1
    major, minor = os.major(device), os.minor(device)
    return (minor & 0xFF) | major << 8 | (minor & ~0xFF) << 12, getattr(terminal, "group", 0) or -1


def _stat(process: "Process", thread: "Thread | None") -> bytes:
    use = _use(process)
    own = process.bench.cpu_time_ns(process) // TICK
    children = process.children_time_ns // TICK
    ignored, caught = _masks(process)
    tty, foreground = _terminal(process)
    flags = _FLAGS_RANDOMIZED | (0 if process.has_execed or process.parent is None else _FLAGS_FORKED)
    blocked = thread.signal_mask if thread is not None else 0
    nice = scheduling.of(thread).nice if thread is not None else 0
    fields: list[int | str] = [
        state(process, thread), process.ppid, process.group, process.session.sid, tty, foreground, flags,
        0, 0, 0, 0, own, 0, children, 0, 20 + nice, nice, max(1, len(process.threads)), 0, process.started_ns // TICK,
        use.total * 4096, use.resident, UNLIMITED, use.code[0], use.code[1], use.stack_start, 0, 0,
        process.pending & 0x7FFFFFFF, blocked & 0x7FFFFFFF, ignored & 0x7FFFFFFF, caught & 0x7FFFFFFF,
        int(state(process, thread) == "S"), 0, 0, process.exit_signal, 0, 0, 0, 0, 0, 0,
        use.data[0], use.data[1], use.heap_start, 0, 0, 0, 0,
        process.wait_status or 0,
    ]  # fmt: skip
    tid = process.pid if thread is None else thread.tid
    return b"%d (%s) " % (tid, _name(process, thread)) + " ".join(map(str, fields)).encode() + b"\n"


def _name(process: "Process", thread: "Thread | None") -> bytes:
    return thread.name if thread is not None and thread.name else process.name


def _statm(process: "Process", thread: "Thread | None") -> bytes:
    use = _use(process)
    return b"%d %d %d %d 0 %d 0\n" % (
        use.total, use.resident, use.resident_files, use.executable, use.writable,
    )  # fmt: skip


def _status(process: "Process", thread: "Thread | None") -> bytes:
    """proc_pid_status(5)."""
    ignored, caught = _masks(process)
    letter = state(process, thread)
    tid = process.pid if thread is None else thread.tid
    first = _first(process, thread)
    alive = letter != "Z"
    who = credentials.of(thread) if thread is not None else credentials.of_process(process)
    settings = thread.settings if thread is not None else {}
    lines = [
        b"Name:\t" + _name(process, thread),
        *([b"Umask:\t%04o" % first.files.umask] if first is not None and first.files is not None else []),
        b"State:\t%s (%s)" % (letter.encode(), _STATES[letter].encode()),
        b"Tgid:\t%d" % process.pid,
        b"Ngid:\t0",
        b"Pid:\t%d" % tid,
        b"PPid:\t%d" % process.ppid,
        b"TracerPid:\t0",
        b"Uid:\t%d\t%d\t%d\t%d" % who[0:4],
        b"Gid:\t%d\t%d\t%d\t%d" % who[4:8],
        b"FDSize:\t%d" % (_table_size(first) if alive else 0),
        b"Groups:\t" + b"".join(b"%d " % group for group in who.groups) + b" " * (not who.groups),
        b"NStgid:\t%d" % process.pid,
        b"NSpid:\t%d" % tid,
        b"NSpgid:\t%d" % process.group,
        b"NSsid:\t%d" % process.session.sid,
        b"Kthread:\t0",
    ]
    if alive:
        lines += _memory_lines(_use(process))
    lines += [
        b"Threads:\t%d" % max(1, len(process.threads)),
        b"SigQ:\t%d/96365" % process.queued,
        b"SigPnd:\t%016x" % (thread.pending if thread is not None else 0),
        b"ShdPnd:\t%016x" % process.pending,
        b"SigBlk:\t%016x" % (thread.signal_mask if thread is not None else 0),
        b"SigIgn:\t%016x" % ignored,
        b"SigCgt:\t%016x" % caught,
        b"CapInh:\t%016x" % who.inheritable,
        b"CapPrm:\t%016x" % who.permitted,
        b"CapEff:\t%016x" % who.effective,
        b"CapBnd:\t%016x" % who.bounding,
        b"CapAmb:\t%016x" % who.ambient,
        b"NoNewPrivs:\t%d" % settings.get(Prctl.PR_SET_NO_NEW_PRIVS, 0),
        b"Seccomp:\t0",
        b"Seccomp_filters:\t0",
        b"Cpus_allowed:\t%x" % ((1 << process.cpus) - 1),
        b"Cpus_allowed_list:\t" + cpu_list(process.cpus),
        b"Mems_allowed:\t1",
        b"Mems_allowed_list:\t0",
        b"voluntary_ctxt_switches:\t0",
        b"nonvoluntary_ctxt_switches:\t0",
    ]
    return b"\n".join(lines) + b"\n"


def cpu_list(count: int) -> bytes:
    """The processors 0 to `count` - 1 as the kernel lists them."""
    return b"0-%d" % (count - 1) if count > 1 else b"0"


def _table_size(thread: "Thread | None") -> int:
    highest = max(thread.fds.entries, default=0) if thread is not None else 0
    return max(64, 1 << highest.bit_length())


def _memory_lines(use: Use) -> list[bytes]:
    kilobytes = {
        b"VmPeak": use.total, b"VmSize": use.total, b"VmLck": 0, b"VmPin": 0,
        b"VmHWM": use.resident, b"VmRSS": use.resident, b"RssAnon": use.resident - use.resident_files,
        b"RssFile": use.resident_files, b"RssShmem": 0,
        b"VmData": use.writable - use.stack, b"VmStk": use.stack,
        b"VmExe": use.program, b"VmLib": use.executable - use.program, b"VmPTE": 0, b"VmSwap": 0,
    }  # fmt: skip
    return [name + b":\t%8d kB" % (pages * 4) for name, pages in kilobytes.items()]


_LIMITS = (
    ("Max cpu time", 0, "seconds"), ("Max file size", 1, "bytes"), ("Max data size", 2, "bytes"),
    ("Max stack size", 3, "bytes"), ("Max core file size", 4, "bytes"), ("Max resident set", 5, "bytes"),
    ("Max processes", 6, "processes"), ("Max open files", 7, "files"), ("Max locked memory", 8, "bytes"),
    ("Max address space", 9, "bytes"), ("Max file locks", 10, "locks"), ("Max pending signals", 11, "signals"),
    ("Max msgqueue size", 12, "bytes"), ("Max nice priority", 13, ""), ("Max realtime priority", 14, ""),
    ("Max realtime timeout", 15, "us"),
)  # fmt: skip


def _limits(process: "Process", thread: "Thread | None") -> bytes:
    lines = [f"{'Limit':<25} {'Soft Limit':<20} {'Hard Limit':<20} {'Units':<10}"]
    for name, number, unit in _LIMITS:
        soft, hard = limit(process, number)
        shown = ["unlimited" if value == UNLIMITED else str(value) for value in (soft, hard)]
        lines.append(f"{name:<25} {shown[0]:<20} {shown[1]:<20} " + (f"{unit:<10}" if unit else ""))
    return "".join(line + "\n" for line in lines).encode()


def fd_info(entry: "Descriptor") -> bytes:
    """proc_pid_fdinfo(5): position and flags, and whose a pidfd is."""
    try:
        position = os.lseek(entry.host, 0, os.SEEK_CUR)
    except OSError:
        position = 0
    description = entry.description
    flags = description.flags & ~0o4000 | (0o4000 if description.nonblocking else 0)
    flags |= _OPEN_CLOEXEC if entry.cloexec else 0
    shown = b"pos:\t%d\nflags:\t0%o\nmnt_id:\t1\nino:\t%d\n" % (
        position, flags, os.fstat(entry.host).st_ino,
    )  # fmt: skip
    if description.kind == "pidfd":
        process = process_of(entry)
        pid = -1 if is_reaped(process) else process.pid
        shown += b"Pid:\t%d\nNSpid:\t%d\n" % (pid, pid)
    return shown


def _words(words: list[bytes], process: "Process") -> bytes:
    return b"".join(word + b"\0" for word in words) if process.wait_status is None else b""


def _of_memory(make: "Callable[[Process], bytes]") -> "Callable[[Process, Thread | None], bytes]":
    return lambda process, thread: make(process) if process.wait_status is None and process.threads else b""


TEXTS: "dict[bytes, Callable[[Process, Thread | None], bytes]]" = {
    b"cgroup": lambda process, thread: b"0::/\n",
    b"auxv": lambda process, thread: process.auxv,
    b"cmdline": lambda process, thread: _words(process.argv, process),
    b"comm": lambda process, thread: _name(process, thread) + b"\n",
    b"environ": lambda process, thread: _words(process.envp, process),
    b"limits": _limits,
    b"loginuid": lambda process, thread: b"4294967295",
    b"maps": _of_memory(lambda process: maps(process.memory)),
    b"mountinfo": lambda process, thread: mount_info(_first(process, thread)),
    b"mounts": lambda process, thread: mount_table(_first(process, thread)),
    b"oom_adj": lambda process, thread: b"0\n",
    b"oom_score": lambda process, thread: b"0\n",
    b"oom_score_adj": lambda process, thread: b"0\n",
    b"personality": lambda process, thread: b"00000000\n",
    b"sessionid": lambda process, thread: b"4294967295",
    b"smaps": _of_memory(lambda process: smaps(process.memory)),
    b"stat": _stat,
    b"statm": _statm,
    b"status": _status,
    b"wchan": lambda process, thread: b"0",
}
"""Name to text."""

PRIVATE = frozenset((b"auxv", b"environ", b"personality"))
"""What only the owner may read."""
