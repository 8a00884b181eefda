"""Unix sockets: abstract names, paths, datagrams, packets, descriptors and credentials in messages."""

from inet import Message, NameUnix, Vector, close, path_name, receive, send
from say import check, result, say

from guest.lang import addr, array, i32, i64, ptr, sizeof, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import AddressFamily, Fcntl, Msg, Scm, Shutdown, SocketLevel, SocketOption, SocketType

data: array[u8, 4096]
control: array[u64, 64]
message: Message
vector: Vector


def unix(kind: i64) -> i64:
    """A Unix socket."""
    return syscall(numbers.socket, AddressFamily.AF_UNIX, kind, 0)


def pair(kind: i64, fds: array[i32, 2]) -> None:
    """socketpair(2)."""
    syscall(numbers.socketpair, AddressFamily.AF_UNIX, kind, 0, fds.ptr)


def bind(fd: i64, name: NameUnix, size: i64) -> i64:
    """bind(2)."""
    return syscall(numbers.bind, fd, addr(name), size)


def connect(fd: i64, name: NameUnix, size: i64) -> i64:
    """connect(2)."""
    return syscall(numbers.connect, fd, addr(name), size)


def show(label: bytes, code: i64, name: NameUnix, size: u32) -> None:
    """Print an address."""
    result(label, code)
    if code >= 0:
        result(b"  length", i64(size))
        if size >= 2:
            result(b"  family", i64(name.family))
        if size > 2:
            say(b"  path ")
            if name.path[0] == 0:
                say(b"@")
                syscall(numbers.write, 1, addr(name.path[1]), i64(size) - 3)
            else:
                syscall(numbers.write, 1, addr(name.path[0]), i64(size) - 3)
            say(b"\n")


def own_name(label: bytes, fd: i64) -> None:
    """getsockname(2)."""
    name = NameUnix()
    size = u32(sizeof(NameUnix))
    show(label, syscall(numbers.getsockname, fd, addr(name), addr(size)), name, size)


def peer_name(label: bytes, fd: i64) -> None:
    """getpeername(2)."""
    name = NameUnix()
    size = u32(sizeof(NameUnix))
    show(label, syscall(numbers.getpeername, fd, addr(name), addr(size)), name, size)


def abstract() -> None:
    """Names that are no files."""
    name = NameUnix()
    peer = NameUnix()
    server = unix(SocketType.SOCK_STREAM)
    own_name(b"unbound", server)
    size = path_name(name, b"\0emu-test-server")
    result(b"connect, nobody", connect(server, name, size))
    result(b"bind", bind(server, name, size))
    own_name(b"name", server)
    result(b"bind again", bind(server, name, size))
    other = unix(SocketType.SOCK_STREAM)
    result(b"name in use", bind(other, name, size))
    result(b"connect, nobody listens", connect(other, name, size))
    result(b"accept, not listening", syscall(numbers.accept, server, 0, 0))
    result(b"listen, unbound", syscall(numbers.listen, other, 1))
    result(b"listen", syscall(numbers.listen, server, 1))
    result(b"a longer name", connect(other, name, size + 1))
    result(b"connect", connect(other, name, size))
    peer_name(b"peer", other)
    result(b"connect again", connect(other, name, size))
    length = u32(110)
    fd = syscall(numbers.accept, server, addr(peer), addr(length))
    show(b"accept", fd, peer, length)
    own_name(b"accepted, name", fd)
    peer_name(b"accepted, peer", fd)
    result(b"send", send(fd, b"hello", 0))
    result(b"receive", receive(other, addr(data[0]), 100, 0))
    result(b"sendto with a name", syscall(numbers.sendto, fd, addr(data[0]), 3, 0, addr(name), size))
    close(fd)
    result(b"end", receive(other, addr(data[0]), 100, 0))
    result(b"broken pipe", send(other, b"x", Msg.MSG_NOSIGNAL))
    close(other)
    wrong = unix(SocketType.SOCK_DGRAM)
    result(b"wrong kind", connect(wrong, name, size))
    close(wrong)
    # The backlog of one holds two.
    calls = SocketType.SOCK_STREAM | SocketType.SOCK_NONBLOCK
    first = unix(calls)
    second = unix(calls)
    third = unix(calls)
    result(b"first", connect(first, name, size))
    result(b"second", connect(second, name, size))
    result(b"third", connect(third, name, size))
    close(server)
    result(b"reset", receive(first, addr(data[0]), 10, 0))
    close(first)
    close(second)
    close(third)
    server = unix(SocketType.SOCK_STREAM)
    long = NameUnix()
    long.family = 1
    for i in range(107):
        long.path[i + 1] = 0x61
    result(b"longest name", bind(server, long, 110))
    own_name(b"name", server)
    close(server)
    server = unix(SocketType.SOCK_STREAM)
    result(b"no name at all", bind(server, name, 2))
    size32 = u32(110)
    result(b"autobind", syscall(numbers.getsockname, server, addr(peer), addr(size32)))
    check(b"five digits", size32 == 8 and peer.path[0] == 0)
    syscall(numbers.listen, server, 2)
    other = unix(SocketType.SOCK_STREAM)
    result(b"connect to it", connect(other, peer, i64(size32)))
    result(b"autobind again", bind(server, name, 2))
    close(server)
    close(other)
    other = unix(SocketType.SOCK_STREAM)
    result(b"length 1", bind(other, name, 1))
    result(b"length 111", bind(other, name, 111))
    name.family = 2
    result(b"family", bind(other, name, size))
    result(b"connect, family", connect(other, name, size))
    result(b"connect, length 2", connect(other, name, 2))
    name.family = 0
    result(b"connect, no family", connect(other, name, size))
    close(other)


