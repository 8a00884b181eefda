"""Argument types of sockets: addresses, messages with their buffers and control data, option values."""

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from syscalls import socket_data
from syscalls.args import PAYLOAD_LIMIT, STRUCT_LIMIT, Arg
from syscalls.data import Data, Deferred, WithFds, plain
from syscalls.describe import describe_all
from syscalls.flags.net import (
    Msg,
    Scm,
    SocketLevel,
)
from syscalls.messages import HEADER, LENGTH_AT, ROW
from syscalls.passing import parse
from syscalls.text import NO_TEXTS, array_text, fd_text, strace_text
from syscalls.types_files import IoVec, OutIoVec, vector_text
from syscalls.types_options import OPTION_NAMES

if TYPE_CHECKING:
    from syscalls.process import Thread

_NAME_LIMIT = 128
_FAMILY = 2  # bytes of sa_family
_vectors = IoVec("")
_filled_vectors = OutIoVec("")


class SockAddrIn(Arg):
    """A socket address that the call reads; `length` names the parameter with its size."""

    holds_bytes = True
    phase = "in"

    def __init__(self, length: str) -> None:
        self.uses = (length,)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        return _address(thread, value, used[0])

    def text(self, data: Data) -> str:
        return socket_data.address_text(data)


class SockAddrOut(Arg):
    """A socket address that the call fills in; `length` names the parameter that points to its size."""

    holds_bytes = True
    phase = "out"
    is_given = True

    def __init__(self, length: str) -> None:
        self.uses = (length, "result")

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value or used[1] < 0:
            return value or None
        try:
            length = thread.memory.u32(used[0])
            return Name(value, thread.memory.read(value, min(length, _NAME_LIMIT)))
        except OSError:
            return value

    def given(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        try:
            return thread.memory.u32(used[0])
        except OSError:
            return None

    def merged(self, given: Data, filled: Data) -> Data:
        if isinstance(filled, Name) and given is not None:
            return Name(filled.address, filled.raw[:given])
        return filled

    def text(self, data: Data) -> str:
        return socket_data.address_text(data)


class Name(Deferred):
    """A socket address as its bytes, and where it stands: an address too short for a family shows as its pointer."""

    __slots__ = ("address", "raw")

    def __init__(self, address: int, raw: bytes) -> None:
        self.address = address
        self.raw = raw

    def data(self) -> Data:
        return socket_data.address_data(self.raw) if len(self.raw) >= _FAMILY else self.address


def _address(thread: "Thread", value: int, length: int) -> Data:
    if not value:
        return None
    if length < _FAMILY:
        return value
    try:
        return socket_data.address_data(thread.memory.read(value, min(length, _NAME_LIMIT)))
    except OSError:
        return value


class SockLenInOut(Arg):
    """A pointer to a socklen_t: `[16]`, `[110 => 2]` where the call has changed it."""

    phase = "out"
    is_given = True

    def given(self, thread: "Thread", value: int, *used: int) -> Data:
        return self.capture(thread, value)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        try:
            return (thread.memory.u32(value) ^ 0x80000000) - 0x80000000
        except OSError:
            return [value]

    def merged(self, given: Data, filled: Data) -> Data:
        if type(given) is not int:
            return given[0] if given else None  # the pointer
        if type(filled) is not int or filled == given:
            return [given]
        return [given, filled]

    def text(self, data: Data) -> str:
        if isinstance(data, list):
            return "[" + " => ".join(map(str, data)) + "]"
        return hex(data) if isinstance(data, int) else strace_text(data)


def control_data(control: bytes) -> Data:
    """Control messages (cmsg(3)): level, type, and what they carry; the bytes themselves where they are malformed."""
    try:
        messages = parse(control)
    except OSError:
        return control[:PAYLOAD_LIMIT]
    shown: list[Data] = []
    for message in messages[:STRUCT_LIMIT]:
        length = CMSG_HEADER + len(message.data)
        one: dict[str, Data] = {"cmsg_len": length, "cmsg_level": SocketLevel.text(message.level)}
        data: Data = message.data[:PAYLOAD_LIMIT]
        if message.level == SocketLevel.SOL_SOCKET:
            one["cmsg_type"] = Scm.text(message.type)
            if message.type == Scm.SCM_RIGHTS:
                data = [number for (number,) in struct.iter_unpack("<i", data[: len(data) // 4 * 4])]
            elif message.type == Scm.SCM_CREDENTIALS and len(data) == 12:
                data = dict(zip(("pid", "uid", "gid"), struct.unpack("<iII", data), strict=True))
        else:
            names = OPTION_NAMES.get(message.level)
            one["cmsg_type"] = names.text(message.type) if names else message.type
            if len(data) == 4:
                data = list(struct.unpack("<i", data))
        one["cmsg_data"] = data
        shown.append(one)
    return shown


class MsgHdrIn(Arg):
    """A struct msghdr that the call reads: name, buffers with their bytes, control messages."""

    phase = "in"
    holds_fds = True

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        return _with_passed(thread, _message(thread, value, None)) if value else None

    def text(self, data: Data, texts: Mapping[int, str] = NO_TEXTS) -> str:
        return _message_text(data, texts)


class MsgHdrOut(Arg):
    """A struct msghdr that the call fills in; of the buffers what the result says."""

    phase = "out"
    holds_fds = True
    uses = ("result",)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value or used[0] < 0:
            return value or None
        return _with_passed(thread, _message(thread, value, used[0]))

    def text(self, data: Data, texts: Mapping[int, str] = NO_TEXTS) -> str:
        return _message_text(data, texts)


def _message(thread: "Thread", address: int, filled: int | None) -> Data:
    """`filled`: the bytes received, None for a message to send."""
    memory = thread.memory
    try:
        name, name_length, _, vectors, count, control, control_length, flags, _ = HEADER.unpack(
            memory.read(address, HEADER.size)
        )
    except OSError:
        return address
    shown: dict[str, Data] = {"msg_name": _address(thread, name, name_length), "msg_namelen": name_length}
    if filled is None:
        shown["msg_iov"] = _vectors.capture(thread, vectors, count)
    else:
        shown["msg_iov"] = _filled_vectors.capture(thread, vectors, count, filled)
    shown["msg_iovlen"] = count
    if control and control_length:
        try:
            shown["msg_control"] = control_data(memory.read(control, min(control_length, 4096)))
        except OSError:
            shown["msg_control"] = control
    shown["msg_controllen"] = control_length
    shown["msg_flags"] = Msg.text(flags)
    return shown


def _with_passed(thread: "Thread", data: Data) -> Data:
    """A message, or several, together with what its SCM_RIGHTS descriptors are."""
    fds: list[int] = []
    for one in data if isinstance(data, list) else [data]:
        header = one.get("msg_hdr", one) if isinstance(one, dict) else None
        control = header.get("msg_control") if isinstance(header, dict) else None
        for item in control if isinstance(control, list) else ():
            if item["cmsg_type"] == "SCM_RIGHTS":
                fds += item["cmsg_data"]
    return WithFds(data, fds, describe_all(thread, fds)) if fds else data


CMSG_HEADER = 16
"""sizeof(struct cmsghdr)."""


def _control_text(control: Data, texts: Mapping[int, str]) -> str:
    if not isinstance(control, list):
        return hex(control) if isinstance(control, int) else strace_text(control)
    parts = []
    for item in control:
        shown = strace_text(item["cmsg_data"])
        if item["cmsg_type"] == "SCM_RIGHTS":
            shown = "[" + ", ".join([fd_text(fd, texts) for fd in item["cmsg_data"]]) + "]"
        length = f"cmsg_len={item['cmsg_len']}, " if "cmsg_len" in item else ""
        kind = f"cmsg_level={item['cmsg_level']}, cmsg_type={item['cmsg_type']}"
        parts.append(f"{{{length}{kind}, cmsg_data={shown}}}")
    return array_text(parts, str)


def _message_text(data: Data, texts: Mapping[int, str]) -> str:
    if isinstance(data, int):
        return hex(data)
    if not isinstance(data, dict):
        return strace_text(data)
    parts = []
    for key, value in data.items():
        if key == "msg_name":
            shown = socket_data.address_text(value)
        elif key == "msg_control":
            shown = _control_text(value, texts)
        elif key == "msg_iov":
            shown = vector_text(value)
        else:
            shown = strace_text(value)
        parts.append(f"{key}={shown}")
    return "{" + ", ".join(parts) + "}"


class MsgVectorIn(Arg):
    """An array of struct mmsghdr to send, and how much of each was sent; `count` names the parameter with its size."""

    phase = "out"
    is_given = True
    holds_fds = True

    def __init__(self, count: str) -> None:
        self.uses = (count, "result")

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        """The lengths that the call has filled in."""
        if not value or used[1] < 0:
            return None
        rows = range(value, value + min(used[1], STRUCT_LIMIT) * ROW, ROW)
        try:
            return [thread.memory.u32(row + LENGTH_AT) for row in rows]
        except OSError:
            return None

    def merged(self, given: Data, filled: Data) -> Data:
        rows = plain(given)
        if isinstance(rows, list) and isinstance(filled, list):
            for one, length in zip(rows, filled, strict=False):
                one["msg_len"] = length
        return given

    def given(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        shown: list[Data] = []
        for row in range(value, value + min(used[0], STRUCT_LIMIT) * ROW, ROW):
            header = _message(thread, row, None)
            if header == value:
                return value
            shown.append({"msg_hdr": header})
        return _with_passed(thread, shown)

    def text(self, data: Data, texts: Mapping[int, str] = NO_TEXTS) -> str:
        return _vector_text(data, texts)


class MsgVectorOut(Arg):
    """An array of struct mmsghdr that the call fills in: as many as the result says."""

    phase = "out"
    uses = ("result",)
    holds_fds = True

    def text(self, data: Data, texts: Mapping[int, str] = NO_TEXTS) -> str:
        return _vector_text(data, texts)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value or used[0] < 0:
            return value or None
        shown = []
        for row in range(value, value + min(used[0], STRUCT_LIMIT) * ROW, ROW):
            try:
                length = thread.memory.u32(row + LENGTH_AT)
            except OSError:
                return value
            shown.append({"msg_hdr": _message(thread, row, length), "msg_len": length})
        return _with_passed(thread, shown)


def _vector_text(data: Data, texts: Mapping[int, str]) -> str:
    if not isinstance(data, list):
        return hex(data) if isinstance(data, int) else strace_text(data)

    def one_text(one: Data) -> str:
        length = f", msg_len={one['msg_len']}" if "msg_len" in one else ""
        return "{msg_hdr=" + _message_text(one["msg_hdr"], texts) + length + "}"

    return array_text(data, one_text)
