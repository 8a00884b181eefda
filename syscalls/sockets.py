"""What is known of a socket beside its host descriptor, and how sockets come into the descriptor table."""

import errno

from syscalls import kernel, network, numbers
from syscalls.fds import Description, Descriptor
from syscalls.flags.files import Open
from syscalls.flags.net import AddressFamily, SocketLevel, SocketOption, SocketType
from syscalls.process import Thread
from syscalls.scratch import NAME, NAME_LENGTH

NONBLOCK = SocketType.SOCK_NONBLOCK
CLOEXEC = SocketType.SOCK_CLOEXEC
KIND = 0xF
"""SOCK_TYPE_MASK: the part of socket(2)'s `type` that is the kind."""

NAME_LIMIT = 128
"""sizeof(struct sockaddr_storage)."""


class Socket:
    """The `detail` of a socket's description.

    `receive_timeout` and `send_timeout` are SO_RCVTIMEO and SO_SNDTIMEO in ns, None for ever, 0 for not at all; the host
    keeps them too, which does nothing there (its sockets never block) but answer getsockopt. `name` is the address
    that the guest believes to be bound to, where that differs from the host's. `peer` is the address that accept(2) told
    (then `incoming`) or that was given to connect(2); `listener_text` is for the trace.
    """

    __slots__ = (
        "family",
        "incoming",
        "kind",
        "listener_text",
        "name",
        "passes_credentials",
        "peer",
        "protocol",
        "receive_timeout",
        "send_timeout",
        "tied",
    )

    def __init__(self, family: int, kind: int, protocol: int, tied: bool = True) -> None:
        self.family = family
        self.kind = kind
        self.protocol = protocol
        self.tied = tied
        self.receive_timeout: int | None = None
        self.send_timeout: int | None = None
        self.name: bytes | None = None
        self.peer: bytes | None = None
        self.incoming = False
        self.listener_text: str | None = None
        self.passes_credentials = False

    def accepted(self, peer: bytes) -> "Socket":
        """The state of a connection that came in through this listening socket (sk_clone_lock keeps the options)."""
        new = Socket.__new__(Socket)
        new.family = self.family
        new.kind = self.kind
        new.protocol = self.protocol
        new.tied = self.tied
        new.receive_timeout = self.receive_timeout
        new.send_timeout = self.send_timeout
        new.name = None
        new.peer = peer
        new.incoming = True
        new.listener_text = self.listener_text
        new.passes_credentials = self.passes_credentials
        return new


def new_descriptor(host_fd: int, socket: Socket, flags: int) -> Descriptor:
    """A descriptor for a host socket that has O_NONBLOCK; `flags` are the guest's SOCK_NONBLOCK and SOCK_CLOEXEC."""
    return Descriptor(
        host_fd,
        Description(
            "socket",
            Open.O_RDWR | flags & NONBLOCK,
            pollable=True,
            host_nonblocking=True,
            detail=socket,
        ),
        flags & CLOEXEC != 0,
    )


def host_option(thread: Thread, host_fd: int, option: int) -> int:
    """An int option of SOL_SOCKET from the host, or -errno."""
    scratch = thread.process.scratch
    scratch.words[NAME_LENGTH // 4] = 4
    result = kernel.call5(
        numbers.getsockopt, host_fd, SocketLevel.SOL_SOCKET, option, scratch.name, scratch.name_length
    )
    return result if result < 0 else scratch.words[NAME // 4]


def socket_of(thread: Thread, entry: Descriptor) -> Socket:
    """The socket under a descriptor; raises ENOTSOCK, EBADF (O_PATH). Inherited sockets are asked what they are, once."""
    description = entry.description
    detail = description.detail
    if isinstance(detail, Socket):
        return detail
    if detail is not None or description.kind not in ("inherited", "socket"):
        # An O_PATH descriptor is none for fdget (fs/file.c).
        raise OSError(errno.EBADF if description.flags & Open.O_PATH else errno.ENOTSOCK, "not a socket")
    facts = [
        host_option(thread, entry.host, option)
        for option in (SocketOption.SO_DOMAIN, SocketOption.SO_TYPE, SocketOption.SO_PROTOCOL)
    ]
    if facts[0] < 0:
        raise OSError(-facts[0], "not a socket")
    description.detail = socket = Socket(facts[0], facts[1], facts[2], tied=False)
    return socket


def lookup(thread: Thread, fd: int) -> tuple[Descriptor, Socket]:
    """The descriptor and socket behind a number; raises EBADF, ENOTSOCK (sockfd_lookup in net/socket.c)."""
    entry = thread.fds.get(fd)
    return entry, socket_of(thread, entry)


def read_name(thread: Thread, address: int, length: int) -> bytes:
    """A sockaddr from the guest; raises EINVAL, EFAULT (move_addr_to_kernel in net/socket.c). `length` is a C int."""
    if length < 0 or length > NAME_LIMIT:
        raise OSError(errno.EINVAL, "bad address length")
    return thread.memory.read(address, length) if length else b""


def write_name(thread: Thread, address: int, length_address: int, name: bytes) -> None:
    """A sockaddr to the guest, cut to the room it has; raises EFAULT, EINVAL (move_addr_to_user in net/socket.c).

    The length is stored first (Linux 6.18; older ones store it last), which shows when the two overlap or the name faults.
    """
    memory = thread.memory
    room = memory.u32(length_address)
    if room > 0x7FFFFFFF:
        raise OSError(errno.EINVAL, "negative address length")
    memory.put_u32(length_address, len(name))
    head = name[: min(room, len(name))]
    if head:
        memory.write(address, head)


def is_internet(socket: Socket) -> bool:
    """AF_INET or AF_INET6."""
    return socket.family in network.INTERNET


def is_unix(socket: Socket) -> bool:
    """AF_UNIX."""
    return socket.family == AddressFamily.AF_UNIX


def drop_text(thread: Thread, entry: Descriptor) -> None:
    """What the trace calls a socket has changed: bind, listen and connect come here."""
    description = entry.description
    for other in thread.fds.entries.values():
        if other.description is description:
            other.shown = None
