"""chmod, chown, utimensat, statx in all forms, and extended attributes. `fill` of test_files.py says what is there."""

from hands import NOWHERE, buffer, open_at, say_pair
from say import check, result, say, say_hex

from guest.lang import addr, array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open

NOW = 0x3FFFFFFF
OMIT = 0x3FFFFFFE
HERE = -100

times: array[i64, 4]
status: array[u64, 18]
more: array[u64, 32]


def mode_of(label: bytes, path: bytes) -> None:
    """Mode, owner and group, of a link itself."""
    code = syscall(numbers.newfstatat, HERE, path.ptr, addr(status[0]), At.AT_SYMLINK_NOFOLLOW)
    if result(label, code) == 0:
        say(b"  mode ")
        say_hex(status[3] & 0xFFFFFFFF)
        say_pair(b", owner", i64(status[3] >> 32), i64(status[4] & 0xFFFFFFFF))


def modes() -> None:
    result(b"chmod", syscall(numbers.chmod, b"file\0".ptr, 0o604))
    mode_of(b"file", b"file\0")
    result(b"chmod through a link", syscall(numbers.chmod, b"link\0".ptr, 0o100640))
    mode_of(b"file", b"file\0")
    result(b"chmod folder/", syscall(numbers.chmod, b"folder/\0".ptr, 0o1755))
    mode_of(b"folder", b"folder\0")
    result(b"chmod none", syscall(numbers.chmod, b"none\0".ptr, 0o600))
    result(b"chmod file/", syscall(numbers.chmod, b"file/\0".ptr, 0o600))
    result(b"chmod empty", syscall(numbers.chmod, b"\0".ptr, 0o600))
    result(b"chmod nowhere", syscall(numbers.chmod, NOWHERE, 0o600))
    fd = open_at(b"file\0", Open.O_RDONLY)
    result(b"fchmod", syscall(numbers.fchmod, fd, 0o660))
    mode_of(b"file", b"file\0")
    path = open_at(b"file\0", Open.O_PATH)
    result(b"fchmod O_PATH", syscall(numbers.fchmod, path, 0o660))
    result(b"fchmod 99", syscall(numbers.fchmod, 99, 0o660))
    result(b"fchmodat", syscall(numbers.fchmodat, HERE, b"file\0".ptr, 0o600, 0xFFFF))
    mode_of(b"file", b"file\0")
    nofollow = At.AT_SYMLINK_NOFOLLOW
    result(b"fchmodat2", syscall(numbers.fchmodat2, HERE, b"file\0".ptr, 0o640, nofollow))
    result(b"fchmodat2 of a link", syscall(numbers.fchmodat2, HERE, b"link\0".ptr, 0o600, nofollow))
    result(b"fchmodat2 flags", syscall(numbers.fchmodat2, HERE, b"link\0".ptr, 0o600, 1))
    result(b"fchmodat2 empty", syscall(numbers.fchmodat2, path, b"\0".ptr, 0o611, At.AT_EMPTY_PATH))
    mode_of(b"file", b"file\0")
    result(b"fchmodat 99", syscall(numbers.fchmodat, 99, b"file\0".ptr, 0o600))
    syscall(numbers.close, fd)
    syscall(numbers.close, path)
    ends = array[i64, 1]()
    syscall(numbers.pipe2, addr(ends[0]), 0)
    result(b"fchmod pipe", syscall(numbers.fchmod, ends[0] & 0xFFFF, 0o600))
    syscall(numbers.close, ends[0] & 0xFFFF)
    syscall(numbers.close, ends[0] >> 32)


