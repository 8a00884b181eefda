"""The HTTP and WebSocket server: `server [WORKERS [IP [PORT]]]`, by default 4 workers at 127.0.0.1 port 8080.

GET / is a page, /healthz says ok, /ws and /term echo over a WebSocket (/term greets first, and is a page as well).
The time-outs can be set in the environment: see guest.rt.limits.
"""

from guest.lang import addr, array, buffer, destroy, embed, i32, i64, null, ptr, u8, u16, u32, u64
from guest.rt import acceptor, heap, idle, io, limits, net, sys, tasks, threads, websocket, workers
from guest.rt.abi import (
    AF_INET,
    EMFILE,
    ENOMEM,
    ETIMEDOUT,
    IPPROTO_TCP,
    SO_REUSEADDR,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_NODELAY,
    SockaddrIn,
)
from guest.rt.conversation import Conversation
from guest.rt.cstring import cstring
from guest.rt.errors import error_name, error_text
from guest.rt.inlet import Inlet
from guest.rt.net import Receive, Send
from guest.rt.resources import Resource
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal, parse_ipv4, put, put_decimal, put_ipv4

INDEX = embed("fixtures/html/index.html")
TERM = embed("fixtures/html/term.html")
HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"
USAGE = b"usage: server [WORKERS [IP [PORT]]]   WORKERS 0 to 64 (default 4), IP a.b.c.d (127.0.0.1), PORT 0 to 65535 (8080)\n"

MOST_WORKERS = 64
BACKLOG = 1024
DRAIN_LIMIT = 1 << 20  # bytes read and forgotten while waiting for a client to close

index: Resource
term: Resource
health: Resource
socket_only: Resource


def find_resource(path: bytes) -> ptr[Resource]:
    """The resource at a path; null when there is none. An empty path stands for "/" (RFC 9110 section 4.2.3)."""
    if len(path) == 0 or path == b"/":
        return addr(index)
    if path == b"/term":
        return addr(term)
    if path == b"/ws":
        return addr(socket_only)
    if path == b"/healthz":
        return addr(health)
    return null


def prepare_resources() -> bool:
    """Fill in what is served; False when there is no memory."""
    term.has_websocket = True
    term.welcomes = True
    socket_only.has_websocket = True
    return index.prepare(HTML, INDEX) and term.prepare(HTML, TERM) and health.prepare(TEXT, b"ok\n")


async def serve(fd: i32) -> None:
    """One connection, from accept to close."""
    inlet = Inlet(fd=fd)
    if not inlet.open():
        acceptor.refuse(fd)
        return
    talk = Conversation()
    talk.begin(inlet)
    eager = True  # a client usually sends its request at once
    while True:
        talk.advance()
        if talk.upgraded:
            session = websocket.echo(inlet, talk.resource.welcomes)
            if session != null:
                talk.closing = True
                if await Send(fd, talk.out, talk.out_size, limits.send_ms) == 0:
                    talk.linger = await session
                else:
                    destroy(session)
                break
            talk.fail(503)
        if talk.out_size > 0:
            sent = await Send(fd, talk.out, talk.out_size, limits.send_ms)
            talk.out_size = 0
            if sent < 0:
                talk.end(False)
            if talk.closing:
                break
        elif talk.closing:
            break
        else:
            count = await Receive(fd, inlet.tail(), inlet.room(), talk.deadline, eager)
            if count > 0:
                eager = inlet.received(count)
                talk.arrived()
            else:
                talk.stopped(count == -ETIMEDOUT)
    if talk.linger:
        # Closing with unread bytes would send a reset, which may overtake the last answer.
        net.end_sending(fd)
        deadline = io.now() + limits.linger_ms
        drained = i64(0)
        while drained < DRAIN_LIMIT:
            count = await Receive(fd, inlet.memory, inlet.size, deadline, True)
            if count <= 0:
                break
            drained += count
    inlet.close()
    net.close(fd)


