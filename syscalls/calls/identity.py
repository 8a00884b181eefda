"""Who the guest is and what it may use: system name, user and group ids, limits, random bytes, prctl."""

import errno
import os

from syscalls.args import Address, Int, Result, Size
from syscalls.flags.threads import Getrandom, Prctl, Rlimit
from syscalls.limits import NR_OPEN, limit
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_prctl import (
    PrctlFifth,
    PrctlFourth,
    PrctlOption,
    PrctlResult,
    PrctlThird,
    PrctlValue,
)
from syscalls.types_threads import (
    InLimit,
    OutLimit,
    OutSysinfo,
    OutU32,
    OutUtsname,
    RandomFlags,
    Resource,
    RlimitLayout,
    Sysinfo,
    Utsname,
)
from syscalls.types_volatile import OutRandom, Pid

NAME_SIZE = 16
"""TASK_COMM_LEN: a thread's name with its NUL."""

_RANDOM_CHUNK = 1 << 16
_PAGE = 4096
_MAX_COUNT = 0x7FFFF000


@syscall
def uname(thread: Thread, buf: OutUtsname) -> Result:
    """uname(2): the host's kernel, as its behaviour is what the guest meets, under a node name of its own."""
    host = os.uname()
    thread.memory.write(
        buf,
        Utsname.pack(
            b"Linux",
            b"emu",
            host.release.encode()[:64],
            host.version.encode()[:64],
            b"x86_64",
            b"(none)",
        ),
    )
    return 0


@syscall
def getuid(thread: Thread) -> Result:
    """getuid(2)."""
    return thread.process.uid


@syscall
def geteuid(thread: Thread) -> Result:
    """geteuid(2)."""
    return thread.process.uid


@syscall
def getgid(thread: Thread) -> Result:
    """getgid(2)."""
    return thread.process.gid


@syscall
def getegid(thread: Thread) -> Result:
    """getegid(2)."""
    return thread.process.gid


@syscall
def getgroups(thread: Thread, size: Int, list_: Address) -> Result:
    """getgroups(2): there are no supplementary groups."""
    return 0 if size >= 0 else -errno.EINVAL


@syscall
def getresuid(thread: Thread, ruid: OutU32, euid: OutU32, suid: OutU32) -> Result:
    """getresuid(2)."""
    for address in (ruid, euid, suid):
        thread.memory.put_u32(address, thread.process.uid)
    return 0


@syscall
def getresgid(thread: Thread, rgid: OutU32, egid: OutU32, sgid: OutU32) -> Result:
    """getresgid(2)."""
    for address in (rgid, egid, sgid):
        thread.memory.put_u32(address, thread.process.gid)
    return 0


def _set_limit(thread: Thread, resource: int, new: tuple[int, int]) -> None:
    """do_prlimit() of kernel/sys.c without privileges; raises EINVAL, EPERM."""
    soft, hard = new
    if soft > hard:
        raise OSError(errno.EINVAL, "soft limit above the hard one")
    if hard > limit(thread.process, resource)[1] or (resource == Rlimit.RLIMIT_NOFILE and hard > NR_OPEN):
        raise OSError(errno.EPERM, "only a privileged process may raise a hard limit")
    thread.process.limits[resource] = new
    if resource == Rlimit.RLIMIT_NOFILE:
        thread.fds.limit = soft


def _is_resource(number: int) -> bool:
    return 0 <= number <= Rlimit.RLIMIT_RTTIME


@syscall
def getrlimit(thread: Thread, resource: Resource, rlim: OutLimit) -> Result:
    """getrlimit(2)."""
    if not _is_resource(resource):
        return -errno.EINVAL
    thread.memory.write(rlim, RlimitLayout.pack(*limit(thread.process, resource)))
    return 0


@syscall(partial="only RLIMIT_NOFILE is enforced; the others are recorded")
def setrlimit(thread: Thread, resource: Resource, rlim: InLimit) -> Result:
    """setrlimit(2)."""
    new = RlimitLayout.unpack(thread.memory.read(rlim, RlimitLayout.size))
    if not _is_resource(resource):
        return -errno.EINVAL
    _set_limit(thread, resource, new)
    return 0


@syscall(partial="only RLIMIT_NOFILE is enforced; the others are recorded")
def prlimit64(
    thread: Thread, pid: Pid, resource: Resource, new_limit: InLimit, old_limit: OutLimit
) -> Result:
    """prlimit(2)."""
    new = None
    if new_limit:
        new = RlimitLayout.unpack(thread.memory.read(new_limit, RlimitLayout.size))
    if pid and pid not in thread.process.threads:
        return -errno.ESRCH
    if not _is_resource(resource):
        return -errno.EINVAL
    old = limit(thread.process, resource)
    if new:
        _set_limit(thread, resource, new)
    if old_limit:
        thread.memory.write(old_limit, RlimitLayout.pack(*old))
    return 0


