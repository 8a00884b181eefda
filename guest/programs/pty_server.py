"""A terminal in the browser: `pty_server [PORT [SHELL [ARGUMENT...]]]`, by default port 8000 of 127.0.0.1 and $SHELL or /bin/sh.

GET / is the page. A WebSocket at /term is a terminal of its own, with a shell: binary messages are what is typed, the text message
`resize:COLUMNS,ROWS` says how large the window is, and output comes in binary messages. Each is served by a process of its own, at
most 15 at a time. SIGTERM and SIGINT stop the server. The time-outs can be set in the environment: see guest.rt.limits.
"""

from guest.lang import i32, i64, null, ptr, syscall, u8, u16, u64
from guest.programs.pty import assets, reception, shell
from guest.programs.pty.log import Line
from guest.rt import heap, io, limits, sys
from guest.rt.abi import (
    AF_INET,
    ENOMEM,
    IPPROTO_TCP,
    SO_REUSEADDR,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_NODELAY,
    SockaddrIn,
)
from guest.rt.cstring import cstring
from guest.rt.errors import error_name, error_text
from guest.rt.resources import Resource
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal
from syscalls import numbers
from syscalls.flags.files import Open

USAGE = b"usage: pty_server [PORT [SHELL [ARGUMENT...]]]   PORT 0 to 65535 (8000; 0: any), SHELL a path ($SHELL or /bin/sh)\n"
LOOPBACK = 0x0100007F  # 127.0.0.1 in network byte order
BACKLOG = 128
HEAP_SIZE = 4 << 20  # a fork copies it


def find_resource(path: bytes) -> ptr[Resource]:
    """The resource at a path; null when there is none."""
    return assets.find(path)


def swap16(x: u16) -> u16:
    """Between host and network byte order."""
    return (x << 8) | (x >> 8)


def put_address(line: Line, address: SockaddrIn) -> None:
    """Add 127.0.0.1:PORT."""
    line.say(b"127.0.0.1:")
    line.number(i64(swap16(address.port)))


def complain(line: Line, error: i64) -> None:
    """End a line with an error, and say it on stderr."""
    line.say(b": ")
    line.say(error_name(-error))
    line.say(b" (")
    line.say(error_text(-error))
    line.say(b")")
    line.write(2)


def listen(address: SockaddrIn) -> i64:
    """A listening socket; the port that it got is in `address`. Or minus an errno."""
    made = sys.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
    if made < 0:
        return made
    fd = i32(made)
    sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    sys.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, 1)  # accepted sockets inherit it
    result = sys.bind(fd, address)
    if result == 0:
        result = sys.listen(fd, BACKLOG)
    if result == 0:
        result = sys.getsockname(fd, address)
    return made if result == 0 else result


def occupy_standard_streams() -> None:
    """Open /dev/null for those of stdin, stdout and stderr that are closed: a terminal must not get their numbers."""
    path = b"/dev/null\0"
    fd = syscall(numbers.open, path.ptr, Open.O_RDWR, 0)
    while fd >= 0 and fd < 3:
        fd = syscall(numbers.open, path.ptr, Open.O_RDWR, 0)
    if fd >= 3:
        sys.close(i32(fd))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Read the arguments, listen, and serve until a signal comes; the exit status."""
    port = i64(8000)
    if argc > 1:
        port = parse_decimal(cstring(argv[1]), 65535)
    if port < 0 or (argc > 2 and len(cstring(argv[2])) == 0):
        sys.write(2, USAGE)
        return 2
    occupy_standard_streams()
    limits.read_environment(envp)
    shell.choose(argv + 2 if argc > 2 else null, envp)
    line = Line()
    address = SockaddrIn(family=AF_INET, port=swap16(u16(port)), address=LOOPBACK)
    fd = listen(address)
    if fd < 0:
        line.say(b"pty_server: bind ")
        put_address(line, address)
        complain(line, fd)
        return 1
    io.initialise()
    result = reception.open(i32(fd))
    if result == 0 and not (heap.initialise(u64(HEAP_SIZE)) and assets.prepare()):
        result = -ENOMEM
    if result < 0:
        line.say(b"pty_server: start")
        complain(line, result)
        return 1
    line.say(b"listening on ")
    put_address(line, address)
    line.write(1)
    reception.run()
    return 0
