"""Filters over the columns of an index: most records are judged without being read."""

from collections.abc import Callable
from typing import Any

from emu.trace.columns import EVENT, NO_RESULT
from emu.trace.filter import Filter
from emu.trace.filter_words import NUMBERS
from emu.trace.index import Index
from emu.trace.schema import ERRORS

_CALLS = {
    "name": "name_list[names[record]]",
    "number": "number_of[name_list[names[record]]]",
    "ret": "result_of(results[record])",
    "result": "result_of(results[record])",
    "error": "errors(results[record])",
    "tid": "tids[record]",
    "pid": "pid_of(tids[record])",
    "program": "program_at(pid_of(tids[record]), times[record])",
    "began": "times[record]",
    "lasted": "(ends[record] - times[record])",
    "waited": "blocked[record]",
    "time": "(times[record] / 1e9)",
    "duration": "((ends[record] - times[record]) / 1e9)",
    "blocked": "(blocked[record] / 1e9)",
    "sequence": "sequences[record]",
}
"""Members of calls that the columns have, as source over `record`, the place of one in the index."""

_EVENTS = {
    "tid": "(tids[record] or None)",
    "pid": "event(record).get('pid')",
    "program": "program_at(event(record).get('pid'), times[record])",
    "began": "times[record]",
    "lasted": "0",
}


class _Numbers(dict[str, int]):
    """System call numbers by the names that a trace gives them; `syscall_0x1f4` for a number that no call has."""

    def __missing__(self, name: str) -> int:
        try:
            self[name] = number = int(name.removeprefix("syscall_"), 16)
        except ValueError:
            self[name] = number = -1
        return number


def on_columns(chosen: Filter, index: Index) -> Callable[[int], bool] | None:
    """The same choice as `chosen.matches(index[i])`, of `i`; None when the filter asks for what no column has."""
    if chosen.tells_signals_apart:
        return None
    scope: dict[str, Any] = {
        "names": index.names,
        "name_list": index.name_list,
        "number_of": _Numbers(NUMBERS),
        "result_of": _result_of,
        "errors": ERRORS.get,
        "event": index.__getitem__,
        "pid_of": index.processes.of_thread,
        "program_at": index.processes.program,
        **{
            name: getattr(index, name)
            for name in ("times", "ends", "blocked", "tids", "results", "sequences")
        },
    }

    def source_of(members: dict[str, str]) -> Callable[[str, dict[str, Any]], str]:
        def source(name: str, into: dict[str, Any]) -> str:
            into |= scope
            return members[name]

        return source

    try:
        calls = chosen.compiled("syscall", source_of(_CALLS))
        events = chosen.compiled("event", source_of(_EVENTS))
    except KeyError:
        return None
    kinds = index.kinds
    return lambda at: events(at) if kinds[at] == EVENT else calls(at)


def _result_of(value: int) -> int | None:
    return None if value == NO_RESULT else value
