"""openat2: its structure, its flags, and where each RESOLVE_* lets a path lead; setxattrat and kin."""

from say import check, result, say

from guest.lang import array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open, Resolve

UNMAPPED = 0x10000
HERE = At.AT_FDCWD
how: array[u64, 8]
room: array[u8, 256]
arguments: array[u64, 4]


def given(flags: i64, mode: i64, resolve: i64) -> u64:
    """struct open_how."""
    how[0] = u64(flags)
    how[1] = u64(mode)
    how[2] = u64(resolve)
    return u64(how.ptr)


def opened(label: bytes, at: i64, path: bytes, flags: i64, resolve: i64) -> None:
    """openat2 without making anything."""
    fd = syscall(numbers.openat2, at, path.ptr, given(flags, 0, resolve), 24)
    if fd < 0:
        result(label, fd)
    else:
        check(label, True)
        syscall(numbers.close, fd)


def structure() -> None:
    """Its size and its flags."""
    call = numbers.openat2
    path = b"file\0".ptr
    result(b"small", syscall(call, HERE, path, given(0, 0, 0), 23))
    result(b"huge", syscall(call, HERE, path, given(0, 0, 0), 4097))
    result(b"unmapped", syscall(call, HERE, path, UNMAPPED, 24))
    how[3] = 0
    check(b"larger", syscall(call, HERE, path, given(0, 0, 0), 32) > 2)
    how[3] = 1
    result(b"unknown", syscall(call, HERE, path, given(0, 0, 0), 32))
    result(b"unknown flags", syscall(call, HERE, path, given(1 << 30, 0, 0), 24))
    result(b"high flags", syscall(call, HERE, path, given(1 << 40, 0, 0), 24))
    result(b"unknown resolve", syscall(call, HERE, path, given(0, 0, 0x40), 24))
    result(b"scopes", syscall(call, HERE, path, given(0, 0, 0x18), 24))
    result(b"a mode", syscall(call, HERE, path, given(0, 0o600, 0), 24))
    result(b"a strange mode", syscall(call, HERE, path, given(Open.O_CREAT, 0o100600, 0), 24))
    result(
        b"a directory made", syscall(call, HERE, path, given(Open.O_CREAT | Open.O_DIRECTORY, 0o600, 0), 24)
    )
    result(b"half a file", syscall(call, HERE, b".\0".ptr, given(0o20000002, 0o600, 0), 24))
    result(b"a file to read", syscall(call, HERE, b".\0".ptr, given(Open.O_TMPFILE, 0o600, 0), 24))
    result(b"path and more", syscall(call, HERE, path, given(Open.O_PATH | Open.O_RDWR, 0, 0), 24))
    result(b"cached", syscall(call, HERE, path, given(Open.O_TRUNC | 1, 0, Resolve.RESOLVE_CACHED), 24))
    result(b"empty", syscall(call, HERE, b"\0".ptr, given(0, 0, 0), 24))
    result(b"nowhere", syscall(call, HERE, UNMAPPED, given(0, 0, 0), 24))
    result(b"not open", syscall(call, 63, path, given(0, 0, 0), 24))
    result(b"no directory", syscall(call, 0, path, given(0, 0, 0), 24))
    fd = syscall(call, HERE, b"made\0".ptr, given(Open.O_CREAT | Open.O_RDWR | Open.O_CLOEXEC, 0o640, 0), 24)
    check(b"made", fd > 2)
    result(b"close-on-exec", syscall(numbers.fcntl, fd, 1, 0))
    stat = array[u32, 36]()
    syscall(numbers.fstat, fd, stat.ptr)
    result(b"mode", i64(stat[6] & 0o777))
    result(b"flags", syscall(numbers.fcntl, fd, 3, 0))
    syscall(numbers.unlink, b"made\0".ptr)


