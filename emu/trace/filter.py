"""Filters over system calls, in strace's words: one filter chooses the same calls while they happen and in a saved trace."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from emu.places import Locate
from emu.trace import filter_words as words
from emu.trace.fields import live_source, saved_source
from emu.trace.filter_words import ALL, ERRNOS, NONE, Calls, FilterError, nearest
from emu.trace.processes import NAME, Processes
from emu.trace.where import Where
from syscalls.flags.signals import Signal
from syscalls.process import PID

__all__ = ["Filter", "FilterError"]

_SYNONYMS = {
    "t": "trace",
    "syscall": "trace",
    "syscalls": "trace",
    "fds": "fd",
    "objects": "object",
    "threads": "thread",
    "tid": "thread",
    "tids": "thread",
    "p": "pid",
    "pids": "pid",
    "process": "pid",
    "processes": "pid",
    "P": "path",
    "paths": "path",
    "s": "signal",
    "signals": "signal",
}
_STATUS = {
    "successful": "({ret} is not None and not -4096 < {ret} < 0)",
    "failed": "({ret} is not None and -4096 < {ret} < 0)",
    "unfinished": "({ret} is None)",
    "all": "True",
    "none": "False",
}
_OTHERS_OF_STRACE = frozenset(
    {
        "abbrev",
        "a",
        "verbose",
        "v",
        "raw",
        "x",
        "read",
        "reads",
        "r",
        "write",
        "writes",
        "w",
        "fault",
        "inject",
    }
    | {"quiet", "silent", "silence", "q", "decode-fds", "decode-fd", "decode-pids", "decode-pid", "kvm"}
)
_SIGNALS = {name: number for name, number in vars(Signal).items() if name.startswith("SIG")}
_SPANS = {
    "time": ("{began} + {lasted}", "{began}"),
    "duration": ("{lasted}",) * 2,
    "blocked": ("{waited}",) * 2,
}
"""What must not be below the range, and what not above it."""


class Filter:
    """Which system calls are wanted.

    `expressions` are strace's `-e` words: `trace=accept4,%network,/regex/`, `status=failed`, `fd=7`, `thread=2`,
    `time=0.5..2s`, `duration=10ms..`; without a name before the equals sign, `trace=` is meant. A call is chosen when it
    has, of each name that is given, one of the values (so `fd=3` and `fd=4` add up) and none of those behind a `!`, and
    fulfils every expression of `where` (`emu.trace.where`). `paths` are as `path=`. Events that are no system calls pass
    unless `thread`, `pid`, `time` or `signal` leave them out. `pid` takes numbers, and the names of programs: those are told
    by the events of the trace, which the filter therefore must see, and by its header (`begin`). Raises `FilterError`.
    """

    def __init__(
        self, expressions: Sequence[str] = (), *, paths: Sequence[str] = (), where: Sequence[str] = ()
    ) -> None:
        self._only: Calls | None = None
        self._without = NONE
        self._either: dict[str, list[str]] = {}
        self._neither: dict[str, list[str]] = {}
        self._scope: dict[str, Any] = {}
        self._where: list[Where] = []
        self._signals: Calls | None = None
        self._learns = True
        self.processes = Processes()
        """What is known of processes, for the names of their programs."""
        self._scope["program"] = lambda pid, time: self.processes.program(pid, time)
        for expression in expressions:
            self._add(expression)
        for path in paths:
            self._path(f"path {path}", path)
        for text in where:
            self._where.append(Where(text))
        self._matches = self.compiled("syscall", saved_source)
        self._passes = self.compiled("event", _event_source)

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """A line of such words: `trace=%network status=failed path=/tmp/x where="ret < 0"`. Raises `FilterError`."""
        try:
            found = shlex.split(text)
        except ValueError as error:
            raise FilterError(f"{text}: {str(error).lower()}") from None
        return cls(found)

    def begin(self, header: Mapping[str, Any], processes: Processes | None = None) -> None:
        """Takes the header of the trace that is to be filtered: it names the first process's program.

        `processes` is what is known of all of them already: then nothing is learnt from events.
        """
        self._learns = processes is None
        self.processes = processes if processes is not None else Processes(header)

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return bool(
            self.wanted is not None
            or self._either
            or self._neither
            or self._where
            or self._signals is not None
        )

    @property
    def wanted(self) -> Calls | None:
        """The numbers of the calls that can be chosen at all (ask with `in`); None: any. See `emu.trace.Sink`."""
        found = (self._only or ALL) - self._without if self._only is not None else ALL - self._without
        return None if found == ALL else found

    @property
    def tells_signals_apart(self) -> bool:
        """Whether other events than calls are chosen by more than their thread and time."""
        return self._signals is not None

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether a saved record is chosen, a system call or another event."""
        return self._matches(record) if record["event"] == "syscall" else self.passes(record)

    def passes(self, event: dict[str, Any]) -> bool:
        """Whether an event that is no system call is chosen; to be asked of each, in file order."""
        if self._learns:
            self.processes.event(event)
        if self._signals is not None and event["event"] in ("signal", "fault"):
            return event.get("signal") in self._signals
        return self._passes(event)

    def live(self, locate: Locate | None = None) -> Callable[[tuple[Any, ...]], bool]:
        """The same choice over tuples of `syscalls.table.Record`; `function`, `file` and `line` need `locate`."""
        return self.compiled("syscall", lambda name, scope: live_source(name, scope, locate))

    # Reading the words

    def _add(self, expression: str) -> None:
        name, equals, value = expression.partition("=")
        if not equals or name.startswith(("/", "!/")):
            if " " in expression.strip() and "/" not in expression:
                raise _unknown(name, expression)
            name, value = "trace", expression
        kind = _SYNONYMS.get(name, name)
        reader = _READERS.get(kind)
        if reader is None:
            raise _unknown(name, expression)
        reader(self, expression, value)

    def _trace(self, what: str, value: str) -> None:
        negated, chosen = words.calls(value, what=what)
        if negated:
            self._without = self._without | chosen
        else:
            self._only = chosen if self._only is None else self._only | chosen

    def _status(self, what: str, value: str) -> None:
        for negated, word in _items(value, what, "failed or EAGAIN"):
            if word in _STATUS:
                self._put("status", negated, _STATUS[word])
            elif word.upper() in ERRNOS:
                self._put("status", negated, f"({{ret}} == {self._constant(-ERRNOS[word.upper()])})")
            else:
                known = [*list(_STATUS)[:3], *ERRNOS]
                hint = (
                    nearest(word, known) or "; there are successful, failed, unfinished and names of errors"
                )
                raise FilterError(f"{what}: no such status: {word}{hint}")

    def _fd(self, what: str, value: str) -> None:
        for negated, word in _items(value, what, "7 or 3,4"):
            self._put("fd", negated, self._any_of("{descriptors}", words.integers(word, what, "7 or 3..5")))

    def _object(self, what: str, value: str) -> None:
        for negated, word in _items(value, what, "5"):
            self._put("object", negated, self._any_of("{numbers}", words.integers(word, what, "5 or 3..5")))

    def _thread(self, what: str, value: str) -> None:
        for negated, word in _items(value, what, "1002, or 2 for the second thread"):
            tids = words.integers(word, what, "1002, or 2 for the second thread")
            if 0 < tids.start < PID and tids.stop <= PID:  # ordinals: tids are given from PID on
                tids = range(tids.start + PID - 1, tids.stop + PID - 1)
            self._put("thread", negated, f"({{tid}} in {self._constant(tids)})")

    def _pid(self, what: str, value: str) -> None:
        for negated, word in _items(value, what, "1001, or sh"):
            if word.removeprefix("-")[:1].isdigit():
                pids = words.integers(word, what, "1001, or sh")
                if 0 < pids.start < PID and pids.stop <= PID:  # ordinals
                    pids = range(pids.start + PID - 1, pids.stop + PID - 1)
                self._put("pid", negated, f"({{pid}} in {self._constant(pids)})")
            else:
                self._put("pid", negated, f"({{program}} == {self._constant(word[:NAME])})")

    def _path(self, what: str, value: str) -> None:
        negated = value.startswith("!")
        path = value.removeprefix("!")
        if not path:
            raise FilterError(f"{what}: a path is expected")
        self._put("path", negated, f"{self._constant(_touches(path))}({{paths}})")

    def _span(self, what: str, value: str) -> None:
        kind = what.partition("=")[0]
        for negated, word in _items(value, what, "0.5..2s"):
            low, high = words.span(word, what)
            reaches, begins = _SPANS[kind]
            text = f"{reaches} >= {self._constant(low)}"
            if high is not None:
                text += f" and {begins} <= {self._constant(high)}"
            self._put(kind, negated, f"({text})")

    def _signal(self, what: str, value: str) -> None:
        chosen = NONE
        for negated, word in _items(value, what, "SIGSEGV or none"):
            name = word.upper() if word.upper().startswith("SIG") else f"SIG{word.upper()}"
            if word in ("all", "none"):
                one = ALL if word == "all" else NONE
            elif name in _SIGNALS:
                one = Calls([_SIGNALS[name]])
            else:
                raise FilterError(f"{what}: no such signal: {word}{nearest(name, _SIGNALS)}")
            if negated:
                chosen = (chosen if chosen.numbers or chosen.inverted else ALL) - one
            else:
                chosen = chosen | one
        self._signals = chosen

    def _expression(self, what: str, value: str) -> None:
        self._where.append(Where(value))

    # Making the function

    def _constant(self, value: Any) -> str:
        name = f"c{len(self._scope)}"
        self._scope[name] = value
        return name

    def _any_of(self, values: str, range_: range) -> str:
        if len(range_) == 1:
            return f"({self._constant(range_.start)} in {values})"
        return f"any([value in {self._constant(range_)} for value in {values}])"

    def _put(self, kind: str, negated: bool, text: str) -> None:
        (self._neither if negated else self._either).setdefault(kind, []).append(text)

    def compiled(self, event: str, source_of: "_SourceOf") -> Callable[[Any], bool]:
        """The whole filter as one function of a record; `event` is "syscall", or anything else for other events.

        `source_of(name, scope)` gives the Python source of a member over `record`, and puts what that needs into `scope`.
        """
        scope: dict[str, Any] = dict(self._scope)
        fast = self._sources(event, scope, careful=False)
        careful = self._sources(event, scope, careful=True)
        if not fast:
            return lambda record: True
        fields = _Fields(source_of, scope)
        body = f"""
def chosen(record):
    try:
        return {" and ".join(fast).format_map(fields)}
    except TypeError:
        return {" and ".join(careful).format_map(fields)}
"""
        exec(compile(body, "<filter>", "exec"), scope)
        found: Callable[[Any], bool] = scope["chosen"]
        return found

    def _sources(self, event: str, scope: dict[str, Any], *, careful: bool) -> list[str]:
        kinds = ("thread", "pid", "time") if event != "syscall" else tuple({**self._either, **self._neither})
        found = []
        if event == "syscall" and (calls := self.wanted) is not None:
            scope["calls"] = calls.numbers
            found.append(f"{{number}} {'not ' if calls.inverted else ''}in calls")
        for kind in sorted(kinds, key=_COST.index):
            if kind in self._either:
                anywhere = ["{tid} is None"] if event != "syscall" and kind == "thread" else []
                found.append("(" + " or ".join(anywhere + self._either[kind]) + ")")
            if kind in self._neither:
                found.append("not (" + " or ".join(self._neither[kind]) + ")")
        if event == "syscall":
            found += [f"bool({where.source(scope, careful=careful)})" for where in self._where]
        return found