def paths() -> None:
    """Names that are files."""
    name = NameUnix()
    peer = NameUnix()
    syscall(numbers.unlink, b"/tmp/emu-test.sock\0".ptr)
    server = unix(SocketType.SOCK_STREAM)
    size = path_name(name, b"/tmp/emu-test.sock")
    result(b"connect, no file", connect(server, name, size))
    syscall(numbers.umask, 0o27)
    result(b"bind", bind(server, name, size))
    own_name(b"name", server)
    other = unix(SocketType.SOCK_STREAM)
    result(b"file exists", bind(other, name, size))
    result(b"bind again", bind(server, name, size))
    result(b"nobody listens", connect(other, name, size))
    result(b"listen", syscall(numbers.listen, server, 5))
    result(b"connect", connect(other, name, size))
    peer_name(b"peer", other)
    length = u32(110)
    fd = syscall(numbers.accept, server, addr(peer), addr(length))
    show(b"accept", fd, peer, length)
    own_name(b"accepted", fd)
    close(fd)
    close(other)
    status = array[u8, 144]()
    result(b"stat", syscall(numbers.stat, b"/tmp/emu-test.sock\0".ptr, status.ptr))
    check(b"a socket", status[25] & 0xF0 == 0xC0)
    result(b"mode", i64(status[24]) | i64(status[25] & 1) << 8)
    result(b"open", syscall(numbers.open, b"/tmp/emu-test.sock\0".ptr, 2, 0))
    close(server)
    other = unix(SocketType.SOCK_STREAM)
    result(b"nobody has it", connect(other, name, size))
    result(b"unlink", syscall(numbers.unlink, b"/tmp/emu-test.sock\0".ptr))
    result(b"gone", connect(other, name, size))
    size = path_name(name, b"/tmp/no-such-folder/socket")
    name.path[26] = 0
    result(b"no folder", bind(other, name, size))
    result(b"no folder to connect", connect(other, name, size))
    close(other)
    # A name that fills sun_path, reached through another, shorter one.
    long = NameUnix()
    size = path_name(long, b"/tmp/")
    for i in range(5, 108):
        long.path[i] = 0x6C
    server = unix(SocketType.SOCK_STREAM)
    result(b"longest path", bind(server, long, 110))
    syscall(numbers.listen, server, 1)
    other = unix(SocketType.SOCK_STREAM)
    result(b"connect", connect(other, long, 110))
    length = 110
    result(b"its peer", syscall(numbers.getpeername, other, addr(peer), addr(length)))
    result(b"length", i64(length))
    check(b"same path", peer.path[0] == 0x2F and peer.path[107] == 0x6C)
    result(b"again", bind(other, long, 110))
    end = array[u8, 110]()
    for i in range(108):
        end[i] = long.path[i]
    result(b"unlink", syscall(numbers.unlink, end.ptr))
    close(other)
    close(server)
    # Bound datagram sockets see each other's names.
    first = unix(SocketType.SOCK_DGRAM)
    second = unix(SocketType.SOCK_DGRAM)
    syscall(numbers.unlink, b"/tmp/emu-test.one\0".ptr)
    syscall(numbers.unlink, b"/tmp/emu-test.two\0".ptr)
    one = NameUnix()
    two = NameUnix()
    size = path_name(one, b"/tmp/emu-test.one")
    path_name(two, b"/tmp/emu-test.two")
    result(b"bind one", bind(first, one, size + 1))
    result(b"bind two", bind(second, two, size))
    result(b"send", syscall(numbers.sendto, first, addr(data[0]), 4, 0, addr(two), size))
    length = 110
    got = syscall(numbers.recvfrom, second, addr(data[0]), 100, 0, addr(peer), addr(length))
    show(b"from", got, peer, length)
    result(b"reply", syscall(numbers.sendto, second, addr(data[0]), 9, 0, addr(peer), i64(length)))
    result(b"arrives", receive(first, addr(data[0]), 100, 0))
    syscall(numbers.unlink, b"/tmp/emu-test.one\0".ptr)
    syscall(numbers.unlink, b"/tmp/emu-test.two\0".ptr)
    result(b"unlinked", syscall(numbers.sendto, second, addr(data[0]), 9, 0, addr(peer), i64(length)))
    close(first)
    close(second)


