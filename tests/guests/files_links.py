"""rename, link, symlink, mknod in all forms: what they do, and every refusal. `fill` of test_files.py says what is there."""

from hands import NOWHERE, buffer, open_at, read_back, show
from say import result, say, say_hex

from guest.lang import addr, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, FileType, Open

NOREPLACE = 1
EXCHANGE = 2


def rename(label: bytes, old: bytes, new: bytes) -> None:
    result(label, syscall(numbers.rename, old.ptr, new.ptr))


def rename2(label: bytes, old: bytes, new: bytes, flags: i64) -> None:
    result(label, syscall(numbers.renameat2, At.AT_FDCWD, old.ptr, At.AT_FDCWD, new.ptr, flags))


def contents(label: bytes, path: bytes) -> None:
    fd = open_at(path, Open.O_RDONLY)
    if fd < 0:
        result(label, fd)
        return
    read_back(label, fd, 100)
    syscall(numbers.close, fd)


def facts(label: bytes, path: bytes) -> None:
    """The mode, the number of links and the size, by stat of the thing itself."""
    code = syscall(numbers.newfstatat, At.AT_FDCWD, path.ptr, addr(buffer[0]), At.AT_SYMLINK_NOFOLLOW)
    if result(label, code) == 0:
        words = ptr[u64](addr(buffer[0]))
        say(b"  mode ")
        say_hex(words[3] & 0xFFFFFFFF)
        result(b", links", i64(words[2]))
        if words[3] & FileType.S_IFREG != 0:
            result(b"  size", i64(words[6]))


def renames() -> None:
    rename(b"file to new", b"file\0", b"new\0")
    contents(b"new", b"new\0")
    rename(b"new to new", b"new\0", b"new\0")
    rename(b"new to folder", b"new\0", b"folder\0")
    rename(b"folder to new", b"folder\0", b"new\0")
    rename(b"new over inner", b"new\0", b"folder/inner\0")
    contents(b"inner", b"folder/inner\0")
    rename(b"inner out", b"folder/inner\0", b"to-folder/../file\0")
    rename(b"none", b"none\0", b"x\0")
    rename(b"none/x", b"none/x\0", b"x\0")
    rename(b"to none/x", b"file\0", b"none/x\0")
    rename(b"file/", b"file/\0", b"x\0")
    rename(b"file to x/", b"file\0", b"x/\0")
    rename(b"folder to x/", b"folder\0", b"x/\0")
    rename(b"x/ to folder", b"x/\0", b"folder\0")
    rename(b"folder into itself", b"folder\0", b"folder/below\0")
    rename(b".", b".\0", b"x\0")
    rename(b"..", b"..\0", b"x\0")
    rename(b"to .", b"folder\0", b".\0")
    rename(b"to ..", b"folder\0", b"folder/..\0")
    rename(b"empty", b"\0", b"x\0")
    rename(b"to empty", b"file\0", b"\0")
    rename(b"link", b"link\0", b"link2\0")
    facts(b"link2", b"link2\0")
    rename(b"link2 to link", b"link2\0", b"link\0")
    rename(b"to-folder/", b"to-folder/\0", b"x\0")
    result(b"from nowhere", syscall(numbers.rename, NOWHERE, b"x\0".ptr))
    result(b"to nowhere", syscall(numbers.rename, b"file\0".ptr, NOWHERE))
    syscall(numbers.mkdir, b"full\0".ptr, 0o700)
    syscall(numbers.mkdir, b"full/below\0".ptr, 0o700)
    rename(b"over a full folder", b"folder\0", b"full\0")
    rename(b"below over full", b"full/below\0", b"full\0")
    rename(b"below out", b"full/below\0", b"below\0")
    rename(b"below over empty full", b"below\0", b"full\0")
    result(b"rmdir full", syscall(numbers.rmdir, b"full\0".ptr))
    rename2(b"NOREPLACE", b"file\0", b"fresh\0", NOREPLACE)
    rename2(b"NOREPLACE, taken", b"fresh\0", b"link\0", NOREPLACE)
    rename2(b"NOREPLACE to .", b"fresh\0", b".\0", NOREPLACE)
    rename2(b"EXCHANGE", b"fresh\0", b"folder\0", EXCHANGE)
    facts(b"fresh", b"fresh\0")
    rename2(b"EXCHANGE back", b"fresh\0", b"folder\0", EXCHANGE)
    rename2(b"EXCHANGE with none", b"fresh\0", b"none\0", EXCHANGE)
    rename2(b"both", b"fresh\0", b"none\0", EXCHANGE | NOREPLACE)
    rename2(b"unknown flags", b"fresh\0", b"none\0", 8)
    rename2(b"no flags", b"fresh\0", b"file\0", 0)
    fd = open_at(b"folder\0", Open.O_RDONLY)
    into = syscall(numbers.renameat, At.AT_FDCWD, b"file\0".ptr, fd, b"deep\0".ptr)
    result(b"renameat into", into)
    result(b"renameat out", syscall(numbers.renameat, fd, b"deep\0".ptr, At.AT_FDCWD, b"file\0".ptr))
    result(b"renameat 99", syscall(numbers.renameat, 99, b"deep\0".ptr, At.AT_FDCWD, b"file\0".ptr))
    result(b"renameat to 99", syscall(numbers.renameat, fd, b"x\0".ptr, 99, b"file\0".ptr))
    result(b"to a device", syscall(numbers.rename, b"file\0".ptr, b"/dev/null/x\0".ptr))
    result(b"into proc", syscall(numbers.rename, b"file\0".ptr, b"/proc/self\0".ptr))
    syscall(numbers.close, fd)


