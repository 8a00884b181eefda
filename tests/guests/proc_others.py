"""What /proc tells of other processes: who is there, how they are, what they have open, and what is left of them."""

from hands import buffer, open_at, read_back, zero_buffer
from process_tools import child, kill, wait4
from say import check, result, say

from guest.lang import addr, array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open
from syscalls.flags.signals import Signal

path: array[u8, 64]
gate: array[i64, 1]
span: array[i64, 2]


def name_of(pid: i64, rest: bytes) -> ptr[u8]:
    """`/proc/PID/rest`, with its NUL."""
    digits = array[u8, 24]()
    count = i64(0)
    value = pid
    while value > 0:
        digits[count] = u8(0x30 + value % 10)
        value = value // 10
        count += 1
    at = i64(6)
    start = b"/proc/"
    for i in range(6):
        path[i] = start[i]
    while count > 0:
        count -= 1
        path[at] = digits[count]
        at += 1
    path[at] = 0x2F
    at += 1
    for i in range(len(rest)):
        path[at + i] = rest[i]
    path[at + len(rest)] = 0
    return addr(path[0])


def open_of(pid: i64, rest: bytes) -> i64:
    return syscall(numbers.openat, At.AT_FDCWD, name_of(pid, rest), Open.O_RDONLY, 0)


def letter(label: bytes, pid: i64) -> None:
    """The state in /proc/PID/stat, behind the last parenthesis."""
    fd = open_of(pid, b"stat")
    if fd < 0:
        result(label, fd)
        return
    count = syscall(numbers.read, fd, addr(buffer[0]), 4096)
    syscall(numbers.close, fd)
    at = count - 1
    while buffer[at] != 0x29:
        at -= 1
    say(label)
    say(b": ")
    syscall(numbers.write, 1, addr(buffer[at + 2]), 1)
    say(b"\n")


def settle(pid: i64, wanted: u8) -> None:
    """Wait until a process is in a state: it takes its time to get there."""
    while True:
        fd = open_of(pid, b"stat")
        count = syscall(numbers.read, fd, addr(buffer[0]), 4096)
        syscall(numbers.close, fd)
        at = count - 1
        while buffer[at] != 0x29:
            at -= 1
        if buffer[at + 2] == wanted:
            return
        span[0] = 0
        span[1] = 1000000
        syscall(numbers.nanosleep, addr(span[0]), 0)


def link_of(label: bytes, pid: i64, rest: bytes) -> None:
    zero_buffer()
    code = syscall(numbers.readlink, name_of(pid, rest), addr(buffer[0]), 4096)
    result(label, code if code < 0 else 0)
    if code > 0:
        at = code
        while at > 0 and buffer[at - 1] != 0x2F:
            at -= 1
        say(b"  ")
        syscall(numbers.write, 1, addr(buffer[at]), code - at)
        say(b"\n")


def is_listed(pid: i64) -> bool:
    """Whether /proc has it in its list; names are compared as numbers."""
    fd = open_at(b"/proc\0", Open.O_RDONLY | Open.O_DIRECTORY)
    found = False
    while True:
        count = syscall(numbers.getdents64, fd, addr(buffer[0]), 4096)
        if count <= 0:
            break
        at = i64(0)
        while at < count:
            value = i64(0)
            i = at + 19
            while buffer[i] >= 0x30 and buffer[i] <= 0x39:
                value = value * 10 + i64(buffer[i]) - 0x30
                i += 1
            if buffer[i] == 0 and value == pid:
                found = True
            at += i64(buffer[at + 16]) | i64(buffer[at + 17]) << 8
    syscall(numbers.close, fd)
    return found


def sleeper(unused: u64) -> i64:
    """Goes to another directory, opens a file there, and waits."""
    syscall(numbers.close, gate[0] >> 32)
    syscall(numbers.chdir, b"folder\0".ptr)
    syscall(numbers.dup2, open_at(b"inner\0", Open.O_RDONLY), 20)
    syscall(numbers.read, gate[0] & 0xFFFFFFFF, addr(buffer[0]), 1)
    return 7