def packets() -> None:
    """Datagrams and packets."""
    fds = array[i32, 2]()
    pair(SocketType.SOCK_DGRAM, fds)
    a = i64(fds[0])
    b = i64(fds[1])
    own_name(b"pair, name", a)
    peer_name(b"pair, peer", a)
    result(b"send", send(a, b"one", 0))
    result(b"send empty", send(a, b"", 0))
    result(b"receive", receive(b, addr(data[0]), 100, 0))
    result(b"receive empty", receive(b, addr(data[0]), 100, 0))
    result(b"none", receive(b, addr(data[0]), 100, Msg.MSG_DONTWAIT))
    close(b)
    result(b"peer gone", send(a, b"x", 0))
    result(b"receive", receive(a, addr(data[0]), 100, Msg.MSG_DONTWAIT))
    close(a)
    pair(SocketType.SOCK_SEQPACKET, fds)
    a = i64(fds[0])
    b = i64(fds[1])
    result(b"packet", send(a, b"first", 0))
    result(b"packet", send(a, b"second", 0))
    result(b"cut", receive(b, addr(data[0]), 2, 0))
    result(b"next", receive(b, addr(data[0]), 100, Msg.MSG_WAITALL))
    result(b"shutdown", syscall(numbers.shutdown, a, Shutdown.SHUT_WR))
    result(b"end", receive(b, addr(data[0]), 100, 0))
    result(b"end, not waiting", receive(b, addr(data[0]), 100, Msg.MSG_DONTWAIT))
    result(b"send after it", send(a, b"x", Msg.MSG_NOSIGNAL))
    close(a)
    close(b)
    pair(SocketType.SOCK_STREAM, fds)
    a = i64(fds[0])
    b = i64(fds[1])
    result(b"stream", send(a, b"abcdef", 0))
    result(b"peek", receive(b, addr(data[0]), 3, Msg.MSG_PEEK))
    result(b"all", receive(b, addr(data[0]), 6, Msg.MSG_WAITALL))
    result(b"urgent", send(a, b"u", Msg.MSG_OOB))
    result(b"close", close(a))
    result(b"receive", receive(b, addr(data[0]), 6, 0))
    close(b)


def prepare(size: i64, room: i64) -> None:
    """A message of `size` bytes of data with `room` bytes of control data."""
    vector.base = addr(data[0])
    vector.size = size
    message.name = 0
    message.name_size = 0
    message.vectors = addr(vector)
    message.vector_count = 1
    message.control = i64(addr(control[0])) if room > 0 else 0
    message.control_size = room
    message.flags = 0