def complain(what: bytes, error: i64) -> i64:
    """Say on stderr what failed and why; returns the exit status."""
    text = array[u8, 256]()
    at = put(text, 0, b"server: ")
    at = put(text, at, what)
    at = put(text, at, b": ")
    at = put(text, at, error_name(-error))
    at = put(text, at, b" (")
    at = put(text, at, error_text(-error))
    at = put(text, at, b")\n")
    sys.write(2, text[0:at])
    return 1


def put_address(out: buffer, at: i64, address: SockaddrIn) -> i64:
    """Write `address` as a.b.c.d:port."""
    at = put_ipv4(out, at, swap32(address.address))
    at = put(out, at, b":")
    return put_decimal(out, at, u64(swap16(address.port)))


def swap16(x: u16) -> u16:
    """Between host and network byte order."""
    return (x << 8) | (x >> 8)


def swap32(x: u32) -> u32:
    """Between host and network byte order."""
    return (x << 24) | ((x & 0xFF00) << 8) | ((x >> 8) & 0xFF00) | (x >> 24)


def announce(count: i64, address: SockaddrIn) -> None:
    """Say on stdout where the server listens."""
    text = array[u8, 128]()
    at = put(text, 0, b"listening on http://")
    at = put_address(text, at, address)
    at = put(text, at, b"/ (")
    at = put_decimal(text, at, u64(count))
    at = put(text, at, b" worker)\n" if count == 1 else b" workers)\n")
    sys.write(1, text[0:at])


def listen_at(address: SockaddrIn, count: i64) -> i64:
    """A listening socket, non-blocking if there is but one thread; minus an errno after saying what failed."""
    kind = SOCK_STREAM | SOCK_CLOEXEC
    if count == 0:
        kind = kind | SOCK_NONBLOCK
    made = sys.socket(AF_INET, kind)
    if made < 0:
        complain(b"socket", made)
        return made
    fd = i32(made)
    if fd >= io.DESCRIPTORS:
        complain(b"socket", -EMFILE)
        return -EMFILE
    sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    sys.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, 1)  # accepted sockets inherit it
    result = sys.bind(fd, address)
    if result == 0:
        result = sys.listen(fd, BACKLOG)
    if result == 0:
        result = sys.getsockname(fd, address)
    if result < 0:
        what = array[u8, 64]()
        at = put(what, 0, b"bind ")
        complain(what[0 : put_address(what, at, address)], result)
        return result
    return made


def initialise(count: i64) -> i64:
    """Set the runtime up for `count` workers; 0 or minus an errno."""
    threads.adopt_main_thread()
    if not heap.initialise() or not prepare_resources():
        return -ENOMEM
    tasks.initialise()
    io.initialise()
    return idle.initialise(u32(count) if count > 0 else u32(1))


def launch(count: i64, fd: i32) -> i64:
    """Start accepting, and the threads: the acceptor and all workers but this one; 0 or minus an errno."""
    acceptor.initialise(fd, serve)
    if count == 0:
        tasks.start(tasks.reserve() - 1, acceptor.accept_as_task())
        return 0
    result = workers.start(u32(count - 1))
    if result == 0:
        started = threads.spawn(acceptor.accept_on_thread, u64(0))
        if started < 0:
            return started
    return result


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Read the arguments, listen, and work for ever; returns only an exit status for failures."""
    count = i64(4)
    ip = i64(0x7F000001)
    port = i64(8080)
    if argc > 1:
        count = parse_decimal(cstring(argv[1]), MOST_WORKERS)
    if argc > 2:
        ip = parse_ipv4(cstring(argv[2]))
    if argc > 3:
        port = parse_decimal(cstring(argv[3]), 65535)
    if argc > 4 or count < 0 or ip < 0 or port < 0:
        sys.write(2, USAGE)
        return 2
    limits.read_environment(envp)
    address = SockaddrIn(family=AF_INET, port=swap16(u16(port)), address=swap32(u32(ip)))
    fd = listen_at(address, count)
    if fd < 0:
        return 1
    result = initialise(count)
    if result == 0:
        result = launch(count, i32(fd))
    if result < 0:
        return complain(b"start", result)
    announce(count, address)
    workers.work(u64(0))
    return 0