_Reader = Callable[[Filter, str, str], None]
_READERS: dict[str, _Reader] = {
    "trace": Filter._trace,
    "status": Filter._status,
    "fd": Filter._fd,
    "object": Filter._object,
    "path": Filter._path,
    "thread": Filter._thread,
    "pid": Filter._pid,
    "time": Filter._span,
    "duration": Filter._span,
    "blocked": Filter._span,
    "signal": Filter._signal,
    "where": Filter._expression,
}
KINDS = tuple(_READERS)
"""What may stand before the equals sign."""

_COST = ("status", "thread", "pid", "duration", "blocked", "time", "fd", "object", "path")
"""The kinds of conditions, the cheapest first."""

_SourceOf = Callable[[str, dict[str, Any]], str]


class _Fields(dict[str, str]):
    """From the name of a member to its source, when it is asked for."""

    def __init__(self, source_of: _SourceOf, scope: dict[str, Any]) -> None:
        super().__init__()
        self._source_of = source_of
        self._scope = scope

    def __missing__(self, name: str) -> str:
        self[name] = found = self._source_of(name, self._scope)
        return found


def _event_source(name: str, scope: dict[str, Any]) -> str:
    """Members of events: those that an event lacks do not exclude it. (Only `thread`, `pid` and `time` ask.)"""
    return {
        "tid": "record.get('tid')",
        "pid": "record.get('pid')",
        "program": "program(record.get('pid'), record['time'])",
        "began": "record['time']",
        "lasted": "0",
    }[name]