def owners() -> None:
    # To whom everything belongs already, or to nobody else: that is harmless for whoever runs it.
    syscall(numbers.newfstatat, HERE, b"file\0".ptr, addr(status[0]), 0)
    uid = i64(status[3] >> 32)
    result(b"chown to nobody", syscall(numbers.chown, b"file\0".ptr, -1, -1))
    result(b"chown to the same", syscall(numbers.chown, b"file\0".ptr, uid, -1))
    result(b"lchown", syscall(numbers.lchown, b"dangling\0".ptr, uid, -1))
    result(b"chown dangling", syscall(numbers.chown, b"dangling\0".ptr, uid, -1))
    result(b"chown none", syscall(numbers.chown, b"none\0".ptr, uid, -1))
    result(b"chown empty", syscall(numbers.chown, b"\0".ptr, uid, -1))
    fd = open_at(b"file\0", Open.O_RDONLY)
    result(b"fchown", syscall(numbers.fchown, fd, uid, -1))
    result(b"fchown 99", syscall(numbers.fchown, 99, uid, -1))
    result(b"fchownat empty", syscall(numbers.fchownat, fd, b"\0".ptr, uid, -1, At.AT_EMPTY_PATH))
    result(b"fchownat no flag", syscall(numbers.fchownat, fd, b"\0".ptr, uid, -1, 0))
    result(b"fchownat flags", syscall(numbers.fchownat, fd, b"\0".ptr, uid, -1, 1))
    nofollow = At.AT_SYMLINK_NOFOLLOW
    result(b"fchownat link", syscall(numbers.fchownat, HERE, b"dangling\0".ptr, uid, -1, nofollow))
    syscall(numbers.close, fd)
    mode_of(b"file", b"file\0")


def set_times(accessed: i64, accessed_ns: i64, modified: i64, modified_ns: i64) -> None:
    times[0] = accessed
    times[1] = accessed_ns
    times[2] = modified
    times[3] = modified_ns


def show_times(label: bytes, path: bytes) -> None:
    """Those that are before 2001 can only have been set."""
    result(label, syscall(numbers.newfstatat, HERE, path.ptr, addr(status[0]), At.AT_SYMLINK_NOFOLLOW))
    for i in range(2):
        seconds = i64(status[9 + 2 * i])
        if seconds < 1000000000:
            say_pair(b"  set", seconds, i64(status[10 + 2 * i]))
        else:
            say(b"  the present\n")


def utimensat(label: bytes, path: bytes, flags: i64) -> None:
    result(label, syscall(numbers.utimensat, HERE, path.ptr, addr(times[0]), flags))


def file_times() -> None:
    set_times(1000, 5, 2000, 999999999)
    utimensat(b"utimensat", b"file\0", 0)
    show_times(b"file", b"file\0")
    set_times(3000, OMIT, 0, NOW)
    utimensat(b"omit, now", b"file\0", 0)
    show_times(b"file", b"file\0")
    set_times(1, 1, 2, 2)
    utimensat(b"link itself", b"link\0", At.AT_SYMLINK_NOFOLLOW)
    show_times(b"link", b"link\0")
    utimensat(b"dangling", b"dangling\0", 0)
    utimensat(b"folder/", b"folder/\0", 0)
    utimensat(b"file/", b"file/\0", 0)
    utimensat(b"empty", b"\0", 0)
    utimensat(b"unknown flags", b"file\0", 1)
    set_times(1, 1000000000, 2, 2)
    utimensat(b"too many nanoseconds", b"file\0", 0)
    utimensat(b"too many, none", b"none\0", 0)
    set_times(1, -1, 2, 2)
    utimensat(b"negative", b"file\0", 0)
    set_times(1, OMIT, 2, OMIT)
    utimensat(b"nothing to do", b"none\0", 0x7777)
    result(b"times nowhere", syscall(numbers.utimensat, HERE, b"none\0".ptr, NOWHERE, 0))
    result(b"no name", syscall(numbers.utimensat, HERE, 0, 0, 0))
    result(b"now", syscall(numbers.utimensat, HERE, b"file\0".ptr, 0, 0))
    show_times(b"file", b"file\0")
    fd = open_at(b"file\0", Open.O_RDONLY)
    set_times(7, 7, 8, 8)
    result(b"by descriptor", syscall(numbers.utimensat, fd, 0, addr(times[0]), 0))
    show_times(b"file", b"file\0")
    result(b"by descriptor, flags", syscall(numbers.utimensat, fd, 0, addr(times[0]), 0x100))
    result(b"99", syscall(numbers.utimensat, 99, 0, addr(times[0]), 0))
    set_times(9, 9, 10, 10)
    result(b"empty path", syscall(numbers.utimensat, fd, b"\0".ptr, addr(times[0]), At.AT_EMPTY_PATH))
    show_times(b"file", b"file\0")
    path = open_at(b"file\0", Open.O_PATH)
    result(b"O_PATH", syscall(numbers.utimensat, path, 0, addr(times[0]), 0))
    set_times(11, 12, 13, 14)
    result(b"utime", syscall(numbers.utime, b"file\0".ptr, addr(times[0])))
    show_times(b"file", b"file\0")
    result(b"utimes", syscall(numbers.utimes, b"file\0".ptr, addr(times[0])))
    show_times(b"file", b"file\0")
    set_times(11, 1000000, 13, 14)
    result(b"utimes, microseconds", syscall(numbers.utimes, b"none\0".ptr, addr(times[0])))
    set_times(15, 16, 17, 18)
    result(b"futimesat", syscall(numbers.futimesat, fd, 0, addr(times[0])))
    show_times(b"file", b"file\0")
    result(b"futimesat of a name", syscall(numbers.futimesat, HERE, b"folder\0".ptr, addr(times[0])))
    show_times(b"folder", b"folder\0")
    result(b"utime none", syscall(numbers.utime, b"none\0".ptr, 0))
    result(b"utime nowhere", syscall(numbers.utime, b"none\0".ptr, NOWHERE))
    syscall(numbers.close, fd)
    syscall(numbers.close, path)