def link(label: bytes, old: bytes, new: bytes) -> None:
    result(label, syscall(numbers.link, old.ptr, new.ptr))


def hard_links() -> None:
    link(b"file", b"file\0", b"second\0")
    facts(b"second", b"second\0")
    link(b"again", b"file\0", b"second\0")
    link(b"folder", b"folder\0", b"third\0")
    link(b"none", b"none\0", b"third\0")
    link(b"to none/x", b"file\0", b"none/x\0")
    link(b"file/", b"file/\0", b"third\0")
    link(b"to third/", b"file\0", b"third/\0")
    link(b"to .", b"file\0", b".\0")
    link(b"to /", b"file\0", b"/\0")
    link(b"empty", b"\0", b"third\0")
    link(b"the link", b"link\0", b"link2\0")
    facts(b"link2", b"link2\0")
    follow = At.AT_SYMLINK_FOLLOW
    here = At.AT_FDCWD
    result(b"followed", syscall(numbers.linkat, here, b"link\0".ptr, here, b"link3\0".ptr, follow))
    facts(b"link3", b"link3\0")
    result(b"unknown flags", syscall(numbers.linkat, here, b"link\0".ptr, here, b"x\0".ptr, 1))
    result(b"dangling", syscall(numbers.linkat, here, b"dangling\0".ptr, here, b"x\0".ptr, follow))
    fd = open_at(b"folder\0", Open.O_RDONLY)
    result(b"at folder", syscall(numbers.linkat, fd, b"../file\0".ptr, fd, b"here\0".ptr, 0))
    facts(b"here", b"folder/here\0")
    syscall(numbers.close, fd)
    fd = open_at(b"file\0", Open.O_RDONLY)
    empty = At.AT_EMPTY_PATH
    result(b"by descriptor", syscall(numbers.linkat, fd, b"\0".ptr, here, b"by-fd\0".ptr, empty))
    facts(b"by-fd", b"by-fd\0")
    result(b"without the flag", syscall(numbers.linkat, fd, b"\0".ptr, here, b"x\0".ptr, 0))
    syscall(numbers.close, fd)
    fd = open_at(b".\0", Open.O_TMPFILE | Open.O_RDWR)
    syscall(numbers.write, fd, b"made at last".ptr, 12)
    name = b"/proc/self/fd/3\0"
    result(b"a file without a name", syscall(numbers.linkat, here, name.ptr, here, b"made\0".ptr, follow))
    syscall(numbers.close, fd)
    contents(b"made", b"made\0")
    result(b"from elsewhere", syscall(numbers.link, b"/proc/self/status\0".ptr, b"x\0".ptr))
    result(b"nowhere", syscall(numbers.link, NOWHERE, b"x\0".ptr))
    result(b"unlink", syscall(numbers.unlink, b"second\0".ptr))