@syscall
def getrandom(thread: Thread, buf: OutRandom, buflen: Size, flags: RandomFlags) -> Result:
    """getrandom(2): bytes drawn from the run's seed; never blocks."""
    both = Getrandom.GRND_INSECURE | Getrandom.GRND_RANDOM
    if flags & ~(Getrandom.GRND_NONBLOCK | both) or flags & both == both:
        return -errno.EINVAL
    count = min(buflen, _MAX_COUNT)
    memory, bench = thread.memory, thread.bench
    memory.host(buf)
    done = 0
    while done < count:
        size = min(_RANDOM_CHUNK, count - done)
        try:
            memory.write(buf + done, bench.random(size))
        except OSError:
            size = min(_PAGE - (buf + done) % _PAGE, count - done)
            try:
                memory.write(buf + done, bench.random(size))
            except OSError:
                if done:
                    break
                raise
        done += size
    return done


@syscall(partial="memory figures are the guest's limit, loads are zero")
def sysinfo(thread: Thread, info: OutSysinfo) -> Result:
    """sysinfo(2)."""
    total = 4 << 30
    uptime = thread.bench.monotonic_ns() // 1_000_000_000
    words = (uptime, bytes(24), total, total, 0, 0, 0, 0, len(thread.process.threads), 0, 0, 1)
    thread.memory.write(info, Sysinfo.pack(*words))
    return 0


_SETTINGS: dict[int, tuple[int, range]] = {
    Prctl.PR_SET_PDEATHSIG: (0, range(65)),
    Prctl.PR_SET_DUMPABLE: (1, range(2)),
    Prctl.PR_SET_KEEPCAPS: (0, range(2)),
    Prctl.PR_SET_TIMING: (0, range(1)),
    Prctl.PR_SET_TIMERSLACK: (50_000, range(1 << 63)),
    Prctl.PR_SET_CHILD_SUBREAPER: (0, range(1 << 63)),
    Prctl.PR_SET_NO_NEW_PRIVS: (0, range(1, 2)),
    Prctl.PR_SET_THP_DISABLE: (0, range(1 << 63)),
}
"""Settings that are only remembered: the value at the start, and the values that the kernel takes."""

_FLAGS_ONLY = frozenset({Prctl.PR_SET_CHILD_SUBREAPER, Prctl.PR_SET_THP_DISABLE})
_GETS = {
    Prctl.PR_GET_DUMPABLE: Prctl.PR_SET_DUMPABLE,
    Prctl.PR_GET_KEEPCAPS: Prctl.PR_SET_KEEPCAPS,
    Prctl.PR_GET_TIMING: Prctl.PR_SET_TIMING,
    Prctl.PR_GET_TIMERSLACK: Prctl.PR_SET_TIMERSLACK,
    Prctl.PR_GET_NO_NEW_PRIVS: Prctl.PR_SET_NO_NEW_PRIVS,
    Prctl.PR_GET_THP_DISABLE: Prctl.PR_SET_THP_DISABLE,
}
_GETS_BY_POINTER = {
    Prctl.PR_GET_PDEATHSIG: Prctl.PR_SET_PDEATHSIG,
    Prctl.PR_GET_CHILD_SUBREAPER: Prctl.PR_SET_CHILD_SUBREAPER,
}
_MUST_BE_ZERO = {
    Prctl.PR_SET_NO_NEW_PRIVS: slice(1, 4),
    Prctl.PR_GET_NO_NEW_PRIVS: slice(0, 4),
    Prctl.PR_SET_THP_DISABLE: slice(1, 4),
    Prctl.PR_GET_THP_DISABLE: slice(0, 4),
}
"""Which of arguments 2 to 5 the kernel wants to be zero."""


@syscall(partial="names, and settings that have no effect here; the rest is EINVAL")
def prctl(
    thread: Thread, op: PrctlOption, arg2: PrctlValue, arg3: PrctlThird, arg4: PrctlFourth, arg5: PrctlFifth
) -> PrctlResult:
    """prctl(2)."""
    memory, settings = thread.memory, thread.process.settings
    if op == Prctl.PR_SET_NAME:
        size = memory.readable(arg2, NAME_SIZE - 1)
        name = memory.read(arg2, size) if size else b""
        if b"\0" not in name and size < NAME_SIZE - 1:
            return -errno.EFAULT
        thread.name = name.partition(b"\0")[0]
        return 0
    if op == Prctl.PR_GET_NAME:
        memory.write(arg2, thread.name[: NAME_SIZE - 1].ljust(NAME_SIZE, b"\0"))
        return 0
    others: tuple[int, ...] = (arg2, arg3, arg4, arg5)
    if any(others[_MUST_BE_ZERO.get(op, slice(0, 0))]):
        return -errno.EINVAL
    if op in _SETTINGS:
        if op == Prctl.PR_SET_TIMERSLACK and not arg2:
            arg2 = _SETTINGS[op][0]
        if arg2 not in _SETTINGS[op][1]:
            return -errno.EINVAL
        settings[op] = int(bool(arg2)) if op in _FLAGS_ONLY else arg2
        return 0
    if op in _GETS:
        return settings.get(_GETS[op], _SETTINGS[_GETS[op]][0])
    if op in _GETS_BY_POINTER:
        memory.put_u32(arg2, settings.get(_GETS_BY_POINTER[op], 0))
        return 0
    if op == Prctl.PR_CAPBSET_READ:
        return 0 if arg2 <= 40 else -errno.EINVAL
    if op in (Prctl.PR_GET_SECCOMP, Prctl.PR_GET_SECUREBITS):
        return 0
    thread.bench.note_once(f"prctl {op}", f"prctl({Prctl.text(op)}) is not supported: EINVAL")
    return -errno.EINVAL
