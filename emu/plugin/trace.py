"""What a test says about a trace: sentences that hold, or fail with an account of what happened instead."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from emu.plugin import account
from emu.plugin.calls import PLAIN, TracedCall
from emu.plugin.clock import Deadline
from emu.plugin.descriptors import Descriptor
from emu.plugin.golden import Golden
from emu.plugin.pattern import Step, parse, parse_step
from emu.plugin.search import groups, match, search
from emu.plugin.view import Kept, Source, View, on
from emu.trace.processes import NAME, Process
from emu.trace.read import Reader, line

PATIENCE = 5.0
"""Seconds that a statement about a running guest has to come true."""

Keep = Callable[[TracedCall], bool]


class Trace:
    """The calls of a guest, of which a test may say something.

    Of a guest that still runs, `expect` and `each_fd().is_closed()` wait until what they say is true, `timeout` seconds at
    most; `never` and `matches_golden` speak of what has happened when the guest has dealt with all that it was sent. Everything else speaks of this moment.
    """

    def __init__(
        self, source: Source, golden: Golden | None = None, keep: Keep | None = None, said: str = ""
    ) -> None:
        self._source = source
        self._golden = golden
        self._keep = keep
        self._said = said  # how the trace was narrowed, in words
        self._view: View | None = None
        self._unfinished: list[Never] = []

    @classmethod
    def of(cls, trace: str | Iterable[dict[str, Any]]) -> "Trace":
        """A saved trace: a file's path, or records. Raises OSError, `emu.trace.read.TraceError`."""
        if not isinstance(trace, str):
            return cls(Kept(trace))
        reader = Reader(trace)
        return cls(Kept(reader, reader.header))

    # Looking

    @property
    def records(self) -> list[dict[str, Any]]:
        """All records so far (docs/trace-format.md), events included."""
        return self._source.records()

    def calls(self, pattern: str = "*") -> list[TracedCall]:
        """The calls that match one step of a pattern, in the order in which they began; `*` are all, however they ended."""
        __tracebackhide__ = True
        view = self._now()
        if pattern == "*":
            return list(view.calls)
        step = parse_step(pattern)
        return [call for call in view.calls if step.matches(call)]

    def count(self, pattern: str) -> int:
        """How many calls match one step of a pattern."""
        __tracebackhide__ = True
        return len(self.calls(pattern))

    def errors(self, *names: str, but: Iterable[str] = ()) -> list[TracedCall]:
        """The calls that failed: with one of these errors (none named: any), `but` not with these."""
        left_out = {but} if isinstance(but, str) else set(but)
        return [
            call
            for call in self._now().calls
            if call.error and (not names or call.error in names) and call.error not in left_out
        ]

    def descriptors(self) -> list[Descriptor]:
        """The descriptors of the guest, in the order in which they came to be."""
        return list(self._now().descriptors)

    def threads(self) -> list[int]:
        """The threads that made calls, by number."""
        return sorted({call.tid for call in self._now().calls})

    def processes(self) -> list[Process]:
        """The processes, in the order in which they came to be; each with its pid, parent, program, argv, and how it ended."""
        return list(self._now().processes)

    def text(self) -> str:
        """The records as lines."""
        return "".join(f"{line(record, PLAIN)}\n" for record in self.records)

    def __iter__(self) -> Iterator[TracedCall]:
        return iter(self._now().calls)

    def __len__(self) -> int:
        return len(self._now().calls)

    # Narrowing

    def only(
        self,
        *,
        thread: int | None = None,
        process: int | str | Process | None = None,
        fd: int | None = None,
        since: int | TracedCall | None = None,
        until: int | TracedCall | None = None,
    ) -> "Trace":
        """The part of the trace that is of one thread, of one process, on one descriptor number, or between two calls or moments.

        `process` is a pid, or the name of a program: of all processes, what they did while they ran it.

        `since` and `until` are calls, which do not belong to it, or what `mark` gave: then the calls that have returned since.
        """
        words = []
        if thread is not None:
            words.append(f"in thread {thread}")
        if isinstance(process, Process):
            process = process.pid
        if process is not None:
            words.append(f"in process {process}")
        if fd is not None:
            words.append(f"on descriptor {fd}")
        if since is not None:
            words.append(f"since {_moment(since)}")
        if until is not None:
            words.append(f"until {_moment(until)}")
        outer = self._keep

        def keep(call: TracedCall) -> bool:
            return (
                (outer is None or outer(call))
                and thread in (None, call.tid)
                and (process is None or self._is_in(call, process))
                and (fd is None or fd in _numbers(call))
                and (since is None or _is_after(call, since))
                and (until is None or _is_before(call, until))
            )

        part = Trace(self._source, self._golden, keep, ", ".join(filter(None, [self._said, *words])))
        part._unfinished = self._unfinished
        return part

    def _is_in(self, call: TracedCall, process: int | str) -> bool:
        if isinstance(process, int):
            return call.pid == process
        known = self._now().processes
        return known.program(call.pid, call.record["time"]) == process[:NAME]

    def mark(self) -> int:
        """The moment when the guest has dealt with all that it was sent, for `only(since=...)`."""
        self._source.settle()
        return len(self._source.records())

    # Saying

    def expect(
        self,
        pattern: str,
        *,
        same_fd: bool = False,
        same_file: bool = False,
        same_thread: bool = False,
        exactly: bool = False,
        within: float | None = None,
        timeout: float = PATIENCE,
    ) -> list[TracedCall]:
        """Calls happened as in the pattern, each certainly after the one before it; returns them.

        `same_fd`: all on one descriptor, `same_file`: on one open file description, which dup shares, `same_thread`: in one
        thread; `exactly`: with `same_fd`, these are all calls on it that succeeded, but for polling. `within`: seconds from
        the beginning of the first to the end of the last.
        """
        __tracebackhide__ = True
        parsed = parse(pattern)
        if exactly and not same_fd:
            raise ValueError("exactly=True says which calls there are on one descriptor: add same_fd=True")
        how = account.How(same_fd, same_file, same_thread, exactly, within, self._said)
        deadline = Deadline(timeout)
        while True:
            view = self._now()
            found, attempts = search(view, parsed, how)
            if found.complete:
                return list(found.found)
            if not self._wait(view, deadline):
                raise AssertionError(account.of_expect(view, parsed, how, attempts))

    def never(self, pattern: str) -> "Never":
        """No call matches, at a point that the next words name: `.after("close", same_fd=True)`, `.before(...)`, `.at_all()`.

        Failed attempts count. Without a further word it is said of the whole trace, and checked when the test ends.
        """
        __tracebackhide__ = True
        self._source.settle()
        never = Never(self, parse_step(pattern))
        self._unfinished.append(never)
        return never

    def each_fd(self, kind: str = "", *, opened_by: str = "") -> "EachFd":
        """Every descriptor that the guest opened: those whose description begins with `kind`, opened by a call as in the pattern.

        The standard three and others that it was started with are not meant.
        """
        __tracebackhide__ = True
        return EachFd(self, kind, parse_step(opened_by) if opened_by else None)

    def matches_golden(self, name: str, *, by: str = "thread", noise: bool = False) -> None:
        """The trace is as in `golden/NAME.txt` beside the test; `pytest --emu-update` rewrites the file.

        `by="fd"` looks at it descriptor by descriptor instead of thread by thread; `noise` keeps the calls that only wait.
        """
        __tracebackhide__ = True
        if self._golden is None:
            raise ValueError("golden files belong to traces of the pytest fixture `emu`")
        self._source.settle()
        view = self._now()
        self._golden.check(view, name, by=by, noise=noise)

    def check_unfinished(self) -> None:
        """Raises AssertionError for a `never` that was left without a further word and is not true."""
        __tracebackhide__ = True
        while self._unfinished:
            self._unfinished[0].at_all()

    # Inside

    def _now(self) -> View:
        records = self._source.records()
        if self._view is None or len(self._view.records) != len(records):
            self._view = View(records, self._keep, self._source.header)
        return self._view

    def _wait(self, view: View, deadline: Deadline) -> bool:
        """Waits until there is more than in `view`; False when that is not to be expected any more."""
        while self._source.is_running() and not deadline.passed:
            self._source.wait(len(view.records), deadline.left)
            if len(self._source.records()) > len(view.records):
                return True
        return len(self._source.records()) > len(view.records)


