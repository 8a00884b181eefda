"""Descriptor tables as the records of a trace tell them: which number stands on which open file, in which process, from when on.

fork(2) copies a table, CLONE_FILES shares one, unshare(2) takes a copy of its own, execve(2) closes what is close-on-exec, and the
end of the last thread that uses a table closes all that is in it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Call = dict[str, Any]

_CLOEXEC = re.compile(r"(?:^|\|)\w*CLOEXEC\b")
_MARKED: Final = ("flags", "type", "cmd")
"""The arguments in which a call says that what it makes is to be closed by execve."""

_ALWAYS: Final = frozenset({"pidfd_open", "clone", "clone3", "pidfd_getfd", "seccomp"})
"""The calls whose new descriptors are close-on-exec in any case (the man page of each)."""

_EXECS: Final = frozenset({"execve", "execveat"})
_EXITS: Final = frozenset({"exit", "exit_group"})
ENDS: Final = _EXITS | _EXECS
"""The calls that end a process, or the program that it ran, and so close descriptors."""


@dataclass(slots=True, eq=False)
class Holding:
    """A descriptor number while it stood on one open file. `fd` is the number in process `pid`.

    `opened` and `closed` are the sequence numbers of the calls that made and closed it: None where it was there before the
    trace, or is still open. What a process has from its maker is `inherited`, and was `opened` by the call that the maker has it from.
    `implicit` says that something else than the descriptor's own close ended it: dup2 over it, close_range, execve, and, for
    what was inherited, the end of the process: its exit, or the last call of one that was killed. `left`: the end of the process
    it was; what was not inherited counts as open then (`closed` is None).
    """

    pid: int
    fd: int
    object: int
    opened: int | None
    closed: int | None = None
    implicit: bool = False
    inherited: bool = False
    left: bool = False
    cloexec: bool = False


class _Table:
    """One table of descriptors, and the threads that use it."""

    __slots__ = ("changed", "open", "users")

    def __init__(self) -> None:
        self.open: dict[int, Holding] = {}
        self.changed: dict[int, int] = {}  # by number: the call that made or closed it last
        self.users: set[int] = set()


class Holdings:
    """All tables of a run. Feed it the records in file order; a subclass may hear of what begins (`began`) and ends (`ended`)."""

    def __init__(self) -> None:
        self._tables: dict[int, _Table] = {}  # by thread
        self._threads: dict[int, set[int]] = {}  # by process, those that live
        self._last: dict[int, int] = {}  # by process: its latest call
        self._executing: dict[
            int, int
        ] = {}  # by process: the thread of an execve whose record has not come yet
        self._executed: set[int] = set()  # processes with an execve whose event has not come yet

    def began(self, holding: Holding, call: Call | None) -> None:
        """A number stands on an open file; `call` made it, if one did."""

    def ended(self, holding: Holding, call: Call | None) -> None:
        """A number does not stand there any more; `call` ended it, if it is known."""

    def now(self, tid: int, pid: int) -> dict[int, Holding]:
        """The table of a thread at this point of the trace."""
        return self._table(tid, pid).open

    def event(self, event: Call) -> None:
        """Takes an event that is no call."""
        kind, pid, tid = event["event"], event.get("pid"), event.get("tid")
        if type(pid) is not int:
            return
        if kind == "process_start":
            self._started(event, pid, tid if type(tid) is int else pid)
        elif kind == "thread_start" and type(tid) is int:
            self._thread_started(event, pid, tid)
        elif kind == "thread_end" and type(tid) is int:
            self._threads.get(pid, set()).discard(tid)
        elif kind == "exec" and type(tid) is int:
            if pid in self._executed:
                self._executed.discard(pid)
            else:
                self._executing[pid] = tid
        elif kind == "process_end":
            self._process_ended(pid)

    def _started(self, event: Call, pid: int, tid: int) -> None:
        parent = event.get("parent")
        table = self._of_process(parent) if type(parent) is int else None
        if table is None:
            return
        self._threads[pid] = {tid}
        if event.get("files") == "shared":
            self._tables[tid] = table
            table.users.add(tid)
            return
        self._copied(table, pid, tid)

    def _thread_started(self, event: Call, pid: int, tid: int) -> None:
        parent = event.get("parent")
        table = self._table(parent if type(parent) is int else pid, pid)
        self._threads.setdefault(pid, {pid}).add(tid)
        if event.get("files") == "copied":
            self._copied(table, pid, tid)
        else:
            self._tables[tid] = table
            table.users.add(tid)

    def _copied(self, table: _Table, pid: int, tid: int) -> _Table:
        copy = self._tables[tid] = _Table()
        copy.users.add(tid)
        copy.changed = dict(table.changed)
        for fd, one in sorted(table.open.items()):
            copy.open[fd] = found = Holding(
                pid, fd, one.object, one.opened, inherited=True, cloexec=one.cloexec
            )
            self.began(found, None)
        return copy

    def _execute(self, pid: int, tid: int, call: Call | None) -> None:
        """execve(2): the table is the process's own, the other threads are gone, what was to be closed is closed."""
        table = self._own(tid, pid)
        for other in self._threads.get(pid, set()) - {tid, pid}:
            self._leaves(other, call)
        self._threads[pid] = {pid}
        if tid != pid:  # the thread has the number of the first one from now on
            self._leaves(pid, call)
            self._tables[pid] = self._tables.pop(tid)
            table.users = {pid}
        for one in [one for one in table.open.values() if one.cloexec]:
            self._close(table, one, call, implicit=True)

    def _process_ended(self, pid: int) -> None:
        for tid in [tid for tid in self._tables if tid == pid or tid in self._threads.get(pid, ())]:
            self._leaves(tid, None)
        self._threads.pop(pid, None)

    # Calls

    def call(self, record: Call) -> None:
        """Takes a system call."""
        objects, name = record.get("objects"), record["name"]
        tid, pid = record["tid"], record["pid"]
        self._last[pid] = record["sequence"]
        if pid in self._executing and name not in _EXECS:  # the execve itself is not in the trace
            self._execute(pid, self._executing.pop(pid), None)
        if name in _CHANGES:
            _CHANGES[name](self, record)
        if not objects:
            return
        made = list(made_by(record, objects))
        new = {argument for argument, *_ in made}
        table = self._table(tid, pid)
        for argument, fd, object, _ in shown_in(record, objects):
            if argument in new or fd is None:
                continue
            # A call that waited says what the number stood on when it began.
            known = table.open.get(fd)
            if (known is None or known.object != object) and record["sequence"] > table.changed.get(fd, -1):
                self._begin(table, Holding(pid, fd, object, None), None)
        self._closes(table, record, objects)
        marked = is_cloexec(record)
        for _, fd, object, _ in made:
            self._begin(table, Holding(pid, fd, object, record["sequence"], cloexec=marked), record)

    def _begin(self, table: _Table, holding: Holding, call: Call | None) -> None:
        before = table.open.get(holding.fd)
        if before is not None:
            if before.object == holding.object and call is None:
                return
            self._close(table, before, call, implicit=True)
        table.open[holding.fd] = holding
        if call is not None:
            table.changed[holding.fd] = call["sequence"]
        self.began(holding, call)

    def _close(
        self, table: _Table, holding: Holding, call: Call | None, *, implicit: bool, left: bool = False
    ) -> None:
        if call is not None:
            table.changed[holding.fd] = call["sequence"]
        if not left or holding.inherited:
            holding.closed = (
                call["sequence"] if call is not None else self._last.get(holding.pid) if left else None
            )
        holding.implicit, holding.left = implicit, left
        if table.open.get(holding.fd) is holding:
            del table.open[holding.fd]
        self.ended(holding, call)

    def _closes(self, table: _Table, record: Call, objects: dict[str, Any]) -> None:
        name, args = record["name"], record["args"]
        if name == "close" and record.get("error") != "EBADF" and not record.get("unfinished"):
            holding = table.open.get(_number(args.get("fd")))
            if holding is not None:
                self._close(table, holding, record, implicit=False)
        elif name in ("dup2", "dup3") and succeeded(record) and args.get("oldfd") != args.get("newfd"):
            holding = table.open.get(_number(args.get("newfd")))
            if holding is not None:
                self._close(table, holding, record, implicit=True)

    def _close_range(self, record: Call) -> None:
        if not succeeded(record):
            return
        flags = str(record["args"].get("flags"))
        tid, pid = record["tid"], record["pid"]
        table = self._own(tid, pid) if "CLOSE_RANGE_UNSHARE" in flags else self._table(tid, pid)
        first, last = (register & 0xFFFFFFFF for register in record["registers"][:2])
        for holding in [one for fd, one in table.open.items() if first <= fd <= last]:
            if "CLOSE_RANGE_CLOEXEC" in flags:
                holding.cloexec = True
            else:
                self._close(table, holding, record, implicit=True)

    def _fcntl(self, record: Call) -> None:
        args = record["args"]
        holding = self._table(record["tid"], record["pid"]).open.get(_number(args.get("fd")))
        if holding is not None and succeeded(record) and args.get("cmd") == "F_SETFD":
            holding.cloexec = "FD_CLOEXEC" in str(args.get("arg"))

    def _ioctl(self, record: Call) -> None:
        args = record["args"]
        holding = self._table(record["tid"], record["pid"]).open.get(_number(args.get("fd")))
        if holding is not None and succeeded(record) and args.get("request") in ("FIOCLEX", "FIONCLEX"):
            holding.cloexec = args["request"] == "FIOCLEX"

    def _unshare(self, record: Call) -> None:
        if succeeded(record) and "CLONE_FILES" in str(record["args"].get("flags")):
            self._own(record["tid"], record["pid"])

    def _exec(self, record: Call) -> None:
        if record["result"] != 0:
            return
        pid = record["pid"]
        if pid not in self._executing:
            self._executed.add(pid)
        self._execute(pid, self._executing.pop(pid, record["tid"]), record)

    def _exit(self, record: Call) -> None:
        """exit(2) ends a thread, exit_group(2) all of its process; the last user of a table closes what is in it."""
        tid, pid = record["tid"], record["pid"]
        threads = self._threads.setdefault(pid, {pid})
        ending = set(threads) | {tid} if record["name"] == "exit_group" else {tid}
        for one in ending:
            self._leaves(one, record)
        threads -= ending

    def _leaves(self, tid: int, call: Call | None) -> None:
        table = self._tables.pop(tid, None)
        if table is None:
            return
        table.users.discard(tid)
        if not table.users:
            for holding in list(table.open.values()):
                self._close(table, holding, call, implicit=True, left=True)

    # Tables

    def _table(self, tid: int, pid: int) -> _Table:
        """The table of a thread: one that the trace has not told of shares that of its process."""
        table = self._tables.get(tid)
        if table is None:
            table = self._of_process(pid) or _Table()
            self._tables[tid] = table
            table.users.add(tid)
            self._threads.setdefault(pid, {pid}).add(tid)
        return table

    def _of_process(self, pid: int) -> _Table | None:
        table = self._tables.get(pid)
        if table is not None:
            return table
        for tid in self._threads.get(pid, ()):
            if tid in self._tables:
                return self._tables[tid]
        return None

    def _own(self, tid: int, pid: int) -> _Table:
        """The table of a thread, which nobody shares any more."""
        table = self._table(tid, pid)
        if len(table.users) > 1:
            table.users.discard(tid)
            table = self._copied(table, pid, tid)
        return table

    def tables(self) -> Iterator[dict[int, Holding]]:
        """The tables that are in use at this point, each once."""
        seen = set()
        for table in self._tables.values():
            if id(table) not in seen:
                seen.add(id(table))
                yield table.open


