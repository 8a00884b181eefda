"""A small HTTP server without the fault that docs/tutorial.md finds in hanging.py."""

from guest.lang import addr, array, i32, i64, ptr, u8, u16
from guest.rt import abi, sys
from guest.rt.cstring import cstring
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal, put, put_decimal

LOOPBACK = 0x0100007F  # 127.0.0.1 in network byte order
PATIENCE = 1  # seconds for which a client may keep silent

request: array[u8, 2048]


def swap(port: u16) -> u16:
    """A port between host and network byte order."""
    return (port << 8) | (port >> 8)


def listen_at(port: u16) -> i32:
    """A listening socket on 127.0.0.1; minus an errno if there can be none."""
    address = abi.SockaddrIn()
    address.family = abi.AF_INET
    address.port = swap(port)
    address.address = LOOPBACK
    fd = i32(sys.socket(abi.AF_INET, abi.SOCK_STREAM | abi.SOCK_CLOEXEC))
    sys.setsockopt(fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1)
    error = sys.bind(fd, address)
    if error < 0:
        return i32(error)
    sys.listen(fd, 64)
    return fd


def tell(listener: i32) -> None:
    """Say on stdout which port it is."""
    address = abi.SockaddrIn()
    line = array[u8, 64]()
    sys.getsockname(listener, address)
    at = put(line, 0, b"listening on port ")
    at = put_decimal(line, at, swap(address.port))
    at = put(line, at, b"\n")
    sys.write(1, line[:at])


def speaks(client: i32) -> bool:
    """Whether the client says something in good time."""
    wanted = abi.PollFd()
    wanted.fd = client
    wanted.events = abi.POLLIN
    patience = abi.Timespec()
    patience.tv_sec = PATIENCE
    return sys.ppoll(addr(wanted), 1, patience) > 0


def answer(client: i32) -> None:
    """Read a request and answer it, whatever it says."""
    if not speaks(client):
        return
    size = sys.recv(client, request.ptr, 2048, 0)
    if size > 0:
        text = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"
        sys.send(client, text.ptr, len(text), 0)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """One client after the other."""
    port = i64(0)
    if argc > 1:
        port = parse_decimal(cstring(argv[1]), 65535)
    if port < 0:
        return 2
    listener = listen_at(u16(port))
    if listener < 0:
        return 1
    tell(listener)
    while True:
        client = i32(sys.accept4(listener, abi.SOCK_CLOEXEC))
        if client >= 0:
            answer(client)
            sys.close(client)
    return 0