def others() -> None:
    syscall(numbers.pipe2, addr(gate[0]), 0)
    pid = child(sleeper, 0)
    syscall(numbers.close, gate[0] & 0xFFFFFFFF)
    settle(pid, 0x53)
    letter(b"the child", pid)
    letter(b"myself", syscall(numbers.getpid))
    check(b"listed", is_listed(pid))
    link_of(b"cwd", pid, b"cwd")
    link_of(b"fd/20", pid, b"fd/20")
    link_of(b"fd/21", pid, b"fd/21")
    fd = open_of(pid, b"fd/20")
    read_back(b"its file", fd, 100)
    syscall(numbers.close, fd)
    fd = open_of(pid, b"cwd/inner")
    read_back(b"by its directory", fd, 100)
    syscall(numbers.close, fd)
    fd = open_of(pid, b"cwd/../file")
    read_back(b"beside its directory", fd, 100)
    syscall(numbers.close, fd)
    fd = open_of(pid, b"comm")
    check(b"comm", fd > 0)
    held = open_of(pid, b"status")
    result(b"its thread", syscall(numbers.faccessat, At.AT_FDCWD, name_of(pid, b"task"), 0))
    kill(pid, Signal.SIGSTOP)
    wait4(pid, 2)
    letter(b"stopped", pid)
    kill(pid, Signal.SIGCONT)
    settle(pid, 0x53)
    syscall(numbers.close, gate[0] >> 32)
    settle(pid, 0x5A)
    letter(b"ended", pid)
    check(b"still listed", is_listed(pid))
    link_of(b"cwd", pid, b"cwd")
    link_of(b"exe", pid, b"exe")
    maps = open_of(pid, b"cmdline")
    result(b"cmdline", syscall(numbers.read, maps, addr(buffer[0]), 100))
    syscall(numbers.close, maps)
    wait4(pid, 0)
    check(b"listed", is_listed(pid))
    letter(b"reaped", pid)
    result(b"comm of what is gone", syscall(numbers.read, fd, addr(buffer[0]), 100))
    result(b"status of what is gone", syscall(numbers.read, held, addr(buffer[0]), 100))
    syscall(numbers.close, fd)
    syscall(numbers.close, held)


def nobody() -> None:
    result(b"4194305", open_at(b"/proc/4194305\0", Open.O_RDONLY))
    result(b"a file for writing", open_at(b"/proc/self/nothing\0", Open.O_RDWR | Open.O_CREAT))
    result(b"mkdir", syscall(numbers.mkdir, b"/proc/self/x\0".ptr, 0o777))
    fd = open_at(b"/proc/self/stat\0", Open.O_RDONLY)
    first = syscall(numbers.read, fd, addr(buffer[0]), 4)
    check(b"read", first == 4)
    result(b"rewind", syscall(numbers.lseek, fd, 0, 0))
    check(b"read again", syscall(numbers.read, fd, addr(buffer[8]), 4) == 4 and buffer[0] == buffer[8])
    check(
        b"at an offset", syscall(numbers.pread64, fd, addr(buffer[8]), 3, 1) == 3 and buffer[1] == buffer[8]
    )
    result(b"from the end", syscall(numbers.lseek, fd, 0, 2))
    result(b"negative", syscall(numbers.lseek, fd, -1, 0))
    result(b"position", syscall(numbers.lseek, fd, 0, 1))
    copy = syscall(numbers.dup, fd)
    result(b"of a duplicate", syscall(numbers.lseek, copy, 0, 1))
    result(b"mmap", i64(syscall(numbers.mmap, 0, 4096, 1, 2, fd, 0) < 0))
    result(b"write", syscall(numbers.write, fd, addr(buffer[0]), 1))
    syscall(numbers.close, copy)
    syscall(numbers.close, fd)
    folder = open_at(b"/proc/self/fd\0", Open.O_RDONLY)
    result(b"read a directory", syscall(numbers.read, folder, addr(buffer[0]), 10))
    result(b"getdents64, too small", syscall(numbers.getdents64, folder, addr(buffer[0]), 10))
    syscall(numbers.close, folder)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    say(b"- others\n")
    others()
    say(b"- nobody\n")
    nobody()
    return 0
