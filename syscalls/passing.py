"""Descriptors and credentials in the control messages of Unix sockets (unix(7), SCM_RIGHTS and SCM_CREDENTIALS).

The numbers in SCM_RIGHTS are the guest's on one side and the host's on the other. A description that comes back to the
guest that sent it is the same `Description` again, so that its O_NONBLOCK and its state stay shared, as they are in the
kernel: it is found by kcmp(2) among the open ones, else by inode among those that were sent.
"""

import errno
import os
import stat
import struct
from typing import NamedTuple

from syscalls import kernel, numbers
from syscalls.fds import Description, Descriptor
from syscalls.flags.files import Open
from syscalls.flags.net import Msg, Scm, SocketLevel
from syscalls.process import Thread

_HEADER = struct.Struct("<Qii")  # struct cmsghdr: length with the header, level, type
_CREDENTIALS = struct.Struct("<iII")
_REMEMBERED = 1024
_KCMP_FILE = 0
_F_GETFL = 3

_ALLOWED = {
    SocketLevel.SOL_SOCKET: (Scm.SCM_RIGHTS, Scm.SCM_CREDENTIALS, Scm.SO_TIMESTAMPING, Scm.SCM_TXTIME),
    SocketLevel.SOL_IP: (1, 2, 8),  # IP_TOS, IP_TTL, IP_PKTINFO
    SocketLevel.SOL_IPV6: (11, 50, 52, 62, 67),  # FLOWINFO, PKTINFO, HOPLIMIT, DONTFRAG, TCLASS
    SocketLevel.SOL_UDP: (103,),  # UDP_SEGMENT
}
"""What a guest may say in control messages; marks and source routes need privilege or lead out of its network."""

_PRIVILEGED = (36, 83)  # SO_MARK, SCM_DEVMEM...: EPERM


class Message(NamedTuple):
    """One control message."""

    level: int
    type: int
    data: bytes


def parse(control: bytes) -> list[Message]:
    """The messages in a control buffer; raises EINVAL as CMSG_OK (include/linux/socket.h) says."""
    messages: list[Message] = []
    at = 0
    while at + _HEADER.size <= len(control):
        length, level, kind = _HEADER.unpack_from(control, at)
        if length < _HEADER.size or length > len(control) - at:
            raise OSError(errno.EINVAL, "bad control message")
        messages.append(Message(level, kind, control[at + _HEADER.size : at + length]))
        at += (length + 7) & ~7
    return messages


def build(messages: list[Message], room: int) -> bytes:
    """The control buffer of these messages, at most `room` bytes (the last one's padding may be cut)."""
    out = bytearray()
    for message in messages:
        out += _HEADER.pack(_HEADER.size + len(message.data), message.level, message.type)
        out += message.data
        out += bytes(-len(out) % 8)
    return bytes(out[:room])


class Passed:
    """Descriptions that were sent, by what identifies their file on the host."""

    def __init__(self) -> None:
        self._sent: dict[tuple[int, int, int], Description] = {}

    def remember(self, host_fd: int, description: Description) -> None:
        """Notes a description that is being sent."""
        key = _identity(host_fd)
        if key is None:
            return
        if len(self._sent) >= _REMEMBERED:
            del self._sent[next(iter(self._sent))]
        self._sent[key] = description

    def find(self, host_fd: int) -> Description | None:
        """The description of a received host descriptor, if it was sent from here."""
        key = _identity(host_fd)
        return None if key is None else self._sent.get(key)


def _identity(host_fd: int) -> tuple[int, int, int] | None:
    """What tells an open file from others: device, inode, access mode. None when nothing does."""
    facts = os.fstat(host_fd)
    mode = kernel.call3(numbers.fcntl, host_fd, _F_GETFL, 0) & Open.O_ACCMODE
    if facts.st_mode & 0o170000:
        # The same regular file may have been opened twice; pipes and sockets have one description an end.
        return None if stat.S_ISREG(facts.st_mode) else (facts.st_dev, facts.st_ino, mode)
    with open(f"/proc/self/fdinfo/{host_fd}", "rb") as info:  # all anonymous inodes are one inode
        for line in info:
            if line.startswith(b"eventfd-id:"):
                return (-1, int(line.split()[1]), mode)
            if line.startswith(b"tfd:"):  # an epoll: a signalfd's, if its member hands back what those do
                data = int(line.split(b"data:")[1].split()[0], 16)
                return (-2, data, mode) if data >> 32 == os.getpid() else None
    return None


def passed(thread: Thread) -> Passed:
    """The memory of the thread's run, made at its first use."""
    here = thread.process.network
    if here.passed is None:
        here.passed = Passed()
    found = here.passed
    assert isinstance(found, Passed)
    return found


