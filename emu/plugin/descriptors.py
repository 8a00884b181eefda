"""Descriptors of a trace: numbers with a lifetime, from the call that opened one to the next call that opens it again.

A number that is used after its close still belongs to what it was last: that use is the mistake which tests look for.
The open file description behind it (what dup shares) is `Descriptor.object`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from emu.plugin.calls import TracedCall
from emu.trace.holdings import is_cloexec


class Descriptor:
    """One descriptor of the guest. `opened` is None for one that it was given (0, 1, 2), `closed` for one left open.

    `number` is the guest's in process `pid`, `object` that of the open file description in this trace, `calls` all calls that name
    it, in the order in which they began, the opening and the closing one and what came too late among them. What a process has
    from its maker is a descriptor of its own that it was given.
    """

    def __init__(self, number: int, object: int | None, text: str, pid: int = 0) -> None:
        self.number = number
        self.pid = pid
        self.cloexec = False
        self.object = object
        self.text = text
        self.opened: TracedCall | None = None
        self.closed: TracedCall | None = None
        self.calls: list[TracedCall] = []

    def __repr__(self) -> str:
        return f"<descriptor {self}>"

    def __str__(self) -> str:
        return f"{self.number} ({self.text})" if self.text else str(self.number)


class Descriptors:
    """All descriptors of a trace, in the order in which they came to be; `of(call)` are those that a call names."""

    def __init__(self, calls: Sequence[TracedCall], events: Sequence[dict[str, Any]] = ()) -> None:
        """`events` are those of processes (process_start, exec), in file order: they copy, share and close."""
        self._all: list[Descriptor] = []
        self._tables: dict[
            int, dict[int, Descriptor]
        ] = {}  # by process, by number, also when closed meanwhile
        self._execs = [call for call in calls if call.name in ("execve", "execveat") and call.result == 0]
        self._of: dict[int, list[Descriptor]] = {}
        self._previous: dict[int, int] = {}  # by call: the one before it in its thread
        latest: dict[int, int] = {}
        for call in calls:
            if call.tid in latest:
                self._previous[call.sequence] = latest[call.tid]
            latest[call.tid] = call.sequence
        ends = sorted(calls, key=lambda call: (call.record["time"] + call.record["duration"], call.sequence))
        at = 0
        waiting = [event for event in events if event["event"] in ("process_start", "exec")][::-1]
        for call in calls:  # what has returned before this one began comes first
            while waiting and waiting[-1]["time"] <= call.record["time"]:
                event = waiting.pop()
                while at < len(ends) and _end(ends[at]) <= event["time"]:
                    self._returned(ends[at])
                    at += 1
                self._event(event)
            while at < len(ends) and _ended_before(ends[at], call):
                self._returned(ends[at])
                at += 1
            self._began(call)
        for call in ends[at:]:
            self._returned(call)
        for descriptor in self._all:
            descriptor.calls.sort(key=lambda call: call.sequence)

    def __iter__(self) -> Iterator[Descriptor]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def of(self, call: TracedCall) -> list[Descriptor]:
        """The descriptors that a call was made with, or has made."""
        return self._of.get(call.sequence, [])

    def order(self) -> Iterator[tuple[int, int]]:
        """Pairs of calls of different threads, by sequence number, that descriptors order.

        Nothing succeeds on a descriptor before it is opened or after it is closed. A call that was in progress when another thread
        closed the descriptor has only begun before that.
        """
        for descriptor in self._all:
            opened, closed = descriptor.opened, descriptor.closed
            first: dict[int, int] = {}
            last: dict[int, TracedCall] = {}
            late: dict[int, int] = {}
            for call in descriptor.calls:
                if closed is not None and call.sequence > closed.sequence:
                    if call.error == "EBADF":
                        late.setdefault(call.tid, call.sequence)
                elif call is not closed and call.error != "EBADF":
                    first.setdefault(call.tid, call.sequence)
                    last[call.tid] = call
            if closed is not None:
                first.setdefault(closed.tid, closed.sequence)
                yield from (
                    (closed.sequence, sequence) for tid, sequence in late.items() if tid != closed.tid
                )
                for tid, call in last.items():
                    source = (
                        call.sequence if _ended_before(call, closed) else self._previous.get(call.sequence)
                    )
                    if tid != closed.tid and source is not None:
                        yield source, closed.sequence
            if opened is not None:
                yield from (
                    (opened.sequence, sequence) for tid, sequence in first.items() if tid != opened.tid
                )

    def _began(self, call: TracedCall) -> None:
        for name, objects in (call.record.get("objects") or {}).items():
            if name == "result":
                continue
            if isinstance(objects, dict):
                for number, object in objects.items():
                    if not _opens(call, name):
                        self._use(call, int(number), object, _text(call, name, number))
            else:
                number = call.record["args"].get(name)
                if isinstance(number, int) and number >= 0:
                    self._use(call, number, objects, _text(call, name))

    def _event(self, event: dict[str, Any]) -> None:
        pid, parent = event["pid"], event.get("parent")
        if event["event"] == "process_start" and type(parent) is int:
            table = self._table(parent)
            if event.get("files") != "shared":
                made = {}
                for number, one in table.items():
                    if one.closed is None:
                        copy = made[number] = Descriptor(number, one.object, one.text, pid)
                        copy.cloexec = one.cloexec
                        self._all.append(copy)
                table = made
            self._tables[pid] = table
        elif event["event"] == "exec":
            during = [call for call in self._execs if call.record["pid"] == pid]
            call = next((call for call in reversed(during) if call.record["time"] <= event["time"]), None)
            table = self._tables[pid] = dict(self._table(pid))
            for number, one in list(table.items()):
                if one.cloexec and one.closed is None and call is not None:
                    one.closed = call
                    self._note(one, call)
                elif one.cloexec:
                    del table[number]

    def _table(self, pid: int) -> dict[int, Descriptor]:
        return self._tables.setdefault(pid, {})

    def _use(self, call: TracedCall, number: int, object: int | None, text: str) -> None:
        found = self._table(call.pid).get(number)
        if found is None or (object is not None and found.object != object):
            if object is None:
                return  # a number that never was one
            found = self._enter(
                call, number, object, text
            )  # given to the guest, or opened by a call that was not traced
        if text:
            found.text = text
        self._note(found, call)

    def _returned(self, call: TracedCall) -> None:
        record = call.record
        if call.name == "close" and call.result is not None and call.error != "EBADF":
            for found in self.of(call):
                if self._table(call.pid).get(found.number) is found:
                    found.closed = call
        for name, objects in (record.get("objects") or {}).items():
            if not isinstance(objects, dict):
                if name == "result" and objects is not None and call.result is not None:
                    self._open(call, call.result, objects, _text(call, name))
            elif _opens(call, name) and call.succeeded:
                for number, object in objects.items():
                    if object is not None:
                        self._open(call, int(number), object, _text(call, name, number))
        if (
            call.name == "fcntl"
            and record["args"].get("cmd") in ("F_DUPFD", "F_DUPFD_CLOEXEC")
            and call.succeeded
        ):
            for original in list(self.of(call)):
                if original.object is not None and call.result is not None:
                    self._open(call, call.result, original.object, original.text)
        if call.name == "close_range" and call.succeeded:
            first, last = record["registers"][:2]
            for number, found in self._table(call.pid).items():
                if not first <= number <= last or found.closed is not None:
                    continue
                if "CLOSE_RANGE_CLOEXEC" in str(record["args"].get("flags")):
                    found.cloexec = True
                else:
                    found.closed = call
                    self._note(found, call)
        if call.name == "fcntl" and call.succeeded and record["args"].get("cmd") == "F_SETFD":
            for found in self.of(call):
                found.cloexec = "FD_CLOEXEC" in str(record["args"].get("arg"))

    def _open(self, call: TracedCall, number: int, object: int, text: str) -> None:
        before = self._table(call.pid).get(number)
        if before is not None and before.closed is None and call.name in ("dup2", "dup3"):
            before.closed = call
            self._note(before, call)
        found = self._enter(call, number, object, text)
        found.opened = call
        found.cloexec = is_cloexec(call.record)
        self._note(found, call)

    def _enter(self, call: TracedCall, number: int, object: int, text: str) -> Descriptor:
        found = self._table(call.pid)[number] = Descriptor(number, object, text, call.pid)
        self._all.append(found)
        return found

    def _note(self, descriptor: Descriptor, call: TracedCall) -> None:
        of = self._of.setdefault(call.sequence, [])
        if descriptor not in of:
            of.append(descriptor)
            descriptor.calls.append(call)


def _end(call: TracedCall) -> int:
    end: int = call.record["time"] + call.record["duration"]
    return end


def _ended_before(call: TracedCall, other: TracedCall) -> bool:
    end = _end(call)
    return end < other.record["time"] or (end == other.record["time"] and call.sequence < other.sequence)


def _opens(call: TracedCall, name: str) -> bool:
    """Whether the descriptors in an argument are new: those of pipe, socketpair, and of messages that are received."""
    return call.name in ("pipe", "pipe2", "socketpair", "recvmsg", "recvmmsg")


def _text(call: TracedCall, name: str, number: str | None = None) -> str:
    found: Any = (call.record.get("fds") or {}).get(name)
    if number is not None and isinstance(found, dict):
        found = found.get(number)
    return found if isinstance(found, str) else ""
