"""struct msghdr between the guest and the host: names, vectors of buffers, control messages (sendmsg(2), recvmsg(2))."""

import ctypes
import errno
import struct
from typing import NamedTuple

from syscalls.process import Thread

HEADER = struct.Struct("<QiiQQQQii")
"""msg_name, msg_namelen, padding, msg_iov, msg_iovlen, msg_control, msg_controllen, msg_flags, padding."""

ROW = 64
"""sizeof(struct mmsghdr): a msghdr, msg_len at 56, padding."""

NAME_LENGTH_AT = 8
CONTROL_LENGTH_AT = 40
FLAGS_AT = 48
LENGTH_AT = 56

MAX_VECTORS = 1024
"""UIO_MAXIOV."""

MAX_RW_COUNT = 0x7FFFF000

_NAME = 64
_NAME_SIZE = 128
_VECTORS = _NAME + _NAME_SIZE
_VECTOR = struct.Struct("<QQ")
_CONTROL_LIMIT = 1 << 20


class Header(NamedTuple):
    """The guest's msghdr; `name` is 0 when there is none."""

    name: int
    name_length: int
    vectors: int
    vector_count: int
    control: int
    control_length: int


def read_header(thread: Thread, address: int) -> Header:
    """A msghdr from the guest; raises EFAULT, EINVAL (copy_msghdr_from_user in net/socket.c)."""
    name, name_length, _, vectors, count, control, control_length, _, _ = HEADER.unpack(
        thread.memory.read(address, HEADER.size)
    )
    if not name:
        name_length = 0
    if name_length < 0:
        raise OSError(errno.EINVAL, "negative address length")
    return Header(name, min(name_length, _NAME_SIZE), vectors, count, control, control_length)


def read_vectors(thread: Thread, address: int, count: int) -> list[tuple[int, int, int]]:
    """An array of iovec as (address, host address, size), at most MAX_RW_COUNT bytes in all; raises EMSGSIZE, EFAULT, EINVAL."""
    if count > MAX_VECTORS:
        raise OSError(errno.EMSGSIZE, "too many buffers")
    if not count:
        return []
    words = struct.unpack(f"<{count * 2}Q", thread.memory.read(address, count * 16))
    if any(size >> 63 for size in words[1::2]):
        raise OSError(errno.EINVAL, "negative buffer length")
    host = thread.memory.host
    left = MAX_RW_COUNT
    vectors = []
    for base, size in zip(words[::2], words[1::2], strict=True):
        taken = min(size, left)
        if size >> 47:
            raise OSError(errno.EFAULT, "a buffer beyond user memory")
        vectors.append((base, host(base), taken))
        left -= taken
    return vectors


class HostMessage:
    """A msghdr in host memory, over the guest's own buffers."""

    __slots__ = ("_pin", "_store", "address", "control_at", "control_room", "size", "vectors")

    def __init__(self, vectors: list[tuple[int, int, int]], control_room: int) -> None:
        self.vectors = vectors
        self.size = sum(size for _, _, size in vectors)
        self.control_at = _VECTORS + 16 * len(vectors)
        self.control_room = control_room
        self._store = bytearray(self.control_at + control_room + 8)
        self._pin = ctypes.c_char.from_buffer(self._store)
        self.address = ctypes.addressof(self._pin)

    def prepare(self, name: bytes | None, name_room: int, control: bytes | None, done: int) -> int:
        """Fills the header in for one host call, `done` bytes into the buffers; returns its host address.

        `name` is sent; with `name_room` an address is to be received. `control` is sent; None with a `control_room`
        receives.
        """
        store = self._store
        address = self.address
        at = _VECTORS
        count = 0
        for _, base, size in self.vectors:
            if done >= size and done:
                done -= size
                continue
            _VECTOR.pack_into(store, at, base + done, size - done)
            done = 0
            at += 16
            count += 1
        if name is not None:
            store[_NAME : _NAME + len(name)] = name
            name_room = len(name)
        if control is not None:
            store[self.control_at : self.control_at + len(control)] = control
        length = self.control_room if control is None else len(control)
        HEADER.pack_into(
            store,
            0,
            address + _NAME if name is not None or name_room else 0,
            name_room,
            0,
            address + _VECTORS,
            count,
            address + self.control_at if length else 0,
            length,
            0,
            0,
        )
        return address

    def received_name(self) -> bytes:
        """The address that a host call filled in."""
        length = int.from_bytes(self._store[NAME_LENGTH_AT : NAME_LENGTH_AT + 4], "little")
        return bytes(self._store[_NAME : _NAME + min(length, _NAME_SIZE)])

    def received_control(self) -> bytes:
        """The control messages that a host call filled in."""
        length = int.from_bytes(self._store[CONTROL_LENGTH_AT : CONTROL_LENGTH_AT + 8], "little")
        return bytes(self._store[self.control_at : self.control_at + length])

    def received_flags(self) -> int:
        """msg_flags after a host call."""
        return int.from_bytes(self._store[FLAGS_AT : FLAGS_AT + 4], "little")


def read_control(thread: Thread, header: Header) -> bytes:
    """The control messages to send; raises ENOBUFS, EFAULT."""
    if not header.control_length or not header.control:
        if header.control_length:
            raise OSError(errno.EFAULT, "no control buffer")
        return b""
    if header.control_length > _CONTROL_LIMIT:
        raise OSError(errno.ENOBUFS, "too much control data")
    return thread.memory.read(header.control, header.control_length)


def control_room(header: Header) -> int:
    """How much control data to receive at most: what the guest has room for, within reason."""
    return min(header.control_length, _CONTROL_LIMIT) if header.control else 0
