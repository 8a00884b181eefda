"""The Linux x86_64 constants and structures that the runtime uses (sources: the man pages named beside them)."""

from guest.lang import array, i16, i32, i64, struct, u8, u16, u32
from syscalls.flags import (
    AddressFamily,
    Eventfd,
    IpProtocol,
    Map,
    Msg,
    Poll,
    Prot,
    Shutdown,
    SocketLevel,
    SocketOption,
    SocketType,
    TcpOption,
)
from syscalls.flags.clock import Clock
from syscalls.flags.threads import Arch, Clone, Futex

# errno(3)
EINTR = 4
EAGAIN = 11
ENOMEM = 12
EBUSY = 16
EMFILE = 24
ETIMEDOUT = 110
ECONNABORTED = 103
ECANCELED = 125

# mmap(2)
PROT_NONE = Prot.PROT_NONE
PROT_READ = Prot.PROT_READ
PROT_WRITE = Prot.PROT_WRITE
MAP_PRIVATE = Map.MAP_PRIVATE
MAP_ANONYMOUS = Map.MAP_ANONYMOUS
MAP_STACK = Map.MAP_STACK

# What pthreads share, and a thread pointer (clone(2))
CLONE_VM = Clone.CLONE_VM
CLONE_FS = Clone.CLONE_FS
CLONE_FILES = Clone.CLONE_FILES
CLONE_SIGHAND = Clone.CLONE_SIGHAND
CLONE_THREAD = Clone.CLONE_THREAD
CLONE_SYSVSEM = Clone.CLONE_SYSVSEM
CLONE_SETTLS = Clone.CLONE_SETTLS

# futex(2)
FUTEX_WAIT_PRIVATE = Futex.FUTEX_WAIT | Futex.FUTEX_PRIVATE_FLAG
FUTEX_WAKE_PRIVATE = Futex.FUTEX_WAKE | Futex.FUTEX_PRIVATE_FLAG

ARCH_SET_FS = Arch.ARCH_SET_FS  # arch_prctl(2)
CLOCK_MONOTONIC = Clock.CLOCK_MONOTONIC  # clock_gettime(2)

# eventfd(2)
EFD_NONBLOCK = Eventfd.EFD_NONBLOCK
EFD_CLOEXEC = Eventfd.EFD_CLOEXEC

# poll(2)
POLLIN = Poll.POLLIN
POLLOUT = Poll.POLLOUT

# socket(2), tcp(7), send(2), shutdown(2)
AF_INET = AddressFamily.AF_INET
SOCK_STREAM = SocketType.SOCK_STREAM
SOCK_NONBLOCK = SocketType.SOCK_NONBLOCK
SOCK_CLOEXEC = SocketType.SOCK_CLOEXEC
SOL_SOCKET = SocketLevel.SOL_SOCKET
SO_REUSEADDR = SocketOption.SO_REUSEADDR
IPPROTO_TCP = IpProtocol.IPPROTO_TCP
TCP_NODELAY = TcpOption.TCP_NODELAY
MSG_DONTWAIT = Msg.MSG_DONTWAIT
MSG_NOSIGNAL = Msg.MSG_NOSIGNAL
SHUT_WR = Shutdown.SHUT_WR


@struct
class Timespec:
    """struct timespec of clock_gettime(2)."""

    tv_sec: i64
    tv_nsec: i64


@struct
class PollFd:
    """struct pollfd of poll(2)."""

    fd: i32
    events: i16
    revents: i16


@struct
class SockaddrIn:
    """struct sockaddr_in of ip(7): port and address in network byte order."""

    family: u16
    port: u16
    address: u32
    zero: array[u8, 8]