class Never:
    """What must not have happened; the methods say when."""

    def __init__(self, trace: Trace, step: Step) -> None:
        self._trace = trace
        self._step = step

    def after(self, pattern: str, *, same_fd: bool = False, same_thread: bool = False) -> None:
        """Not certainly after a call as in the pattern."""
        __tracebackhide__ = True
        self._check("after", parse_step(pattern), None, same_fd, same_thread)

    def before(self, pattern: str, *, same_fd: bool = False, same_thread: bool = False) -> None:
        """Not certainly before a call as in the pattern."""
        __tracebackhide__ = True
        self._check("before", None, parse_step(pattern), same_fd, same_thread)

    def between(self, pattern: str, other: str, *, same_fd: bool = False, same_thread: bool = False) -> None:
        """Not certainly after a call as in the first pattern and before one as in the second that comes after that."""
        __tracebackhide__ = True
        self._check("between", parse_step(pattern), parse_step(other), same_fd, same_thread)

    def at_all(self) -> None:
        """Nowhere in the trace."""
        __tracebackhide__ = True
        self._check("at all", None, None, False, False)

    def _check(
        self, word: str, after: Step | None, before: Step | None, same_fd: bool, same_thread: bool
    ) -> None:
        __tracebackhide__ = True
        if self in self._trace._unfinished:
            self._trace._unfinished.remove(self)
        view = self._trace._now()
        found = []
        for descriptor, calls in groups(view, same_fd, same_thread):
            starts = [call for call in calls if after is not None and after.matches(call)]
            ends = [call for call in calls if before is not None and before.matches(call)]
            for call in calls:
                if not self._step.matches(call, attempts=True):
                    continue
                start = next((one for one in starts if view.before(one, call)), None)
                end = next((one for one in ends if view.before(call, one)), None)
                if (after is None or start is not None) and (before is None or end is not None):
                    found.append((descriptor, start, call, end))
        if found:
            raise AssertionError(
                account.of_never(view, self._step, word, after, before, same_fd, found, self._trace._said)
            )


