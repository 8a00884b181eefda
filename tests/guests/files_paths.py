"""open, stat, access, readlink, mkdir, unlink, chdir, getcwd: how paths are resolved, and every refusal. `fill` of test_files.py says what is there."""

from hands import NOWHERE, buffer, make_file, open_at, read_back, show, try_open, zero_buffer
from say import check, result, say

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Access, At, FileType, Open

LONG = 5000


@struct
class Stat:
    """struct stat."""

    device: u64
    inode: u64
    links: u64
    mode: u32
    uid: u32
    gid: u32
    pad: u32
    rdev: u64
    size: i64
    block_size: i64
    blocks: i64
    times: array[i64, 6]
    unused: array[i64, 3]


facts: Stat
long_path: array[u8, 5000]


def opens() -> None:
    try_open(b"file", b"file\0", Open.O_RDONLY)
    try_open(b"./file", b"./file\0", Open.O_RDWR)
    try_open(b"//file", b".//.//file\0", Open.O_RDONLY)
    try_open(b"folder/../file", b"folder/../file\0", Open.O_RDONLY)
    try_open(b"folder/inner", b"folder/inner\0", Open.O_RDONLY)
    try_open(b"file/", b"file/\0", Open.O_RDONLY)
    try_open(b"file/.", b"file/.\0", Open.O_RDONLY)
    try_open(b"file/..", b"file/..\0", Open.O_RDONLY)
    try_open(b"file/x", b"file/x\0", Open.O_RDONLY)
    try_open(b"nothing", b"nothing\0", Open.O_RDONLY)
    try_open(b"nothing/x", b"nothing/x\0", Open.O_RDONLY)
    try_open(b"nothing/..", b"nothing/..\0", Open.O_RDONLY)
    try_open(b"empty", b"\0", Open.O_RDONLY)
    try_open(b"folder", b"folder\0", Open.O_RDONLY)
    try_open(b"folder/", b"folder/\0", Open.O_RDONLY)
    try_open(b"folder for writing", b"folder\0", Open.O_WRONLY)
    try_open(b"folder, truncated", b"folder\0", Open.O_RDONLY | Open.O_TRUNC)
    try_open(b". for writing", b".\0", Open.O_RDWR)
    try_open(b"folder O_CREAT", b"folder\0", Open.O_RDONLY | Open.O_CREAT)
    try_open(b"folder O_CREAT O_EXCL", b"folder\0", Open.O_RDONLY | Open.O_CREAT | Open.O_EXCL)
    try_open(b". O_CREAT", b".\0", Open.O_RDONLY | Open.O_CREAT)
    try_open(b". O_CREAT O_EXCL", b".\0", Open.O_RDONLY | Open.O_CREAT | Open.O_EXCL)
    try_open(b"new/ O_CREAT", b"new/\0", Open.O_RDONLY | Open.O_CREAT)
    try_open(b"file/ O_CREAT", b"file/\0", Open.O_RDONLY | Open.O_CREAT)
    try_open(b"nothing/new O_CREAT", b"nothing/new\0", Open.O_RDONLY | Open.O_CREAT)
    try_open(b"file O_DIRECTORY", b"file\0", Open.O_RDONLY | Open.O_DIRECTORY)
    try_open(b"folder O_DIRECTORY", b"folder\0", Open.O_RDONLY | Open.O_DIRECTORY)
    try_open(b"O_DIRECTORY O_CREAT", b"folder\0", Open.O_RDONLY | Open.O_DIRECTORY | Open.O_CREAT)
    try_open(b"file O_EXCL", b"file\0", Open.O_RDONLY | Open.O_EXCL)
    try_open(b"file O_CREAT O_EXCL", b"file\0", Open.O_RDONLY | Open.O_CREAT | Open.O_EXCL)
    try_open(b"new O_CREAT O_EXCL", b"new\0", Open.O_RDWR | Open.O_CREAT | Open.O_EXCL)
    try_open(b"new", b"new\0", Open.O_RDONLY)
    try_open(b"O_TMPFILE", b".\0", Open.O_TMPFILE | Open.O_RDWR)
    try_open(b"O_TMPFILE for reading", b".\0", Open.O_TMPFILE | Open.O_RDONLY)
    try_open(b"O_TMPFILE O_CREAT", b".\0", Open.O_TMPFILE | Open.O_RDWR | Open.O_CREAT)
    try_open(b"O_TMPFILE of a file", b"file\0", Open.O_TMPFILE | Open.O_RDWR)
    try_open(b"unknown flags", b"file\0", 1 << 30)
    try_open(b"O_ACCMODE", b"file\0", Open.O_ACCMODE)
    result(b"nowhere", syscall(numbers.openat, At.AT_FDCWD, NOWHERE, 0, 0))
    result(b"nowhere, bad flags", syscall(numbers.openat, At.AT_FDCWD, NOWHERE, Open.O_TMPFILE, 0))
    result(b"fd 99", syscall(numbers.openat, 99, b"file\0".ptr, 0, 0))
    result(b"fd 99, absolute", syscall(numbers.openat, 99, b"/\0".ptr, Open.O_PATH, 0))
    syscall(numbers.close, 3)
    result(b"fd 99, empty", syscall(numbers.openat, 99, b"\0".ptr, 0, 0))
    result(b"relative to stdin", syscall(numbers.openat, 0, b"file\0".ptr, 0, 0))
    result(b"creat", syscall(numbers.creat, b"created\0".ptr, 0o600))
    result(b"open", syscall(numbers.open, b"created\0".ptr, Open.O_RDONLY, 0))
    syscall(numbers.close, 3)
    syscall(numbers.close, 4)
    for i in range(LONG - 1):
        long_path[i] = 0x61
    result(b"a long name", syscall(numbers.openat, At.AT_FDCWD, addr(long_path[LONG - 300]), 0, 0))
    result(b"255 letters", syscall(numbers.openat, At.AT_FDCWD, addr(long_path[LONG - 256]), 0, 0))
    result(b"256 letters", syscall(numbers.openat, At.AT_FDCWD, addr(long_path[LONG - 257]), 0, 0))
    result(b"a long path", syscall(numbers.openat, At.AT_FDCWD, addr(long_path[0]), 0, 0))
    for i in range(LONG // 2):
        long_path[2 * i] = 0x2E
        long_path[2 * i + 1] = 0x2F
    long_path[LONG - 1] = 0
    # Slashes and dots: 4095 bytes are just allowed.
    result(b"4095 bytes", syscall(numbers.openat, At.AT_FDCWD, addr(long_path[LONG - 4096]), Open.O_PATH, 0))
    syscall(numbers.close, 3)
    result(b"4096 bytes", syscall(numbers.openat, At.AT_FDCWD, addr(long_path[LONG - 4097]), Open.O_PATH, 0))


def links() -> None:
    try_open(b"link", b"link\0", Open.O_RDONLY)
    try_open(b"link/", b"link/\0", Open.O_RDONLY)
    try_open(b"link O_NOFOLLOW", b"link\0", Open.O_RDONLY | Open.O_NOFOLLOW)
    try_open(b"link O_PATH O_NOFOLLOW", b"link\0", Open.O_PATH | Open.O_NOFOLLOW)
    try_open(b"link O_NOFOLLOW O_DIRECTORY", b"to-folder\0", Open.O_NOFOLLOW | Open.O_DIRECTORY)
    try_open(b"link O_CREAT O_EXCL", b"link\0", Open.O_RDWR | Open.O_CREAT | Open.O_EXCL)
    try_open(b"link/ O_NOFOLLOW", b"to-folder/\0", Open.O_RDONLY | Open.O_NOFOLLOW)
    try_open(b"absolute", b"absolute\0", Open.O_RDONLY)
    try_open(b"up", b"up\0", Open.O_RDONLY)
    try_open(b"through-file", b"through-file\0", Open.O_RDONLY)
    try_open(b"to-folder/inner", b"to-folder/inner\0", Open.O_RDONLY)
    try_open(b"to-folder-slash/inner", b"to-folder-slash/inner\0", Open.O_RDONLY)
    try_open(b"to-folder/..", b"to-folder/..\0", Open.O_RDONLY)
    try_open(b"loop", b"loop\0", Open.O_RDONLY)
    try_open(b"loop/x", b"loop/x\0", Open.O_RDONLY)
    try_open(b"loop O_NOFOLLOW", b"loop\0", Open.O_RDONLY | Open.O_NOFOLLOW)
    try_open(b"dangling", b"dangling\0", Open.O_RDONLY)
    try_open(b"dangling O_CREAT O_EXCL", b"dangling\0", Open.O_RDWR | Open.O_CREAT | Open.O_EXCL)
    try_open(b"dangling O_CREAT", b"dangling\0", Open.O_RDWR | Open.O_CREAT)
    try_open(b"which made", b"nothing\0", Open.O_RDONLY)
    show(b"readlink", syscall(numbers.readlink, b"link\0".ptr, addr(buffer[0]), 4096))
    show(b"readlink 2", syscall(numbers.readlink, b"link\0".ptr, addr(buffer[0]), 2))
    result(b"readlink 0", syscall(numbers.readlink, b"link\0".ptr, addr(buffer[0]), 0))
    result(b"readlink -1", syscall(numbers.readlink, NOWHERE, addr(buffer[0]), -1))
    result(b"readlink nowhere", syscall(numbers.readlink, b"link\0".ptr, NOWHERE, 10))
    result(b"readlink of a file", syscall(numbers.readlink, b"file\0".ptr, addr(buffer[0]), 10))
    result(b"readlink of nothing", syscall(numbers.readlink, b"none\0".ptr, addr(buffer[0]), 10))
    result(b"readlink to-folder/", syscall(numbers.readlink, b"to-folder/\0".ptr, addr(buffer[0]), 10))
    fd = open_at(b"link\0", Open.O_PATH | Open.O_NOFOLLOW)
    show(b"readlinkat by descriptor", syscall(numbers.readlinkat, fd, b"\0".ptr, addr(buffer[0]), 100))
    syscall(numbers.close, fd)
    result(
        b"readlinkat of the directory",
        syscall(numbers.readlinkat, At.AT_FDCWD, b"\0".ptr, addr(buffer[0]), 9),
    )


def stat(label: bytes, path: bytes, flags: i64) -> None:
    code = result(label, syscall(numbers.newfstatat, At.AT_FDCWD, path.ptr, addr(facts), flags))
    if code == 0:
        result(b"  mode", i64(facts.mode))
        if facts.mode & FileType.S_IFREG != 0:
            result(b"  size", facts.size)
            result(b"  links", i64(facts.links))


def stats() -> None:
    stat(b"file", b"file\0", 0)
    stat(b"folder", b"folder\0", 0)
    stat(b"link", b"link\0", 0)
    stat(b"link itself", b"link\0", At.AT_SYMLINK_NOFOLLOW)
    stat(b"link/ itself", b"to-folder/\0", At.AT_SYMLINK_NOFOLLOW)
    stat(b"fifo", b"fifo\0", 0)
    stat(b"null", b"/dev/null\0", 0)
    result(b"  device", i64(facts.rdev))
    stat(b"empty", b"\0", 0)
    stat(b"empty, allowed", b"\0", At.AT_EMPTY_PATH)
    stat(b"loop", b"loop\0", 0)
    stat(b"nothing/", b"none/\0", 0)
    stat(b"bad flags", b"file\0", 0x10000)
    stat(b"AT_REMOVEDIR", b"file\0", At.AT_REMOVEDIR)
    stat(b"root", b"/\0", At.AT_NO_AUTOMOUNT)
    stat(b"above the root", b"/../..\0", 0)
    result(b"stat", syscall(numbers.stat, b"file\0".ptr, addr(facts)))
    result(b"lstat", syscall(numbers.lstat, b"link\0".ptr, addr(facts)))
    result(b"  size", facts.size)
    result(b"stat nowhere", syscall(numbers.stat, NOWHERE, addr(facts)))
    result(b"stat to nowhere", syscall(numbers.stat, b"file\0".ptr, NOWHERE))
    result(b"stat of nothing to nowhere", syscall(numbers.stat, b"none\0".ptr, NOWHERE))
    fd = open_at(b"file\0", Open.O_RDONLY)
    result(b"fstat", syscall(numbers.fstat, fd, addr(facts)))
    inode = facts.inode
    result(b"  size", facts.size)
    result(
        b"fstatat by descriptor", syscall(numbers.newfstatat, fd, b"\0".ptr, addr(facts), At.AT_EMPTY_PATH)
    )
    check(b"  the same inode", facts.inode == inode)
    result(b"file as directory", syscall(numbers.newfstatat, fd, b"x\0".ptr, addr(facts), 0))
    result(b"fstat nowhere", syscall(numbers.fstat, fd, NOWHERE))
    result(b"fstat 99", syscall(numbers.fstat, 99, NOWHERE))
    syscall(numbers.close, fd)


def accesses() -> None:
    result(b"F_OK", syscall(numbers.access, b"file\0".ptr, Access.F_OK))
    result(b"R_OK", syscall(numbers.access, b"file\0".ptr, Access.R_OK))
    result(b"W_OK", syscall(numbers.access, b"file\0".ptr, Access.W_OK))
    result(b"X_OK", syscall(numbers.access, b"file\0".ptr, Access.X_OK))
    result(b"X_OK folder", syscall(numbers.access, b"folder\0".ptr, Access.X_OK))
    result(b"8", syscall(numbers.access, b"file\0".ptr, 8))
    result(b"8 nowhere", syscall(numbers.access, NOWHERE, 8))
    result(b"nothing", syscall(numbers.access, b"none\0".ptr, 0))
    result(b"dangling", syscall(numbers.faccessat, At.AT_FDCWD, b"loop\0".ptr, 0))
    result(b"loop itself", syscall(numbers.faccessat2, At.AT_FDCWD, b"loop\0".ptr, 0, At.AT_SYMLINK_NOFOLLOW))
    result(b"bad flags", syscall(numbers.faccessat2, At.AT_FDCWD, b"file\0".ptr, 0, 1))
    result(b"empty", syscall(numbers.faccessat2, At.AT_FDCWD, b"\0".ptr, 0, At.AT_EMPTY_PATH))


def changes() -> None:
    result(b"mkdir", syscall(numbers.mkdir, b"made\0".ptr, 0o777))
    stat(b"  its mode", b"made\0", 0)
    result(b"mkdir again", syscall(numbers.mkdir, b"made\0".ptr, 0o777))
    result(b"mkdir made/a/", syscall(numbers.mkdir, b"made/a/\0".ptr, 0o700))
    result(b"mkdir .", syscall(numbers.mkdir, b".\0".ptr, 0o700))
    result(b"mkdir ..", syscall(numbers.mkdir, b"..\0".ptr, 0o700))
    result(b"mkdir /", syscall(numbers.mkdir, b"/\0".ptr, 0o700))
    result(b"mkdir none/x", syscall(numbers.mkdir, b"none/x\0".ptr, 0o700))
    result(b"mkdir file/x", syscall(numbers.mkdir, b"file/x\0".ptr, 0o700))
    result(b"mkdir file", syscall(numbers.mkdir, b"file\0".ptr, 0o700))
    result(b"mkdir link/", syscall(numbers.mkdir, b"to-folder/\0".ptr, 0o700))
    result(b"mkdir loop", syscall(numbers.mkdir, b"loop\0".ptr, 0o700))
    result(b"mkdir empty", syscall(numbers.mkdir, b"\0".ptr, 0o700))
    result(b"mkdir nowhere", syscall(numbers.mkdir, NOWHERE, 0o700))
    result(b"umask", syscall(numbers.umask, 0o077))
    result(b"mkdirat", syscall(numbers.mkdirat, At.AT_FDCWD, b"private\0".ptr, 0o777))
    stat(b"  its mode", b"private\0", 0)
    make_file(b"secret\0", b"x")
    stat(b"  of a file", b"secret\0", 0)
    result(b"umask back", syscall(numbers.umask, 0o1022))
    result(b"umask", syscall(numbers.umask, 0o022))
    result(b"rmdir made", syscall(numbers.rmdir, b"made\0".ptr))
    result(b"unlink made/a", syscall(numbers.unlink, b"made/a\0".ptr))
    result(b"rmdir made/a/", syscall(numbers.rmdir, b"made/a/\0".ptr))
    result(b"rmdir made", syscall(numbers.unlinkat, At.AT_FDCWD, b"made\0".ptr, At.AT_REMOVEDIR))
    result(b"rmdir file", syscall(numbers.rmdir, b"file\0".ptr))
    result(b"rmdir file/", syscall(numbers.rmdir, b"file/\0".ptr))
    result(b"rmdir to-folder/", syscall(numbers.rmdir, b"to-folder/\0".ptr))
    result(b"rmdir .", syscall(numbers.rmdir, b".\0".ptr))
    result(b"rmdir folder/..", syscall(numbers.rmdir, b"folder/..\0".ptr))
    result(b"rmdir /", syscall(numbers.rmdir, b"/\0".ptr))
    result(b"rmdir nothing", syscall(numbers.rmdir, b"none\0".ptr))
    result(b"unlink file/", syscall(numbers.unlink, b"file/\0".ptr))
    result(b"unlink folder/", syscall(numbers.unlink, b"folder/\0".ptr))
    result(b"unlink to-folder/", syscall(numbers.unlink, b"to-folder/\0".ptr))
    result(b"unlink none/", syscall(numbers.unlink, b"none/\0".ptr))
    result(b"unlink .", syscall(numbers.unlink, b".\0".ptr))
    result(b"unlink ..", syscall(numbers.unlink, b"..\0".ptr))
    result(b"unlink /", syscall(numbers.unlink, b"/\0".ptr))
    result(b"unlink loop", syscall(numbers.unlink, b"loop\0".ptr))
    result(b"unlink loop again", syscall(numbers.unlink, b"loop\0".ptr))
    result(b"unlink empty", syscall(numbers.unlink, b"\0".ptr))
    result(b"unlinkat bad flags", syscall(numbers.unlinkat, At.AT_FDCWD, NOWHERE, 1))
    result(b"unlinkat 99", syscall(numbers.unlinkat, 99, b"x\0".ptr, 0))
    fd = open_at(b"new\0", Open.O_RDWR)
    syscall(numbers.write, fd, b"kept".ptr, 4)
    result(b"unlink while open", syscall(numbers.unlink, b"new\0".ptr))
    syscall(numbers.lseek, fd, 0, 0)
    read_back(b"still there", fd, 10)
    syscall(numbers.close, fd)


def where(label: bytes) -> None:
    zero_buffer()
    code = result(label, syscall(numbers.getcwd, addr(buffer[0]), 4096))
    if code > 0:
        syscall(numbers.write, 1, addr(buffer[0]), code - 1)
        say(b"\n")


def working_directory() -> None:
    where(b"getcwd")
    result(b"getcwd 3", syscall(numbers.getcwd, addr(buffer[0]), 3))
    result(b"getcwd 0", syscall(numbers.getcwd, addr(buffer[0]), 0))
    result(b"getcwd nowhere", syscall(numbers.getcwd, NOWHERE, 4096))
    result(b"chdir folder", syscall(numbers.chdir, b"folder\0".ptr))
    where(b"getcwd")
    try_open(b"inner", b"inner\0", Open.O_RDONLY)
    try_open(b"../file", b"../file\0", Open.O_RDONLY)
    result(b"chdir ../to-folder", syscall(numbers.chdir, b"../to-folder\0".ptr))
    where(b"getcwd")
    result(b"chdir ../file", syscall(numbers.chdir, b"../file\0".ptr))
    result(b"chdir nothing", syscall(numbers.chdir, b"none\0".ptr))
    result(b"chdir empty", syscall(numbers.chdir, b"\0".ptr))
    result(b"chdir nowhere", syscall(numbers.chdir, NOWHERE))
    fd = open_at(b"..\0", Open.O_RDONLY)
    result(b"fchdir", syscall(numbers.fchdir, fd))
    where(b"getcwd")
    result(b"openat", syscall(numbers.openat, fd, b"folder/inner\0".ptr, 0, 0))
    syscall(numbers.close, 4)
    syscall(numbers.close, fd)
    result(b"fchdir 99", syscall(numbers.fchdir, 99))
    fd = open_at(b"file\0", Open.O_RDONLY)
    result(b"fchdir file", syscall(numbers.fchdir, fd))
    syscall(numbers.close, fd)
    result(b"mkdir gone", syscall(numbers.mkdir, b"gone\0".ptr, 0o700))
    result(b"chdir gone", syscall(numbers.chdir, b"gone\0".ptr))
    result(b"rmdir ../gone", syscall(numbers.rmdir, b"../gone\0".ptr))
    where(b"getcwd")
    try_open(b"create here", b"x\0", Open.O_RDWR | Open.O_CREAT)
    try_open(b"here", b".\0", Open.O_RDONLY)
    try_open(b"../file", b"../file\0", Open.O_RDONLY)
    result(b"chdir ..", syscall(numbers.chdir, b"..\0".ptr))
    where(b"getcwd")
    result(b"chdir /", syscall(numbers.chdir, b"/\0".ptr))
    where(b"getcwd")


def listings() -> None:
    fd = open_at(b"folder\0", Open.O_RDONLY | Open.O_DIRECTORY)
    result(b"too small", syscall(numbers.getdents64, fd, addr(buffer[0]), 10))
    result(b"nowhere", syscall(numbers.getdents64, fd, NOWHERE, 4096))
    result(b"getdents64", syscall(numbers.getdents64, fd, addr(buffer[0]), 4096))
    result(b"at the end", syscall(numbers.getdents64, fd, addr(buffer[0]), 4096))
    result(b"rewind", syscall(numbers.lseek, fd, 0, 0))
    result(b"again", syscall(numbers.getdents64, fd, addr(buffer[0]), 4096))
    syscall(numbers.close, fd)
    fd = open_at(b"file\0", Open.O_RDONLY)
    result(b"of a file", syscall(numbers.getdents64, fd, addr(buffer[0]), 4096))
    syscall(numbers.close, fd)
    fd = open_at(b"folder\0", Open.O_PATH)
    result(b"of O_PATH", syscall(numbers.getdents64, fd, addr(buffer[0]), 4096))
    syscall(numbers.close, fd)
    result(b"of 99", syscall(numbers.getdents64, 99, addr(buffer[0]), 4096))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    say(b"- opens\n")
    opens()
    say(b"- links\n")
    links()
    say(b"- stats\n")
    stats()
    say(b"- accesses\n")
    accesses()
    say(b"- listings\n")
    listings()
    say(b"- changes\n")
    changes()
    say(b"- working directory\n")
    working_directory()
    return 0
