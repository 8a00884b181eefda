"""The lives of open files: from the call that opened one to the last close, and which descriptor numbers it had when."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Holding", "Life", "descriptors", "leaks", "lives"]


@dataclass(slots=True)
class Holding:
    """A descriptor number while it stood on one open file. `fd` is the number in process `pid`.

    `opened` and `closed` are the sequence numbers of the calls that made and closed it: None where it was there before the
    trace, or is still open. `implicit` says that something else than the descriptor's own close ended it: dup2 over it,
    close_range, the end of the process.
    """

    pid: int
    fd: int
    object: int
    opened: int | None
    closed: int | None = None
    implicit: bool = False


@dataclass(slots=True)
class Life:
    """An open file description (open(2)), duplicates included.

    `kind_text` is what it was last shown as. `opened` is the call that made it (None: it was there before), `closed`
    the one that closed its last descriptor (None: it was open at the end); what is on its way in a message
    (SCM_RIGHTS) may come back to life after that. `fds` are the numbers that it had, `calls` the calls on it, by
    sequence numbers in file order, `holdings` its numbers with their times.
    """

    object: int
    kind_text: str
    opened: int | None = None
    closed: int | None = None
    fds: set[int] = field(default_factory=set)
    calls: list[int] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)


def lives(records: Iterable[dict[str, Any]]) -> list[Life]:
    """The life of each open file that the records tell of, by the numbers of `objects`.

    Only a trace with `objects` tells; one with some calls left out may tell of closes too late, or not at all: a number that
    turns up on another object was closed, but not by a call that is there.
    """
    table = _Table()
    for record in records:
        if record["event"] == "syscall":
            table.call(record)
    return [table.lives[object] for object in sorted(table.lives)]


def descriptors(found: Iterable[Life]) -> list[Holding]:
    """Every descriptor number by number, and in the order in which it was used."""
    holdings = [holding for life in found for holding in life.holdings]
    return sorted(holdings, key=lambda one: (one.pid, one.fd, -1 if one.opened is None else one.opened))


def leaks(found: Iterable[Life]) -> list[Life]:
    """The lives that the guest began and that still had a number at the end."""
    return [
        life
        for life in found
        if life.opened is not None and any(holding.closed is None for holding in life.holdings)
    ]


class _Table:
    """The descriptor table as the records tell it."""

    def __init__(self) -> None:
        self.lives: dict[int, Life] = {}
        self._open: dict[tuple[int, int], Holding] = {}
        self._held: dict[int, int] = {}  # by object: how many descriptors
        self._changed: dict[tuple[int, int], int] = {}  # by number: the call that made or closed it last

    def call(self, record: dict[str, Any]) -> None:
        objects = record.get("objects")
        name = record["name"]
        if not objects:
            if name == "close_range":
                self._close_range(record)
            return
        made = list(_made(record, objects))
        new = {argument for argument, *_ in made}
        for argument, fd, object, text in _shown(record, objects):
            life = self._life(object, text, record["sequence"])
            if argument in new or fd is None:
                continue
            # A call that waited says what the number stood on when it began.
            number = record["pid"], fd
            known = self._open.get(number)
            if (known is None or known.object != object) and record["sequence"] > self._changed.get(
                number, -1
            ):
                self._begin(*number, life, None)
        self._closes(record, objects)
        for _, fd, object, text in made:
            life = self._life(object, text, record["sequence"])
            if not life.holdings and life.opened is None and len(life.calls) == 1:
                life.opened = record["sequence"]
            self._begin(record["pid"], fd, life, record["sequence"])

    def _life(self, object: int, text: str | None, sequence: int) -> Life:
        life = self.lives.get(object)
        if life is None:
            life = self.lives[object] = Life(object, text or "")
        elif text and text != life.kind_text:
            life.kind_text = text
        if not life.calls or life.calls[-1] != sequence:
            life.calls.append(sequence)
        return life

    def _begin(self, pid: int, fd: int, life: Life, opened: int | None) -> None:
        before = self._open.get((pid, fd))
        if before is not None:
            if before.object == life.object and opened is None:
                return
            self._end(before, opened, implicit=True)
        holding = Holding(pid, fd, life.object, opened)
        self._open[pid, fd] = holding
        if opened is not None:
            self._changed[pid, fd] = opened
        self._held[life.object] = self._held.get(life.object, 0) + 1
        life.holdings.append(holding)
        life.fds.add(fd)
        life.closed = None

    def _end(self, holding: Holding, sequence: int | None, *, implicit: bool) -> None:
        holding.closed = sequence
        holding.implicit = implicit
        if sequence is not None:
            self._changed[holding.pid, holding.fd] = sequence
        self._open.pop((holding.pid, holding.fd), None)
        left = self._held[holding.object] = self._held[holding.object] - 1
        life = self.lives[holding.object]
        if not left:
            life.closed = sequence
            del self._held[holding.object]
        if sequence is not None and life.calls[-1] != sequence:
            life.calls.append(sequence)

    def _closes(self, record: dict[str, Any], objects: dict[str, Any]) -> None:
        name, args = record["name"], record["args"]
        if name == "close" and record.get("error") != "EBADF" and not record.get("unfinished"):
            holding = self._holding(record, args.get("fd"))
            if holding is not None:
                self._end(holding, record["sequence"], implicit=False)
        elif name in ("dup2", "dup3") and _succeeded(record) and args.get("oldfd") != args.get("newfd"):
            holding = self._holding(record, args.get("newfd"))
            if holding is not None:
                self._end(holding, record["sequence"], implicit=True)
        elif name == "close_range":
            self._close_range(record)

    def _close_range(self, record: dict[str, Any]) -> None:
        if not _succeeded(record) or "CLOSE_RANGE_CLOEXEC" in str(record["args"].get("flags")):
            return
        first, last = (register & 0xFFFFFFFF for register in record["registers"][:2])
        pid = record["pid"]
        for holding in [
            one for (owner, fd), one in self._open.items() if owner == pid and first <= fd <= last
        ]:
            self._end(holding, record["sequence"], implicit=True)

    def _holding(self, record: dict[str, Any], fd: Any) -> Holding | None:
        return self._open.get((record["pid"], fd)) if type(fd) is int else None


_RECEIVES: Final = frozenset({"recvmsg", "recvmmsg"})
_MESSAGES: Final = ("msg", "msgvec")
_DUPLICATES: Final = ("F_DUPFD", "F_DUPFD_CLOEXEC")
_ARRAYS: Final = {"pipe": "pipefd", "pipe2": "pipefd", "socketpair": "sv"}


def _succeeded(record: dict[str, Any]) -> bool:
    result = record["result"]
    return type(result) is int and result >= 0


def _made(record: dict[str, Any], objects: dict[str, Any]) -> Iterator[tuple[str, int, int, str | None]]:
    """The descriptors that a call has made: argument, number, object, text."""
    args = record["args"]
    if not _succeeded(record) or (record["name"] == "dup2" and args.get("oldfd") == args.get("newfd")):
        return
    fds = record.get("fds") or {}
    if type(objects.get("result")) is int:
        text = fds.get("result")
        yield "result", record["result"], objects["result"], text if type(text) is str else None
    elif record["name"] == "fcntl" and args.get("cmd") in _DUPLICATES:
        text = fds.get("fd")
        if type(objects.get("fd")) is int:
            yield "result", record["result"], objects["fd"], text if type(text) is str else None
    arguments = [_ARRAYS[record["name"]]] if record["name"] in _ARRAYS else []
    if record["name"] in _RECEIVES:
        arguments += _MESSAGES
    for argument in arguments:
        for fd, object, text in _members(objects.get(argument), fds.get(argument)):
            yield argument, fd, object, text


def _shown(
    record: dict[str, Any], objects: dict[str, Any]
) -> Iterator[tuple[str, int | None, int, str | None]]:
    """The open files that a call's arguments name: argument, number where it is known, object, text."""
    fds, args = record.get("fds") or {}, record["args"]
    for argument, object in objects.items():
        if type(object) is int:
            fd, text = args.get(argument), fds.get(argument)
            yield (
                argument,
                fd if type(fd) is int and fd >= 0 else None,
                object,
                text if type(text) is str else None,
            )
        else:
            for number, one, text in _members(object, fds.get(argument)):
                yield argument, number, one, text


def _members(objects: Any, texts: Any) -> Iterator[tuple[int, int, str | None]]:
    """An argument that holds several descriptors: number, object, text."""
    if not isinstance(objects, dict):
        return
    texts = texts if isinstance(texts, dict) else {}
    for fd, object in objects.items():
        if type(object) is int and fd.isascii() and fd.isdigit() and len(fd) < 12:
            text = texts.get(fd)
            yield int(fd), object, text if type(text) is str else None