def _items(value: str, what: str, example: str) -> Iterator[tuple[bool, str]]:
    """The words of a list with whether each is negated: by its own `!`, or by that in front of the list."""
    words_ = [word.strip() for word in value.removeprefix("!").split(",")]
    if not all(word.removeprefix("!") for word in words_):
        raise FilterError(f"{what}: a value is expected, such as {example}")
    for word in words_:
        yield value.startswith("!") or word.startswith("!"), word.removeprefix("!")


def _touches(path: str) -> Callable[[list[str]], bool]:
    """Whether one of some paths is this one, or below it where it ends in a slash."""
    folder = path if path.endswith("/") else None
    below = f"{path} (deleted)"

    def touches(paths: list[str]) -> bool:
        for found in paths:
            if found in (path, below) or (folder is not None and found.startswith(folder)):
                return True
        return False

    return touches


def _unknown(name: str, expression: str) -> FilterError:
    if name in _OTHERS_OF_STRACE:
        return FilterError(
            f"{expression}: {name}= is strace's, and not a filter here; there are {', '.join(KINDS)}"
        )
    if not name.replace("-", "").replace("_", "").isalnum() or " " in expression.strip():
        return FilterError(
            f'{expression}: not a filter; an expression is given with --where (or where="...")'
        )
    hint = nearest(name, [*KINDS, *_SYNONYMS])
    return FilterError(f"{expression}: no such filter: {name}={hint or ''}\nthere are {', '.join(KINDS)}")
