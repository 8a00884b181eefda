"""Print what is in files, and the names in directories: `proc_shows PATH ...`, a directory with a slash at its end."""

from hands import buffer
from say import result, say

from guest.lang import addr, i64, ptr, syscall, u8
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open


def length(text: ptr[u8]) -> i64:
    count = i64(0)
    while text[count] != 0:
        count += 1
    return count


def names(fd: i64) -> None:
    while True:
        count = syscall(numbers.getdents64, fd, addr(buffer[0]), 4096)
        if count <= 0:
            if count < 0:
                result(b"getdents64", count)
            return
        at = i64(0)
        while at < count:
            syscall(numbers.write, 1, addr(buffer[at + 19]), length(addr(buffer[at + 19])))
            say(b"\n")
            at += i64(buffer[at + 16]) | i64(buffer[at + 17]) << 8


def show(path: ptr[u8]) -> None:
    fd = syscall(numbers.openat, At.AT_FDCWD, path, Open.O_RDONLY, 0)
    if fd < 0:
        result(b"open", fd)
        return
    if path[length(path) - 1] == 0x2F:
        names(fd)
    else:
        while True:
            count = syscall(numbers.read, fd, addr(buffer[0]), 100)
            if count <= 0:
                if count < 0:
                    result(b"read", count)
                break
            syscall(numbers.write, 1, addr(buffer[0]), count)
    syscall(numbers.close, fd)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    for i in range(1, argc):
        show(argv[i])
    return 0