_CHANGES = {
    "close_range": Holdings._close_range,
    "fcntl": Holdings._fcntl,
    "ioctl": Holdings._ioctl,
    "unshare": Holdings._unshare,
    **dict.fromkeys(_EXECS, Holdings._exec),
    **dict.fromkeys(_EXITS, Holdings._exit),
}


class Held(Holdings):
    """The descriptor tables of all processes: how often each object is held, and which ends of processes let go of what."""

    def __init__(self, let_go: Callable[[dict[str, Any] | None, int], None]) -> None:
        super().__init__()
        self._let_go = let_go
        self._held: dict[int, int] = {}

    def is_held(self, object: int) -> bool:
        """Whether some process has a descriptor on it, as far as is known."""
        return object in self._held

    def began(self, holding: Holding, call: dict[str, Any] | None) -> None:
        """See `Holdings.began`."""
        self._held[holding.object] = self._held.get(holding.object, 0) + 1

    def ended(self, holding: Holding, call: dict[str, Any] | None) -> None:
        """See `Holdings.ended`."""
        left = self._held.get(holding.object, 0) - 1
        if left > 0:
            self._held[holding.object] = left
        else:
            self._held.pop(holding.object, None)
        if call is None or call["name"] in ENDS:
            self._let_go(call, holding.object)