def places(dir_: i64) -> None:
    """Where a path may lead."""
    beneath = Resolve.RESOLVE_BENEATH
    inside = Resolve.RESOLVE_IN_ROOT
    links = Resolve.RESOLVE_NO_SYMLINKS
    magic = Resolve.RESOLVE_NO_MAGICLINKS
    devices = Resolve.RESOLVE_NO_XDEV
    opened(b"usual", dir_, b"../file\0", 0, 0)
    opened(b"beneath", dir_, b"inner\0", 0, beneath)
    opened(b"beneath, up", dir_, b"../file\0", 0, beneath)
    opened(b"beneath, down and up", dir_, b"deep/../inner\0", 0, beneath)
    opened(b"beneath, down and up and up", dir_, b"deep/../../file\0", 0, beneath)
    opened(b"beneath, absolute", dir_, b"/tmp\0", 0, beneath)
    opened(b"beneath, a link up", dir_, b"up\0", 0, beneath)
    opened(b"beneath, an absolute link", dir_, b"absolute\0", 0, beneath)
    opened(b"beneath, a link beneath", dir_, b"sideways\0", 0, beneath)
    opened(b"beneath, itself", dir_, b".\0", 0, beneath)
    opened(b"beneath, only up", dir_, b"..\0", 0, beneath)
    opened(b"inside", dir_, b"/inner\0", 0, inside)
    opened(b"inside, up", dir_, b"../../inner\0", 0, inside)
    opened(b"inside, up to what is outside", dir_, b"../file\0", 0, inside)
    opened(b"inside, a link up", dir_, b"up\0", 0, inside)
    opened(b"inside, an absolute link", dir_, b"absolute\0", 0, inside)
    opened(b"inside, root", dir_, b"/\0", 0, inside)
    opened(b"inside, only up", dir_, b"..\0", 0, inside)
    opened(b"no links, a file", dir_, b"inner\0", 0, links)
    opened(b"no links, a link", dir_, b"sideways\0", 0, links)
    opened(b"no links, a link on the way", dir_, b"round/inner\0", 0, links)
    opened(b"no links, the link itself", dir_, b"sideways\0", Open.O_PATH | Open.O_NOFOLLOW, links)
    opened(b"links on the way", dir_, b"round/inner\0", 0, magic)
    opened(b"a magic link", HERE, b"/proc/self/cwd\0", 0, 0)
    opened(b"no magic links", HERE, b"/proc/self/cwd\0", 0, magic)
    opened(b"no links at all", HERE, b"/proc/self/cwd\0", 0, links)
    opened(b"a magic link on the way", HERE, b"/proc/self/fd/0/x\0", 0, magic)
    opened(b"devices", HERE, b"/proc/self/status\0", 0, devices)
    opened(b"from a device", dir_, b"/tmp\0", Open.O_DIRECTORY, 0)
    opened(b"the same device", dir_, b"inner\0", 0, devices)
    opened(b"the same device, up", dir_, b"../file\0", 0, devices)
    opened(b"cached", dir_, b"inner\0", 0, Resolve.RESOLVE_CACHED)
    opened(b"missing beneath", dir_, b"none\0", 0, beneath)