def statx(label: bytes, dirfd: i64, path: bytes, flags: i64, mask: i64) -> None:
    for i in range(32):
        more[i] = 0
    code = syscall(numbers.statx, dirfd, path.ptr, flags, mask, addr(more[0]))
    if result(label, code) == 0:
        words = ptr[u32](addr(more[0]))
        halves = ptr[u8](addr(more[0]))
        check(b"  all that was asked for", i64(words[0]) & (mask & 0x7FF) == mask & 0x7FF)
        say(b"  mode ")
        say_hex(u64(halves[28]) | u64(halves[29]) << 8)
        say_pair(b", links and size", i64(words[4]), i64(more[5]))
        syscall(numbers.newfstatat, dirfd, path.ptr, addr(status[0]), flags & 0x1100)
        check(b"  inode", more[4] == status[1])
        check(b"  changed", more[14] == status[11] and u64(words[30]) == status[12])


def extended_status() -> None:
    statx(b"file", HERE, b"file\0", 0, 0xFFF)
    statx(b"link", HERE, b"link\0", At.AT_SYMLINK_NOFOLLOW, 0x7FF)
    statx(b"link followed", HERE, b"link\0", 0, 0x7FF)
    statx(b"folder", HERE, b"folder/\0", At.AT_STATX_DONT_SYNC | At.AT_NO_AUTOMOUNT, 0x7FF)
    statx(b"none", HERE, b"none\0", 0, 0x7FF)
    statx(b"empty", HERE, b"\0", 0, 0x7FF)
    statx(b"empty, here", HERE, b"\0", At.AT_EMPTY_PATH, 0x7)
    statx(b"reserved", HERE, b"file\0", 0, 0x80000000)
    statx(b"both syncs", HERE, b"file\0", 0x6000, 0x7FF)
    statx(b"unknown flags", HERE, b"file\0", 1, 0x7FF)
    fd = open_at(b"file\0", Open.O_RDONLY)
    statx(b"by descriptor", fd, b"\0", At.AT_EMPTY_PATH, 0x7FF)
    statx(b"relative to a file", fd, b"x\0", 0, 0x7FF)
    statx(b"99", 99, b"file\0", 0, 0x7FF)
    result(b"NULL path", syscall(numbers.statx, fd, 0, At.AT_EMPTY_PATH, 0x7FF, addr(more[0])))
    result(b"NULL path, no flag", syscall(numbers.statx, fd, 0, 0, 0x7FF, addr(more[0])))
    result(b"to nowhere", syscall(numbers.statx, HERE, b"file\0".ptr, 0, 0x7FF, NOWHERE))
    result(b"nowhere, reserved", syscall(numbers.statx, HERE, NOWHERE, 0, 0x80000000, NOWHERE))
    syscall(numbers.close, fd)


