"""inotify: what is told of changes to a file and a directory, and every refusal. `fill` of test_files.py says what is there."""

from hands import NOWHERE, buffer, make_file, open_at
from say import result, say, say_hex

from guest.lang import addr, array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Fcntl, Open
from syscalls.flags.inotify import Inotify, InotifyInit

ready: array[u64, 1]


def add(label: bytes, fd: i64, path: bytes, mask: i64) -> i64:
    return result(label, syscall(numbers.inotify_add_watch, fd, path.ptr, mask))


def events(label: bytes, fd: i64) -> None:
    """Read what there is, and print watch, mask and name of each."""
    count = syscall(numbers.read, fd, addr(buffer[0]), 4096)
    result(label, count)
    at = i64(0)
    while at < count:
        words = ptr[u32](addr(buffer[at]))
        say(b"  watch ")
        say_hex(u64(words[0]))
        say(b", mask ")
        say_hex(u64(words[1]))
        size = i64(words[3])
        if size > 0:
            say(b", name ")
            length = i64(0)
            while buffer[at + 16 + length] != 0:
                length += 1
            syscall(numbers.write, 1, addr(buffer[at + 16]), length)
        say(b"\n")
        at += 16 + size


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    result(b"unknown flags", syscall(numbers.inotify_init1, 1))
    old = result(b"inotify_init", syscall(numbers.inotify_init))
    result(b"flags", syscall(numbers.fcntl, old, Fcntl.F_GETFL, 0))
    syscall(numbers.close, old)
    fd = result(
        b"inotify_init1", syscall(numbers.inotify_init1, InotifyInit.IN_NONBLOCK | InotifyInit.IN_CLOEXEC)
    )
    result(b"flags", syscall(numbers.fcntl, fd, Fcntl.F_GETFL, 0))
    result(b"close on exec", syscall(numbers.fcntl, fd, Fcntl.F_GETFD, 0))
    events(b"nothing yet", fd)
    add(b"folder", fd, b"folder\0", Inotify.IN_ALL_EVENTS)
    add(b"file, by a link", fd, b"link\0", Inotify.IN_MODIFY | Inotify.IN_CLOSE_WRITE)
    add(b"file again", fd, b"file\0", Inotify.IN_MODIFY)
    add(b"the link", fd, b"link\0", Inotify.IN_ALL_EVENTS | Inotify.IN_DONT_FOLLOW)
    add(b"only directories", fd, b"file\0", Inotify.IN_MODIFY | Inotify.IN_ONLYDIR)
    add(b"no events", fd, b"file\0", 0)
    add(b"add and create", fd, b"file\0", Inotify.IN_MASK_ADD | Inotify.IN_MASK_CREATE | 1)
    add(b"create, taken", fd, b"file\0", Inotify.IN_MASK_CREATE | 1)
    add(b"none", fd, b"none\0", 1)
    add(b"empty", fd, b"\0", 1)
    add(b"99", 99, b"file\0", 1)
    add(b"not inotify", 1, b"file\0", 1)
    result(b"nowhere", syscall(numbers.inotify_add_watch, fd, NOWHERE, 1))
    make_file(b"folder/new\0", b"text")
    make_file(b"file\0", b"more")
    syscall(numbers.rename, b"folder/new\0".ptr, b"folder/newer\0".ptr)
    syscall(numbers.mkdir, b"folder/below\0".ptr, 0o700)
    syscall(numbers.unlink, b"folder/newer\0".ptr)
    syscall(numbers.unlink, b"link\0".ptr)
    result(b"FIONREAD", syscall(numbers.ioctl, fd, 0x541B, addr(ready[0])))
    result(b"bytes", i64(ready[0]))
    result(b"too small", syscall(numbers.read, fd, addr(buffer[0]), 10))
    events(b"events", fd)
    events(b"no more", fd)
    result(b"rm", syscall(numbers.inotify_rm_watch, fd, 1))
    result(b"rm again", syscall(numbers.inotify_rm_watch, fd, 1))
    result(b"rm 99", syscall(numbers.inotify_rm_watch, 99, 1))
    result(b"rm not inotify", syscall(numbers.inotify_rm_watch, 1, 1))
    events(b"ignored", fd)
    result(b"write", syscall(numbers.write, fd, addr(buffer[0]), 1))
    syscall(numbers.close, open_at(b"file\0", Open.O_RDONLY))
    syscall(numbers.close, fd)
    return 0