def outgoing(thread: Thread, control: bytes, is_unix: bool) -> bytes:
    """The guest's control messages as the host has to get them; raises EINVAL, EBADF, EPERM, ETOOMANYREFS."""
    messages = []
    for message in parse(control):
        if message.level == SocketLevel.SOL_SOCKET and is_unix:
            if message.type == Scm.SCM_RIGHTS:
                message = message._replace(data=_outgoing_descriptors(thread, message.data))
            elif message.type == Scm.SCM_CREDENTIALS:
                message = message._replace(data=_outgoing_credentials(thread, message.data))
        elif not is_unix:
            if message.level == SocketLevel.SOL_SOCKET and message.type in _PRIVILEGED:
                raise OSError(errno.EPERM, "needs privilege")
            allowed = _ALLOWED.get(message.level)
            if allowed is not None and message.type not in allowed:
                raise OSError(errno.EINVAL, "unknown control message")
        messages.append(message)
    return build(messages, len(control))


def _outgoing_descriptors(thread: Thread, data: bytes) -> bytes:
    guest = struct.unpack(f"<{len(data) // 4}i", data[: len(data) // 4 * 4])
    if len(guest) > 253:  # SCM_MAX_FD
        raise OSError(errno.EINVAL, "too many descriptors")
    memory = passed(thread)
    hosts = []
    for fd in guest:
        entry = thread.fds.get(fd)
        memory.remember(entry.host, entry.description)
        hosts.append(entry.host)
    return struct.pack(f"<{len(hosts)}i", *hosts)


def _outgoing_credentials(thread: Thread, data: bytes) -> bytes:
    process = thread.process
    if len(data) != _CREDENTIALS.size:
        raise OSError(errno.EINVAL, "bad credentials")
    if _CREDENTIALS.unpack(data) != (process.pid, process.uid, process.gid):
        raise OSError(errno.EPERM, "somebody else's credentials")
    return _CREDENTIALS.pack(os.getpid(), os.getuid(), os.getgid())


def own_credentials(thread: Thread, data: bytes) -> bytes:
    """A struct ucred from the host, with the guest's numbers in place of the bench's."""
    pid, uid, gid = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])
    process = thread.process
    if pid != os.getpid():
        return data
    return _CREDENTIALS.pack(
        process.pid, process.uid if uid == os.getuid() else uid, process.gid if gid == os.getgid() else gid
    )


def incoming(thread: Thread, control: bytes, room: int, flags: int) -> tuple[bytes, int]:
    """The host's control messages as the guest has to see them, and MSG_CTRUNC when descriptors were lost.

    The host descriptors in them are installed in the guest's table. `room` is the size of the guest's buffer.
    """
    messages = []
    lost = 0
    for message in parse(control):
        if message.level == SocketLevel.SOL_SOCKET and message.type == Scm.SCM_RIGHTS:
            data, complete = _incoming_descriptors(thread, message.data, flags & Msg.MSG_CMSG_CLOEXEC != 0)
            if not complete:
                lost = Msg.MSG_CTRUNC
            if not data:
                continue
            message = message._replace(data=data)
        elif message.level == SocketLevel.SOL_SOCKET and message.type == Scm.SCM_CREDENTIALS:
            message = message._replace(data=own_credentials(thread, message.data))
        messages.append(message)
    return build(messages, room), lost


def _incoming_descriptors(thread: Thread, data: bytes, cloexec: bool) -> tuple[bytes, bool]:
    hosts = struct.unpack(f"<{len(data) // 4}i", data)
    fds = thread.fds
    numbers_given: list[int] = []
    for index, host in enumerate(hosts):
        try:
            fds.lowest_free()
        except OSError:
            for rest in hosts[index:]:
                os.close(rest)
            return struct.pack(f"<{len(numbers_given)}i", *numbers_given), False
        numbers_given.append(fds.add(Descriptor(host, _description(thread, host), cloexec)))
    return struct.pack(f"<{len(numbers_given)}i", *numbers_given), True


def _description(thread: Thread, host_fd: int) -> Description:
    own = os.getpid()
    seen: set[int] = set()
    for entry in thread.fds.entries.values():
        description = entry.description
        if id(description) in seen:
            continue
        seen.add(id(description))
        same = kernel.call5(numbers.kcmp, own, own, _KCMP_FILE, host_fd, entry.host)
        if same == 0:
            return description
        if same < 0:  # forbidden here: the other way has to do
            break
    return passed(thread).find(host_fd) or _foreign(host_fd)


def _foreign(host_fd: int) -> Description:
    """A description for an open file that somebody outside the guest sent: its own O_NONBLOCK counts."""
    mode = os.fstat(host_fd).st_mode
    status = kernel.call3(numbers.fcntl, host_fd, _F_GETFL, 0)
    nonblocking = status & Open.O_NONBLOCK != 0
    regular = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    kind = "inherited"
    if stat.S_ISREG(mode):
        kind = "file"
    elif stat.S_ISDIR(mode):
        kind = "directory"
    return Description(
        kind,
        status & (Open.O_ACCMODE | Open.O_APPEND | Open.O_NONBLOCK),
        path=os.readlink(f"/proc/self/fd/{host_fd}") if not regular else "",
        pollable=not regular,
        host_nonblocking=nonblocking,
    )