def attributes(dir_: i64) -> None:
    """setxattrat and kin."""
    name = b"user.colour\0".ptr
    value = b"blue\0".ptr
    arguments[0] = u64(value)
    arguments[1] = 4
    put = numbers.setxattrat
    get = numbers.getxattrat
    result(b"set", syscall(put, dir_, b"inner\0".ptr, 0, name, arguments.ptr, 16))
    result(b"set, small", syscall(put, dir_, b"inner\0".ptr, 0, name, arguments.ptr, 15))
    result(b"set, huge", syscall(put, dir_, b"inner\0".ptr, 0, name, arguments.ptr, 5000))
    result(b"set, unmapped", syscall(put, dir_, b"inner\0".ptr, 0, name, UNMAPPED, 16))
    result(b"set, flags", syscall(put, dir_, b"inner\0".ptr, 1, name, arguments.ptr, 16))
    result(b"set, missing", syscall(put, dir_, b"none\0".ptr, 0, name, arguments.ptr, 16))
    arguments[1] = 4 | 1 << 32
    result(b"create again", syscall(put, dir_, b"inner\0".ptr, 0, name, arguments.ptr, 16))
    arguments[1] = 4 | 8 << 32
    result(b"unknown flags", syscall(put, dir_, b"inner\0".ptr, 0, name, arguments.ptr, 16))
    arguments[0] = u64(room.ptr)
    arguments[1] = 100
    result(b"get", syscall(get, dir_, b"inner\0".ptr, 0, name, arguments.ptr, 16))
    say(room[:4])
    say(b"\n")
    result(b"get by a link", syscall(get, dir_, b"sideways\0".ptr, 0, name, arguments.ptr, 16))
    result(b"get of a link", syscall(get, dir_, b"sideways\0".ptr, 0x100, name, arguments.ptr, 16))
    fd = syscall(numbers.openat, dir_, b"inner\0".ptr, 0, 0)
    result(b"get of a descriptor", syscall(get, fd, b"\0".ptr, 0x1000, name, arguments.ptr, 16))
    result(b"get of no path", syscall(get, fd, 0, 0x1000, name, arguments.ptr, 16))
    result(b"get of an empty path", syscall(get, fd, b"\0".ptr, 0, name, arguments.ptr, 16))
    result(b"get, other", syscall(get, fd, b"\0".ptr, 0x1000, b"user.none\0".ptr, arguments.ptr, 16))
    result(b"get, not open", syscall(get, 63, b"\0".ptr, 0x1000, name, arguments.ptr, 16))
    arguments[1] = 2
    result(b"get, too short", syscall(get, fd, b"\0".ptr, 0x1000, name, arguments.ptr, 16))
    arguments[1] = 2 | 1 << 32
    result(b"get, flags", syscall(get, fd, b"\0".ptr, 0x1000, name, arguments.ptr, 16))
    result(b"list", syscall(numbers.listxattrat, dir_, b"inner\0".ptr, 0, room.ptr, 100))
    result(b"list, flags", syscall(numbers.listxattrat, dir_, b"inner\0".ptr, 1, room.ptr, 100))
    result(b"list, size", syscall(numbers.listxattrat, fd, b"\0".ptr, 0x1000, 0, 0))
    result(b"remove", syscall(numbers.removexattrat, dir_, b"inner\0".ptr, 0, name))
    result(b"remove again", syscall(numbers.removexattrat, dir_, b"inner\0".ptr, 0, name))
    result(b"remove, flags", syscall(numbers.removexattrat, dir_, b"inner\0".ptr, 1, name))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it, in a directory that is gone at the end."""
    syscall(numbers.umask, 0o022)
    top = b"/tmp/openat2-test\0".ptr
    result(b"a place", syscall(numbers.mkdir, top, 0o700))
    syscall(numbers.chdir, top)
    syscall(numbers.close, syscall(numbers.creat, b"file\0".ptr, 0o600))
    syscall(numbers.mkdir, b"dir\0".ptr, 0o700)
    syscall(numbers.mkdir, b"dir/deep\0".ptr, 0o700)
    syscall(numbers.close, syscall(numbers.creat, b"dir/inner\0".ptr, 0o600))
    syscall(numbers.symlink, b"../file\0".ptr, b"dir/up\0".ptr)
    syscall(numbers.symlink, b"/inner\0".ptr, b"dir/absolute\0".ptr)
    syscall(numbers.symlink, b"deep/../inner\0".ptr, b"dir/sideways\0".ptr)
    syscall(numbers.symlink, b".\0".ptr, b"dir/round\0".ptr)
    dir_ = syscall(numbers.open, b"dir\0".ptr, Open.O_DIRECTORY)
    structure()
    places(dir_)
    attributes(dir_)
    for name in range(4):
        names = array[ptr[u8], 4](
            [b"dir/up\0".ptr, b"dir/absolute\0".ptr, b"dir/sideways\0".ptr, b"dir/round\0".ptr]
        )
        syscall(numbers.unlink, names[name])
    syscall(numbers.unlink, b"dir/inner\0".ptr)
    syscall(numbers.unlink, b"file\0".ptr)
    syscall(numbers.rmdir, b"dir/deep\0".ptr)
    syscall(numbers.rmdir, b"dir\0".ptr)
    result(b"tidy", syscall(numbers.rmdir, top))
    return 0