_RECEIVES: Final = frozenset({"recvmsg", "recvmmsg"})
_MESSAGES: Final = ("msg", "msgvec")
_DUPLICATES: Final = ("F_DUPFD", "F_DUPFD_CLOEXEC")
_ARRAYS: Final = {"pipe": "pipefd", "pipe2": "pipefd", "socketpair": "sv"}


def succeeded(record: Call) -> bool:
    """Whether a call returned, and no error."""
    result = record["result"]
    return type(result) is int and result >= 0


def is_cloexec(record: Call) -> bool:
    """Whether what a call has made is closed by execve(2)."""
    if record["name"] in _ALWAYS:
        return True
    args = record["args"]
    how = args.get("how")
    words: Iterable[Any] = [args.get(name) for name in _MARKED]
    if isinstance(how, dict):  # openat2
        words = [how.get("flags")]
    return any(isinstance(word, str) and _CLOEXEC.search(word) for word in words)


def made_by(record: Call, objects: dict[str, Any]) -> Iterator[tuple[str, int, int, str | None]]:
    """The descriptors that a call has made: argument, number, object, text."""
    args = record["args"]
    if not succeeded(record) or (record["name"] == "dup2" and args.get("oldfd") == args.get("newfd")):
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


def shown_in(record: Call, objects: dict[str, Any]) -> Iterator[tuple[str, int | None, int, str | None]]:
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


def _number(fd: Any) -> int:
    return fd if type(fd) is int else -1
