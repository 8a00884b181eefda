"""Who the process is and what it may use: ids, system name, limits, random bytes."""

from say import check, result

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.threads import Getrandom, Rlimit


@struct
class Limit:
    """struct rlimit."""

    soft: u64
    hard: u64


UNMAPPED = 0x10000
NOBODY = 0x3FFFFF
buffer: array[u8, 8192]


def identities() -> None:
    """The calls agree with one another; the numbers are the machine's."""
    pid = syscall(numbers.getpid)
    check(b"the first thread is the process", pid == syscall(numbers.gettid))
    check(b"the parent is another", syscall(numbers.getppid) != pid)
    uid = syscall(numbers.getuid)
    gid = syscall(numbers.getgid)
    check(b"effective user", syscall(numbers.geteuid) == uid)
    check(b"effective group", syscall(numbers.getegid) == gid)
    ids = array[u32, 3]()
    result(b"getresuid", syscall(numbers.getresuid, addr(ids[0]), addr(ids[1]), addr(ids[2])))
    check(b"all the same", i64(ids[0]) == uid and ids[1] == ids[0] and ids[2] == ids[0])
    result(b"getresgid", syscall(numbers.getresgid, addr(ids[0]), addr(ids[1]), addr(ids[2])))
    check(b"all the same", i64(ids[0]) == gid and ids[1] == ids[0] and ids[2] == ids[0])
    result(b"getresuid, bad pointer", syscall(numbers.getresuid, addr(ids[0]), UNMAPPED, addr(ids[2])))
    result(b"getresgid, bad pointer", syscall(numbers.getresgid, 0, addr(ids[1]), addr(ids[2])))
    result(b"getgroups, negative", syscall(numbers.getgroups, -1, 0))
    check(b"getpgid of self", syscall(numbers.getpgid, 0) == syscall(numbers.getpgrp))
    check(b"getpgid by pid", syscall(numbers.getpgid, pid) == syscall(numbers.getpgrp))
    result(b"getpgid of nobody", syscall(numbers.getpgid, NOBODY))
    result(b"getpgid of -1", syscall(numbers.getpgid, -1))
    check(b"getsid", syscall(numbers.getsid, 0) == syscall(numbers.getsid, pid))
    result(b"getsid of nobody", syscall(numbers.getsid, NOBODY))


def names() -> None:
    """uname and sysinfo."""
    result(b"uname", syscall(numbers.uname, buffer.ptr))
    check(b"Linux", buffer[0:6] == b"Linux\0")
    check(b"a release", buffer[130] != 0)
    check(b"x86_64", buffer[260:267] == b"x86_64\0")
    result(b"uname, bad pointer", syscall(numbers.uname, UNMAPPED))
    result(b"uname, null", syscall(numbers.uname, 0))
    result(b"sysinfo", syscall(numbers.sysinfo, buffer.ptr))
    result(b"sysinfo, bad pointer", syscall(numbers.sysinfo, UNMAPPED))


