"""The Linux x86_64 constants and structures that the runtime uses (sources: the man pages named beside them)."""

from guest.lang import array, i16, i32, i64, struct, u8, u16, u32

# errno(3)
EINTR = 4
EAGAIN = 11
ENOMEM = 12
EBUSY = 16
ENFILE = 23
EMFILE = 24
ETIMEDOUT = 110
ECONNABORTED = 103
ENOBUFS = 105
ECANCELED = 125

# mmap(2)
PROT_NONE = 0
PROT_READ = 1
PROT_WRITE = 2
MAP_PRIVATE = 0x02
MAP_ANONYMOUS = 0x20
MAP_STACK = 0x20000

# clone(2)
CLONE_VM = 0x00000100
CLONE_FS = 0x00000200
CLONE_FILES = 0x00000400
CLONE_SIGHAND = 0x00000800
CLONE_THREAD = 0x00010000
CLONE_SYSVSEM = 0x00040000
CLONE_SETTLS = 0x00080000

# futex(2)
FUTEX_WAIT_PRIVATE = 128
FUTEX_WAKE_PRIVATE = 129

ARCH_SET_FS = 0x1002  # arch_prctl(2)
CLOCK_MONOTONIC = 1  # clock_gettime(2)

# eventfd(2)
EFD_NONBLOCK = 0x800
EFD_CLOEXEC = 0x80000

# poll(2)
POLLIN = 0x001
POLLOUT = 0x004

# socket(2), tcp(7), send(2)
AF_INET = 2
SOCK_STREAM = 1
SOCK_NONBLOCK = 0x800
SOCK_CLOEXEC = 0x80000
SOL_SOCKET = 1
SO_REUSEADDR = 2
IPPROTO_TCP = 6
TCP_NODELAY = 1
MSG_DONTWAIT = 0x40
MSG_NOSIGNAL = 0x4000
SHUT_WR = 1


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