def rights(count: i64, fd: i64, other: i64) -> None:
    """Control data with descriptors."""
    control[0] = u64(16 + count * 4)
    control[1] = u64(SocketLevel.SOL_SOCKET) | u64(Scm.SCM_RIGHTS) << 32
    control[2] = u64(fd) | u64(other) << 32


def descriptors() -> None:
    """SCM_RIGHTS."""
    fds = array[i32, 2]()
    pair(SocketType.SOCK_STREAM, fds)
    a = i64(fds[0])
    b = i64(fds[1])
    pipe = array[i32, 2]()
    syscall(numbers.pipe2, pipe.ptr, 0o4000)
    prepare(1, 24)
    rights(2, i64(pipe[0]), i64(pipe[1]))
    result(b"send two", syscall(numbers.sendmsg, a, addr(message), 0))
    prepare(100, 200)
    result(b"receive", syscall(numbers.recvmsg, b, addr(message), Msg.MSG_CMSG_CLOEXEC))
    result(b"control", i64(message.control_size))
    result(b"flags", i64(message.flags))
    result(b"length", i64(control[0]))
    first = i64(control[2] & 0xFFFFFFFF)
    second = i64(control[2] >> 32)
    result(b"one", first)
    result(b"other", second)
    result(b"close-on-exec", syscall(numbers.fcntl, first, Fcntl.F_GETFD))
    result(b"not blocking", syscall(numbers.fcntl, first, Fcntl.F_GETFL))
    result(b"write", syscall(numbers.write, second, b"pipe".ptr, 4))
    result(b"read", syscall(numbers.read, i64(pipe[0]), addr(data[0]), 100))
    result(b"shared flags", syscall(numbers.fcntl, first, Fcntl.F_SETFL, 0))
    result(b"seen through the other", syscall(numbers.fcntl, i64(pipe[0]), Fcntl.F_GETFL))
    close(first)
    close(second)
    # The sender closes what it sent.
    prepare(1, 20)
    rights(1, i64(pipe[0]), 0)
    syscall(numbers.fcntl, i64(pipe[0]), Fcntl.F_SETFL, 0o4000)
    result(b"send one", syscall(numbers.sendmsg, a, addr(message), 0))
    close(i64(pipe[0]))
    prepare(100, 24)
    result(b"receive", syscall(numbers.recvmsg, b, addr(message), 0))
    first = i64(control[2] & 0xFFFFFFFF)
    result(b"number", first)
    result(b"still not blocking", syscall(numbers.fcntl, first, Fcntl.F_GETFL))
    result(b"nothing in it", syscall(numbers.read, first, addr(data[0]), 100))
    close(i64(pipe[1]))
    result(b"its end", syscall(numbers.read, first, addr(data[0]), 100))
    close(first)
    # Room for none, room for one.
    prepare(1, 24)
    rights(2, a, b)
    syscall(numbers.sendmsg, a, addr(message), 0)
    syscall(numbers.sendmsg, a, addr(message), 0)
    syscall(numbers.sendmsg, a, addr(message), 0)
    prepare(1, 0)
    result(b"no room", syscall(numbers.recvmsg, b, addr(message), 0))
    result(b"flags", i64(message.flags))
    prepare(1, 20)
    result(b"room for one", syscall(numbers.recvmsg, b, addr(message), 0))
    result(b"flags", i64(message.flags))
    result(b"control", i64(message.control_size))
    result(b"length", i64(control[0]))
    first = i64(control[2] & 0xFFFFFFFF)
    result(b"number", first)
    close(first)
    result(b"read takes none", syscall(numbers.read, b, addr(data[0]), 10))
    # At the limit of descriptors.
    limits = array[u64, 2]()
    syscall(numbers.getrlimit, 7, limits.ptr)
    kept = limits[0]
    limits[0] = u64(first) + 1
    syscall(numbers.setrlimit, 7, limits.ptr)
    prepare(1, 24)
    rights(2, a, b)
    syscall(numbers.sendmsg, a, addr(message), 0)
    prepare(1, 24)
    result(b"at the limit", syscall(numbers.recvmsg, b, addr(message), 0))
    result(b"flags", i64(message.flags))
    result(b"control", i64(message.control_size))
    result(b"length", i64(control[0]))
    first = i64(control[2] & 0xFFFFFFFF)
    close(first)
    limits[0] = kept
    syscall(numbers.setrlimit, 7, limits.ptr)
    # Errors.
    prepare(1, 20)
    rights(1, 99, 0)
    result(b"bad descriptor", syscall(numbers.sendmsg, a, addr(message), 0))
    control[0] = 15
    result(b"short message", syscall(numbers.sendmsg, a, addr(message), 0))
    control[0] = 21
    result(b"long message", syscall(numbers.sendmsg, a, addr(message), 0))
    rights(1, a, 0)
    control[1] = u64(SocketLevel.SOL_SOCKET) | 99 << 32
    result(b"unknown kind", syscall(numbers.sendmsg, a, addr(message), 0))
    control[1] = 77
    result(b"unknown level is ignored", syscall(numbers.sendmsg, a, addr(message), 0))
    message.control = 8
    result(b"control nowhere", syscall(numbers.sendmsg, a, addr(message), 0))
    message.control_size = 1 << 40
    result(b"too much control", syscall(numbers.sendmsg, a, addr(message), 0))
    prepare(0, 20)
    rights(1, a, 0)
    result(b"no data", syscall(numbers.sendmsg, a, addr(message), 0))
    result(b"drain", receive(b, addr(data[0]), 100, Msg.MSG_DONTWAIT))
    # Peeked at, then taken: two descriptors.
    prepare(1, 20)
    rights(1, a, 0)
    syscall(numbers.sendmsg, a, addr(message), 0)
    prepare(1, 24)
    result(b"peek", syscall(numbers.recvmsg, b, addr(message), Msg.MSG_PEEK))
    first = i64(control[2] & 0xFFFFFFFF)
    result(b"take", syscall(numbers.recvmsg, b, addr(message), 0))
    second = i64(control[2] & 0xFFFFFFFF)
    check(b"two numbers", first != second)
    close(first)
    close(second)
    close(a)
    close(b)