def symlink(label: bytes, target: bytes, path: bytes) -> None:
    result(label, syscall(numbers.symlink, target.ptr, path.ptr))


def read_link(label: bytes, path: bytes) -> None:
    show(label, syscall(numbers.readlink, path.ptr, addr(buffer[0]), 100))


def symbolic_links() -> None:
    symlink(b"symlink", b"any text\0", b"sym\0")
    read_link(b"it says", b"sym\0")
    symlink(b"again", b"any text\0", b"sym\0")
    symlink(b"empty text", b"\0", b"sym2\0")
    symlink(b"empty name", b"x\0", b"\0")
    symlink(b"to none/x", b"x\0", b"none/x\0")
    symlink(b"sym2/", b"x\0", b"sym2/\0")
    symlink(b".", b"x\0", b".\0")
    symlink(b"folder/..", b"x\0", b"folder/..\0")
    result(b"nowhere", syscall(numbers.symlink, NOWHERE, b"x\0".ptr))
    result(b"at nowhere", syscall(numbers.symlink, b"x\0".ptr, NOWHERE))
    fd = open_at(b"folder\0", Open.O_RDONLY)
    result(b"symlinkat", syscall(numbers.symlinkat, b"inner\0".ptr, fd, b"near\0".ptr))
    read_link(b"near", b"folder/near\0")
    result(b"symlinkat 99", syscall(numbers.symlinkat, b"inner\0".ptr, 99, b"near\0".ptr))
    syscall(numbers.close, fd)


def mknod(label: bytes, path: bytes, mode: i64) -> None:
    result(label, syscall(numbers.mknod, path.ptr, mode, 0))


def nodes() -> None:
    syscall(numbers.umask, 0o027)
    mknod(b"a file", b"node\0", FileType.S_IFREG | 0o666)
    facts(b"node", b"node\0")
    mknod(b"again", b"node\0", FileType.S_IFREG | 0o666)
    mknod(b"no type", b"node0\0", 0o606)
    facts(b"node0", b"node0\0")
    mknod(b"a FIFO", b"node1\0", FileType.S_IFIFO | 0o777)
    facts(b"node1", b"node1\0")
    mknod(b"a socket", b"node2\0", FileType.S_IFSOCK | 0o777)
    facts(b"node2", b"node2\0")
    mknod(b"a folder", b"node3\0", FileType.S_IFDIR | 0o777)
    mknod(b"a link", b"node3\0", FileType.S_IFLNK | 0o777)
    mknod(b"nonsense", b"node3\0", 0o030000)
    mknod(b"node3/", b"node3/\0", FileType.S_IFIFO)
    mknod(b"empty", b"\0", FileType.S_IFIFO)
    mknod(b"none/x", b"none/x\0", FileType.S_IFIFO)
    fd = open_at(b"folder\0", Open.O_RDONLY)
    result(b"mknodat", syscall(numbers.mknodat, fd, b"ff\0".ptr, FileType.S_IFIFO | 0o666, 0))
    facts(b"ff", b"folder/ff\0")
    syscall(numbers.close, fd)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    say(b"- renames\n")
    renames()
    say(b"- hard links\n")
    hard_links()
    say(b"- symbolic links\n")
    symbolic_links()
    say(b"- nodes\n")
    nodes()
    return 0
