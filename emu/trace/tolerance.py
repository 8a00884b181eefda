"""What the world decides in a run, not the program: how often it is woken up, and in what pieces a stream arrives."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

_WAITS = frozenset({"poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"})
_CLOCKS = frozenset({"clock_gettime", "gettimeofday", "time", "times", "getrusage", "getcpu"})
_PASTIMES = frozenset({"sched_yield", "restart_syscall", "nanosleep", "clock_nanosleep", "pause"})
_DATA = frozenset(
    {"read", "readv", "recvfrom", "recvmsg", "recvmmsg", "write", "writev", "sendto", "sendmsg", "sendmmsg"}
    | {"accept", "accept4", "pread64", "preadv", "pwrite64", "pwritev", "connect"}
)
_COUNTERS = frozenset({"eventfd", "timerfd", "signalfd"})
_STREAMS = ("TCP", "UNIX STREAM", "pipe", "tty")
_IN = frozenset({"read", "readv", "recvfrom"})
_OUT = frozenset({"write", "writev", "sendto"})

MOST_PIECES = 4096
"""In how many pieces a stream may arrive until the comparison gives up."""


def is_wakeup(record: dict[str, Any]) -> bool:
    """Whether a call is one whose number and answers depend on timing alone, and that had an answer of that sort.

    These are: waiting for descriptors and futexes, attempts that had to be made again (EAGAIN, EINTR), yielding, sleeping, reading
    clocks, and what passes through eventfds and timerfds. A wait that failed otherwise (EBADF, EFAULT) is none.
    """
    name, error = record["name"], record.get("error")
    if name in _WAITS:
        return error in (None, "EINTR")
    if name == "futex":
        return error in (None, "EAGAIN", "EINTR", "ETIMEDOUT")
    if name in _PASTIMES or name in _CLOCKS:
        return error in (None, "EINTR")
    if name in _DATA:
        if error in ("EAGAIN", "EINTR", "ERESTARTSYS"):
            return True
        return error is None and name in ("read", "write") and _described(record) in _COUNTERS
    return False


def _described(record: dict[str, Any]) -> str:
    text = (record.get("fds") or {}).get("fd")
    return text if isinstance(text, str) else ""


class Piece(NamedTuple):
    """What one call moved through a stream: `size` bytes, of which the first are known."""

    known: bytes
    size: int


def piece(record: dict[str, Any]) -> Piece | None:
    """What a call moved through a stream of bytes; None when it is no such call, or moved nothing."""
    name, result = record["name"], record["result"]
    if (name not in _IN and name not in _OUT) or type(result) is not int or result <= 0:
        return None
    if not _described(record).startswith(_STREAMS) or "MSG_PEEK" in str(record["args"].get("flags")):
        return None
    known = b""
    buffers: Any = [{"iov_base": record["args"].get("buf")}]
    if "iov" in record["args"]:
        buffers = record["args"]["iov"]
    for buffer in buffers if isinstance(buffers, list) else ():
        data, size = _bytes(buffer.get("iov_base") if isinstance(buffer, dict) else None)
        known += data
        if len(data) < size:
            break
    return Piece(known[:result], result)


def _bytes(data: Any) -> tuple[bytes, int]:
    """What is known of a buffer, and its size."""
    if isinstance(data, str):
        return data.encode("latin-1", "replace"), len(data)
    if isinstance(data, dict) and isinstance(data.get("bytes"), str) and type(data.get("size")) is int:
        return data["bytes"].encode("latin-1", "replace"), data["size"]
    return b"", 1


def same_call(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two calls move bytes through a stream in the same direction, by the same call."""
    return bool(a["name"] == b["name"] and a["args"].get("flags") == b["args"].get("flags"))


Peek = Callable[[int], dict[str, Any] | None]
"""The record so many places further on; None when there is none."""


class Pieces(NamedTuple):
    """What made a stream equal: how many records were taken of each side; or the byte in which it differs."""

    a: int
    b: int
    differs_at: int | None = None


def same_stream(a: Peek, b: Peek) -> Pieces | None:
    """Tries to see the next bytes of a stream as equal although they came in other pieces; None when they are not.

    Both sides are read on, over wake-ups, with calls of the same kind on the same descriptor, until both have moved the
    same number of bytes.
    """
    sides = (_Side(a), _Side(b))
    if sides[0].first is None or sides[1].first is None or not same_call(sides[0].first, sides[1].first):
        return None
    for _ in range(MOST_PIECES):
        left, right = sides
        if left.total == right.total:
            return Pieces(left.taken, right.taken, _conflict(left.pieces, right.pieces))
        if not (left if left.total < right.total else right).more():
            return None
    return None


class _Side:
    def __init__(self, peek: Peek) -> None:
        self._peek = peek
        self.first = peek(0)
        self.taken = 1
        self.pieces: list[Piece] = []
        self.total = 0
        found = piece(self.first) if self.first is not None and self.first["event"] == "syscall" else None
        if found is None:
            self.first = None
        else:
            self._add(found)

    def _add(self, found: Piece) -> None:
        self.pieces.append(found)
        self.total += found.size

    def more(self) -> bool:
        """Takes the next call of the stream."""
        at = self.taken
        record = self._peek(at)
        while record is not None and record["event"] == "syscall" and is_wakeup(record):
            at += 1
            record = self._peek(at)
        if record is None or record["event"] != "syscall" or self.first is None:
            return False
        found = piece(record)
        if found is None or not same_call(self.first, record) or _object(record) != _object(self.first):
            return False
        self.taken = at + 1
        self._add(found)
        return True


def _object(record: dict[str, Any]) -> Any:
    return (record.get("objects") or {}).get("fd") or record["args"].get("fd")


def _conflict(a: Sequence[Piece], b: Sequence[Piece]) -> int | None:
    """The first byte that is known on both sides and differs."""
    left, right = _laid_out(a), _laid_out(b)
    i = j = 0
    while i < len(left) and j < len(right):
        (start, known), (other, data) = left[i], right[j]
        low, high = max(start, other), min(start + len(known), other + len(data))
        if low < high and known[low - start : high - start] != data[low - other : high - other]:
            return next(at for at in range(low, high) if known[at - start] != data[at - other])
        if start + a[i].size <= other + b[j].size:
            i += 1
        else:
            j += 1
    return None


def _laid_out(pieces: Sequence[Piece]) -> list[tuple[int, bytes]]:
    at, placed = 0, []
    for one in pieces:
        placed.append((at, one.known))
        at += one.size
    return placed