def credentials() -> None:
    """SCM_CREDENTIALS and SO_PEERCRED."""
    fds = array[i32, 2]()
    pair(SocketType.SOCK_STREAM, fds)
    a = i64(fds[0])
    b = i64(fds[1])
    value = array[u32, 4]()
    size = u32(12)
    result(b"SO_PEERCRED", syscall(numbers.getsockopt, a, 1, SocketOption.SO_PEERCRED, value.ptr, addr(size)))
    check(b"own pid", i64(value[0]) == syscall(numbers.getpid))
    check(b"own uid", i64(value[1]) == syscall(numbers.getuid))
    check(b"own gid", i64(value[2]) == syscall(numbers.getgid))
    on = i32(1)
    result(b"SO_PASSCRED", syscall(numbers.setsockopt, b, 1, SocketOption.SO_PASSCRED, addr(on), 4))
    send(a, b"x", 0)
    prepare(10, 100)
    result(b"receive", syscall(numbers.recvmsg, b, addr(message), 0))
    result(b"control", i64(message.control_size))
    check(b"kind", control[1] == u64(1) | u64(Scm.SCM_CREDENTIALS) << 32)
    check(b"own pid", i64(control[2] & 0xFFFFFFFF) == syscall(numbers.getpid))
    check(b"own uid", i64(control[2] >> 32) == syscall(numbers.getuid))
    prepare(1, 32)
    control[0] = 28
    control[1] = u64(1) | u64(Scm.SCM_CREDENTIALS) << 32
    control[2] = u64(syscall(numbers.getpid)) | u64(syscall(numbers.getuid)) << 32
    control[3] = u64(syscall(numbers.getgid))
    result(b"send own", syscall(numbers.sendmsg, a, addr(message), 0))
    control[0] = 27
    result(b"send short", syscall(numbers.sendmsg, a, addr(message), 0))
    prepare(10, 100)
    result(b"receive", syscall(numbers.recvmsg, b, addr(message), 0))
    check(b"own pid", i64(control[2] & 0xFFFFFFFF) == syscall(numbers.getpid))
    close(a)
    close(b)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    say(b"abstract\n")
    abstract()
    say(b"paths\n")
    paths()
    say(b"packets\n")
    packets()
    say(b"descriptors\n")
    descriptors()
    say(b"credentials\n")
    credentials()
    return 0
