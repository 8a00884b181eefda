"""What a call has moved through a descriptor: the bytes that the trace kept, how many there were, and to or from whom."""

from collections.abc import Iterator
from typing import Any, NamedTuple

SENDS = frozenset({"write", "writev", "pwritev2", "sendto", "sendmsg", "sendmmsg", "sendfile"})
RECEIVES = frozenset({"read", "readv", "preadv2", "recvfrom", "recvmsg", "recvmmsg"})

LARGEST = 0x7FFFF000
"""The most that a call moves (MAX_RW_COUNT, read(2))."""

_LEFT_OUT = ("MSG_PEEK", "MSG_OOB", "MSG_ERRQUEUE")
"""What is received with these flags stays to be received, or is no part of the stream."""


class Transfer(NamedTuple):
    """`data` is the beginning of what was moved, `size` bytes in all. `address` is a sockaddr as in the trace, or None."""

    incoming: bool
    data: bytes
    size: int
    address: dict[str, Any] | None


def transfers(record: dict[str, Any]) -> Iterator[Transfer]:
    """What a system call has moved, whatever its arguments look like: one for most calls, several for sendmmsg."""
    name, result, args = record["name"], record["result"], record["args"]
    incoming = name in RECEIVES
    if result is None or not 0 <= result <= LARGEST or not (incoming or name in SENDS):
        return
    flags = args.get("flags")
    if incoming and type(flags) is str and any(flag in flags for flag in _LEFT_OUT):
        return
    if "msgvec" in args:
        vector = args["msgvec"]
        for one in vector[:result] if isinstance(vector, list) else ():
            if isinstance(one, dict) and isinstance(one.get("msg_hdr"), dict):
                size = one.get("msg_len")
                yield _message(incoming, one["msg_hdr"], size if type(size) is int and size >= 0 else None)
    elif isinstance(args.get("msg"), dict):
        yield _message(incoming, args["msg"], result)
    elif isinstance(args.get("iov"), list):
        yield Transfer(incoming, _gathered(args["iov"], result), result, None)
    else:
        address = args.get("src_addr" if incoming else "dest_addr")
        data = _bytes(args.get("buf"))[:result]
        yield Transfer(incoming, data, result, address if isinstance(address, dict) else None)


def _message(incoming: bool, message: dict[str, Any], size: int | None) -> Transfer:
    vectors = message.get("msg_iov")
    vectors = vectors if isinstance(vectors, list) else []
    if size is None:  # sendmmsg does not say: all of it
        size = sum(_length(vector) for vector in vectors)
    size = min(size, LARGEST)
    name = message.get("msg_name")
    return Transfer(incoming, _gathered(vectors, size), size, name if isinstance(name, dict) else None)


def _gathered(vectors: list[Any], size: int) -> bytes:
    """The bytes of an iovec array up to the first gap, `size` at most."""
    data = b""
    for vector in vectors:
        length = min(_length(vector), size - len(data))
        head = _bytes(vector.get("iov_base"))[:length] if isinstance(vector, dict) else b""
        data += head
        if len(head) < length:
            break
    return data


def _length(vector: Any) -> int:
    length = vector.get("iov_len") if isinstance(vector, dict) else 0
    return length if type(length) is int and length >= 0 else 0


def _bytes(data: Any) -> bytes:
    """A buffer as the trace shows it: text with a code point a byte, or an object where it was cut."""
    if isinstance(data, dict):
        data = data.get("bytes")
    return data.encode("latin-1", "replace") if isinstance(data, str) else b""