def attributes() -> None:
    name = b"user.note\0"
    result(b"none yet", syscall(numbers.getxattr, b"file\0".ptr, name.ptr, addr(buffer[0]), 100))
    result(b"set", syscall(numbers.setxattr, b"file\0".ptr, name.ptr, b"hello".ptr, 5, 0))
    result(b"get", syscall(numbers.getxattr, b"link\0".ptr, name.ptr, addr(buffer[0]), 100))
    check(b"  it is", buffer[0] == 0x68 and buffer[4] == 0x6F)
    result(b"how long", syscall(numbers.getxattr, b"file\0".ptr, name.ptr, 0, 0))
    result(b"too short", syscall(numbers.getxattr, b"file\0".ptr, name.ptr, addr(buffer[0]), 2))
    result(b"list", syscall(numbers.listxattr, b"file\0".ptr, addr(buffer[0]), 100))
    result(b"list, too short", syscall(numbers.listxattr, b"file\0".ptr, addr(buffer[0]), 3))
    result(b"list a link", syscall(numbers.llistxattr, b"link\0".ptr, addr(buffer[0]), 100))
    result(b"create", syscall(numbers.setxattr, b"file\0".ptr, name.ptr, b"x".ptr, 1, 1))
    result(b"replace", syscall(numbers.setxattr, b"file\0".ptr, name.ptr, b"x".ptr, 1, 2))
    result(b"flags", syscall(numbers.setxattr, b"none\0".ptr, NOWHERE, b"x".ptr, 1, 4))
    result(b"name nowhere", syscall(numbers.setxattr, b"none\0".ptr, NOWHERE, b"x".ptr, 1, 0))
    result(b"no name", syscall(numbers.setxattr, b"none\0".ptr, b"\0".ptr, b"x".ptr, 1, 0))
    result(b"too long", syscall(numbers.setxattr, b"none\0".ptr, name.ptr, NOWHERE, 65537, 0))
    result(b"value nowhere", syscall(numbers.setxattr, b"none\0".ptr, name.ptr, NOWHERE, 4, 0))
    result(b"none", syscall(numbers.setxattr, b"none\0".ptr, name.ptr, b"x".ptr, 1, 0))
    result(b"other names", syscall(numbers.getxattr, b"file\0".ptr, b"other.x\0".ptr, 0, 0))
    result(b"security", syscall(numbers.lgetxattr, b"file\0".ptr, b"security.selinux\0".ptr, 0, 0))
    result(b"acl", syscall(numbers.lgetxattr, b"file\0".ptr, b"system.posix_acl_access\0".ptr, 0, 0))
    result(b"of a link", syscall(numbers.lsetxattr, b"link\0".ptr, name.ptr, b"x".ptr, 1, 0))
    fd = open_at(b"file\0", Open.O_RDONLY)
    result(b"fget", syscall(numbers.fgetxattr, fd, name.ptr, addr(buffer[0]), 100))
    result(b"fset", syscall(numbers.fsetxattr, fd, name.ptr, b"again".ptr, 5, 0))
    result(b"flist", syscall(numbers.flistxattr, fd, addr(buffer[0]), 100))
    result(b"fremove", syscall(numbers.fremovexattr, fd, name.ptr))
    result(b"fremove again", syscall(numbers.fremovexattr, fd, name.ptr))
    result(b"fget 99", syscall(numbers.fgetxattr, 99, name.ptr, 0, 0))
    result(b"remove none", syscall(numbers.removexattr, b"none\0".ptr, name.ptr))
    result(b"lremove", syscall(numbers.lremovexattr, b"file\0".ptr, name.ptr))
    path = open_at(b"file\0", Open.O_PATH)
    result(b"fget O_PATH", syscall(numbers.fgetxattr, path, name.ptr, 0, 0))
    syscall(numbers.close, fd)
    syscall(numbers.close, path)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    say(b"- modes\n")
    modes()
    say(b"- owners\n")
    owners()
    say(b"- times\n")
    file_times()
    say(b"- statx\n")
    extended_status()
    say(b"- attributes\n")
    attributes()
    return 0