def limits() -> None:
    """getrlimit, setrlimit, prlimit64."""
    limit = Limit()
    other = Limit()
    at = addr(limit)
    for resource in range(16):
        check(b"a limit", syscall(numbers.getrlimit, resource, at) == 0)
        check(b"soft is at most hard", limit.soft <= limit.hard)
    result(b"no such limit", syscall(numbers.getrlimit, 16, at))
    result(b"limit -1", syscall(numbers.getrlimit, -1, at))
    result(b"getrlimit, bad pointer", syscall(numbers.getrlimit, 0, UNMAPPED))
    result(b"setrlimit, bad pointer", syscall(numbers.setrlimit, 0, UNMAPPED))
    result(b"setrlimit, bad pointer and limit", syscall(numbers.setrlimit, 99, UNMAPPED))
    result(b"setrlimit, bad limit", syscall(numbers.setrlimit, 99, at))
    limit.soft = 10
    limit.hard = 9
    result(b"soft above hard", syscall(numbers.setrlimit, Rlimit.RLIMIT_NOFILE, at))
    syscall(numbers.getrlimit, Rlimit.RLIMIT_NOFILE, at)
    limit.soft = 64
    result(b"lower the soft one", syscall(numbers.setrlimit, Rlimit.RLIMIT_NOFILE, at))
    pid = syscall(numbers.getpid)
    result(b"prlimit64", syscall(numbers.prlimit64, pid, Rlimit.RLIMIT_NOFILE, 0, addr(other)))
    result(b"it is", i64(other.soft))
    check(b"the hard one stayed", other.hard == limit.hard)
    result(b"no descriptor from there on", syscall(numbers.dup2, 1, 64))
    result(b"the last one", syscall(numbers.dup2, 1, 63))
    result(b"and duplicates", syscall(numbers.fcntl, 1, 0, 63))
    limit.soft = 100
    result(b"raise it", syscall(numbers.prlimit64, 0, Rlimit.RLIMIT_NOFILE, at, addr(other)))
    result(b"it was", i64(other.soft))
    result(b"now there is", syscall(numbers.dup2, 1, 64))
    result(b"prlimit64, bad limit", syscall(numbers.prlimit64, 0, 99, 0, at))
    result(b"prlimit64, bad new", syscall(numbers.prlimit64, 0, 99, UNMAPPED, at))
    result(b"prlimit64, bad old", syscall(numbers.prlimit64, 0, Rlimit.RLIMIT_NOFILE, 0, UNMAPPED))
    result(b"prlimit64 of nobody", syscall(numbers.prlimit64, NOBODY, Rlimit.RLIMIT_NOFILE, 0, at))
    result(b"prlimit64 of nothing", syscall(numbers.prlimit64, 0, Rlimit.RLIMIT_NOFILE, 0, 0))
    limit.soft = 1 << 21
    limit.hard = 1 << 21
    result(b"descriptors without end", syscall(numbers.setrlimit, Rlimit.RLIMIT_NOFILE, at))


def differs(start: i64, size: i64) -> bool:
    """Whether the buffer holds something else than zeroes there."""
    for i in range(size):
        if buffer[start + i] != 0:
            return True
    return False


def random_bytes() -> None:
    """getrandom."""
    for i in range(8192):
        buffer[i] = 0
    result(b"getrandom", syscall(numbers.getrandom, buffer.ptr, 64, 0))
    check(b"filled", differs(0, 32) and differs(32, 32))
    check(b"and no more", not differs(64, 64))
    result(b"large", syscall(numbers.getrandom, buffer.ptr, 8192, Getrandom.GRND_NONBLOCK))
    check(b"filled to the end", differs(8160, 32))
    result(b"nothing", syscall(numbers.getrandom, UNMAPPED, 0, 0))
    result(b"random", syscall(numbers.getrandom, buffer.ptr, 8, Getrandom.GRND_RANDOM))
    result(b"insecure", syscall(numbers.getrandom, buffer.ptr, 8, Getrandom.GRND_INSECURE))
    both = Getrandom.GRND_RANDOM | Getrandom.GRND_INSECURE
    result(b"random and insecure", syscall(numbers.getrandom, buffer.ptr, 8, both))
    result(b"unknown flag", syscall(numbers.getrandom, buffer.ptr, 8, 8))
    result(b"bad pointer", syscall(numbers.getrandom, UNMAPPED, 8, 0))
    result(b"in kernel space", syscall(numbers.getrandom, u64(1) << 63, 8, 0))
    area = syscall(numbers.mmap, 0, 8192, 3, 0x22, -1, 0)
    syscall(numbers.munmap, area + 4096, 4096)
    result(b"up to the end of memory", syscall(numbers.getrandom, area + 4000, 1000, 0))
    result(b"at the end of memory", syscall(numbers.getrandom, area + 4096, 1000, 0))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    identities()
    names()
    random_bytes()
    limits()
    return 0
