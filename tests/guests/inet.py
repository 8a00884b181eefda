"""Socket addresses and the few socket steps that every network guest repeats."""

from guest.lang import addr, array, i64, ptr, sizeof, struct, syscall, u8, u16, u32
from syscalls import numbers
from syscalls.flags import AddressFamily, SocketType


@struct
class Name4:
    """struct sockaddr_in."""

    family: u16
    port: u16  # network byte order
    address: u32  # network byte order
    zero: array[u8, 8]


@struct
class Name6:
    """struct sockaddr_in6."""

    family: u16
    port: u16
    flow: u32
    address: array[u8, 16]
    scope: u32


@struct
class NameUnix:
    """struct sockaddr_un."""

    family: u16
    path: array[u8, 108]


@struct
class Vector:
    """struct iovec."""

    base: ptr[u8]
    size: i64


@struct
class Message:
    """struct msghdr."""

    name: i64
    name_size: u32
    vectors: ptr[Vector]
    vector_count: i64
    control: i64
    control_size: i64
    flags: u32


LOOPBACK = 0x0100007F  # 127.0.0.1 in network byte order, read as a little-endian number


def swap(port: u16) -> u16:
    """A port between host and network byte order."""
    return (port << 8) | (port >> 8)


def loopback(name: Name4, port: u16) -> None:
    """Make `name` 127.0.0.1:port; the port in network byte order."""
    name.family = AddressFamily.AF_INET
    name.port = port
    name.address = LOOPBACK


def loopback6(name: Name6, port: u16) -> None:
    """Make `name` [::1]:port."""
    name.family = AddressFamily.AF_INET6
    name.port = port
    for i in range(16):
        name.address[i] = 0
    name.address[15] = 1


def path_name(name: NameUnix, path: bytes) -> i64:
    """Make `name` the path; returns the address length without a final NUL."""
    name.family = AddressFamily.AF_UNIX
    for i in range(len(path)):
        name.path[i] = path[i]
    return 2 + len(path)


def tcp() -> i64:
    """A TCP socket over IPv4."""
    return syscall(numbers.socket, AddressFamily.AF_INET, SocketType.SOCK_STREAM, 0)


def udp() -> i64:
    """A UDP socket over IPv4."""
    return syscall(numbers.socket, AddressFamily.AF_INET, SocketType.SOCK_DGRAM, 0)


def bind4(fd: i64, name: Name4) -> i64:
    """bind(2)."""
    return syscall(numbers.bind, fd, addr(name), sizeof(Name4))


def connect4(fd: i64, name: Name4) -> i64:
    """connect(2)."""
    return syscall(numbers.connect, fd, addr(name), sizeof(Name4))


def own_name4(fd: i64, name: Name4) -> i64:
    """getsockname(2)."""
    size = u32(sizeof(Name4))
    return syscall(numbers.getsockname, fd, addr(name), addr(size))


def peer_name4(fd: i64, name: Name4) -> i64:
    """getpeername(2)."""
    size = u32(sizeof(Name4))
    return syscall(numbers.getpeername, fd, addr(name), addr(size))


def listener(name: Name4) -> i64:
    """A TCP socket that listens on a free port of 127.0.0.1; `name` becomes its address."""
    fd = tcp()
    loopback(name, 0)
    bind4(fd, name)
    syscall(numbers.listen, fd, 16)
    own_name4(fd, name)
    return fd


def send(fd: i64, data: bytes, flags: i64) -> i64:
    """send(2)."""
    return syscall(numbers.sendto, fd, data.ptr, len(data), flags, 0, 0)


def receive(fd: i64, data: ptr[u8], size: i64, flags: i64) -> i64:
    """recv(2)."""
    return syscall(numbers.recvfrom, fd, data, size, flags, 0, 0)


def close(fd: i64) -> i64:
    """close(2)."""
    return syscall(numbers.close, fd)


def nap(milliseconds: i64) -> None:
    """Let the network settle, or another thread run."""
    time = array[i64, 2]()
    time[0] = milliseconds // 1000
    time[1] = milliseconds % 1000 * 1000000
    syscall(numbers.nanosleep, time.ptr, 0)