class EachFd:
    """What every descriptor must fulfil."""

    def __init__(self, trace: Trace, kind: str, opened_by: Step | None) -> None:
        self._trace = trace
        self._kind = kind
        self._opened_by = opened_by

    def is_closed(self, timeout: float = PATIENCE) -> None:
        """The guest has closed it.

        A guest that runs, or was ended from outside, still has what it opened before it waited for the first time (its listening
        socket, its epoll, its log): that is not meant.
        """
        __tracebackhide__ = True
        deadline = Deadline(timeout)
        while True:
            view = self._trace._now()
            began = view.began_to_wait
            which = self._which(view)
            open_ = [
                one
                for one in which
                if one.closed is None and one.opened is not None and one.opened.sequence >= began
            ]
            if not open_ and not self._lacks(which):
                return
            if not self._trace._wait(view, deadline):
                self._refuse_none(view, which)
                raise AssertionError(account.of_open(open_, self._words()))

    def expect(self, pattern: str, *, exactly: bool = False, timeout: float = PATIENCE) -> None:
        """The calls on it happened as in the pattern (see `Trace.expect`)."""
        __tracebackhide__ = True
        parsed = parse(pattern)
        deadline = Deadline(timeout)
        how = account.How(True, False, False, exactly, None, self._words())
        while True:
            view = self._trace._now()
            which = self._which(view)
            attempts = [(one, match(view, on(view, one), parsed, how)) for one in which]
            wrong = [attempt for attempt in attempts if not attempt[1].complete]
            if not wrong and not self._lacks(which):
                return
            if not self._trace._wait(view, deadline):
                self._refuse_none(view, which)
                raise AssertionError(account.of_expect(view, parsed, how, wrong))

    def never(self, pattern: str) -> None:
        """No call on it is as in the pattern; failed attempts count."""
        __tracebackhide__ = True
        step = parse_step(pattern)
        self._trace._source.settle()
        view = self._trace._now()
        which = self._which(view)
        self._refuse_none(view, which)
        found = [
            (one, None, call, None)
            for one in which
            for call in on(view, one)
            if step.matches(call, attempts=True)
        ]
        if found:
            raise AssertionError(
                account.of_never(view, step, "at all", None, None, True, found, self._words())
            )

    def _which(self, view: View) -> list[Descriptor]:
        kept = {call.sequence for call in view.calls}
        return [
            one
            for one in view.descriptors
            if one.opened is not None
            and one.opened.sequence in kept
            and one.text.startswith(self._kind)
            and (self._opened_by is None or self._opened_by.matches(one.opened))
        ]

    def _lacks(self, which: list[Descriptor]) -> bool:
        """Whether descriptors of some kind are meant, and there are none: more likely a mistake than the truth."""
        return not which and bool(self._kind or self._opened_by)

    def _refuse_none(self, view: View, which: list[Descriptor]) -> None:
        __tracebackhide__ = True
        if self._lacks(which):
            raise AssertionError(account.of_none(view, self._words()))

    def _words(self) -> str:
        words = f"each {self._kind} descriptor" if self._kind else "each descriptor"
        if self._opened_by is not None:
            words += f" opened by {self._opened_by.text}"
        return ", ".join(filter(None, [words, self._trace._said]))


def _is_after(call: TracedCall, moment: int | TracedCall) -> bool:
    if isinstance(moment, TracedCall):
        return call.sequence > moment.sequence
    return call.position >= moment


def _is_before(call: TracedCall, moment: int | TracedCall) -> bool:
    if isinstance(moment, TracedCall):
        return call.sequence < moment.sequence
    return call.position < moment


def _moment(value: int | TracedCall) -> str:
    return f"the mark at {value}" if isinstance(value, int) else value.name


def _numbers(call: TracedCall) -> set[int]:
    """The descriptor numbers that a call names."""
    numbers: set[int] = set()
    for name, what in (call.record.get("fds") or {}).items():
        if isinstance(what, dict):
            numbers.update(map(int, what))
            continue
        value = call.result if name == "result" else call.record["args"].get(name)
        if isinstance(value, int):
            numbers.add(value)
    return numbers
