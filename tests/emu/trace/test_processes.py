"""A trace of several processes: who made whom, and what lines, filters, summaries, indexes, exports and comparisons say of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from emu.trace import diff, strace
from emu.trace.export.chrome import write
from emu.trace.export.text import write as text
from emu.trace.filter import Filter, FilterError
from emu.trace.filter_columns import on_columns
from emu.trace.index import Index
from emu.trace.per_thread import ByThread
from emu.trace.processes import Processes, gathered
from emu.trace.schema import header
from emu.trace.summary import Summary

MAIN, SHELL, CAT = 1000, 1001, 1002
HEAD = header(program="/srv/sh", argv=["sh", "-c", "x"], pid=MAIN, started=0)


@pytest.fixture
def pipeline(run: Any) -> list[dict[str, Any]]:
    """A shell with a child that runs cat, one that exits with 3 and is never waited for, and a thread in the first."""
    run.call(MAIN, "getpid", MAIN, number=39)
    run.fork(CAT)
    run.event("exec", CAT, tid=CAT, program="/bin/cat", argv=["cat", "-u"])
    run.call(CAT, "read", 5, {"fd": 0}, pid=CAT, number=0)
    run.event("thread_start", CAT, tid=1005, parent=CAT)
    run.call(1005, "write", -9, {"fd": 1}, pid=CAT, error="EBADF")
    run.ends(CAT)
    run.event("signal", MAIN, tid=MAIN, signal=17, code=1, handler=4096, sender=CAT)
    run.call(MAIN, "wait4", CAT, {"upid": -1}, number=61)
    run.fork(SHELL, vfork=True)
    run.event("stopped", SHELL, signal=19)
    run.event("continued", SHELL, signal=18)
    run.ends(SHELL, 3)
    run.ends(MAIN)
    return list(run.records)


@pytest.fixture
def saved(pipeline: list[dict[str, Any]], tmp_path: Path) -> Path:
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in [HEAD, *pipeline]))
    return path


def test_who_made_whom_and_what_they_ran(pipeline: list[dict[str, Any]]) -> None:
    found = gathered(pipeline, HEAD)
    assert [(depth, one.label, one.ending) for depth, one in found.tree()] == [
        (0, "1000 sh", "exited with 0"),
        (1, "1002 cat", "exited with 0"),
        (1, "1001 sh", "exited with 3"),
    ]
    cat = found[CAT]
    assert (cat.argv, cat.threads, cat.parent) == (["cat", "-u"], [CAT, 1005], MAIN)
    assert found.program(CAT, 0) == "sh"
    assert found.program(CAT, 1 << 40) == "cat"
    assert found.program(7, 0) == ""
    assert [one.pid for one in found.unreaped()] == [SHELL]
    assert found[SHELL].vfork
    assert found.of_thread(1005) == CAT


def test_without_a_header_or_events_there_are_pids(pipeline: list[dict[str, Any]]) -> None:
    found = gathered([one for one in pipeline if one["event"] == "syscall"])
    assert sorted(one.pid for one in found) == [MAIN, SHELL, CAT]
    assert {one.name for one in found} == {""}
    assert not Processes().several


def test_one_who_ignores_sigchld_leaves_no_zombies(run: Any) -> None:
    run.call(MAIN, "rt_sigaction", 0, {"signum": "SIGCHLD", "act": {"sa_handler": "SIG_IGN"}})
    run.fork(CAT)
    run.ends(CAT)
    assert gathered(run.records, HEAD).unreaped() == []


def shown(records: list[dict[str, Any]], tmp_path: Path) -> list[str]:
    with open(tmp_path / "text", "w+b") as out:
        text(records, HEAD, out)
        out.seek(0)
        return out.read().decode().splitlines()


def test_lines_name_the_process_from_the_first_fork_on(
    pipeline: list[dict[str, Any]], tmp_path: Path
) -> None:
    lines = shown(pipeline, tmp_path)
    leaders = [line[: line.index("]") + 1] for line in lines]
    assert leaders[:4] == ["[1000]", "[1002]", "[1000]", "[1002 cat]"]
    assert lines[0].startswith("[1000]   0.000000 getpid(")
    assert "+++ process started by 1000 +++" in lines[1]
    assert "+++ runs /bin/cat +++" in lines[3]
    assert any(line.startswith("[1002/1005 cat]") for line in lines)
    assert any(line.startswith("[1000 sh]       ") and "wait4(" in line for line in lines)
    assert any("--- SIGCHLD {si_code=CLD_EXITED, si_pid=1002} to the handler" in line for line in lines)
    assert any("--- stopped by SIGSTOP ---" in line for line in lines)
    assert any("process started by 1000 (vfork)" in line for line in lines)


def test_one_process_is_shown_as_ever(run: Any, tmp_path: Path) -> None:
    run.call(MAIN, "getpid", MAIN, number=39)
    run.event("exec", MAIN, tid=MAIN, program="/bin/cat", argv=["cat"])
    run.ends(MAIN)
    assert all(line.startswith("[1000] ") for line in shown(run.records, tmp_path))


def test_as_strace_writes_it(pipeline: list[dict[str, Any]]) -> None:
    lines = [line.split(" ", 3)[-1] for line in strace.lines(pipeline, HEAD)]
    assert "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=1002, si_status=0} ---" in lines
    assert "--- stopped by SIGSTOP ---" in lines
    assert lines.count("+++ exited with 0 +++") == 2
    assert "+++ exited with 3 +++" in lines


@pytest.mark.parametrize(
    ("words", "pids"),
    [
        ("pid=1002", {CAT}),
        ("pid=2", {SHELL}),
        ("pid=1001..1002", {SHELL, CAT}),
        ("pid=cat", {CAT}),
        ("process=sh", {MAIN, SHELL}),
        ("pid=!1000", {SHELL, CAT}),
        ("pid=nothing", set()),
    ],
)
def test_filters_by_process(saved: Path, pipeline: list[dict[str, Any]], words: str, pids: set[int]) -> None:
    chosen = Filter.parse(words)
    chosen.begin(HEAD)
    found = [one for one in pipeline if chosen.matches(one)]
    assert {one["pid"] for one in found if one["event"] == "syscall"} == pids
    with Index(saved) as index:
        while index.advance(1):
            pass
        quick = on_columns(Filter.parse(words), index)
        assert quick is not None
        calls = [at for at in range(len(index)) if index[at]["event"] == "syscall"]
        assert [at for at in calls if quick(at)] == [at for at in calls if pipeline[at] in found]


def test_a_filter_that_is_none() -> None:
    with pytest.raises(FilterError, match="a value is expected, such as 1001, or sh"):
        Filter.parse("pid=")


def test_an_index_knows_the_processes(saved: Path) -> None:
    with Index(saved) as index:
        while index.advance(1):
            pass
        assert [one.label for _, one in index.processes.tree()] == ["1000 sh", "1002 cat", "1001 sh"]
        assert index.processes[CAT].reaped is not None


def test_a_summary_by_process(pipeline: list[dict[str, Any]]) -> None:
    counted = Summary("process")
    counted.begin(HEAD)
    for record in pipeline:
        counted.add(record)
    rows = {row.name: (row.calls, row.errors) for row in counted.rows("name")}
    assert rows == {"1000 sh": (5, 0), "1001 sh": (1, 0), "1002 cat": (3, 1)}


def test_chrome_names_each_process(pipeline: list[dict[str, Any]], tmp_path: Path) -> None:
    with open(tmp_path / "chrome", "w+b") as out:
        write(pipeline, HEAD, out)
        out.seek(0)
        events = json.load(out)["traceEvents"]
    names = [(one["pid"], one["args"]["name"]) for one in events if one["name"] == "process_name"]
    assert names == [(MAIN, "sh"), (CAT, "sh"), (CAT, "cat"), (SHELL, "sh")]


def renumbered(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with other pids."""
    table = {MAIN: 50, SHELL: 70, CAT: 60, 1005: 65}

    def other(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: other(one) for name, one in value.items()}
        return table.get(value, value) if type(value) is int else value

    return [other(one) | {"time": one["time"]} for one in records]


def test_comparing_matches_processes(saved: Path, pipeline: list[dict[str, Any]], tmp_path: Path) -> None:
    second = tmp_path / "second.jsonl"
    changed = renumbered(pipeline)
    for wrong in (False, True):
        if wrong:
            next(one for one in changed if one["pid"] == 70 and one["event"] == "process_end")["code"] = 4
        lines = [HEAD | {"pid": 50}, *changed]
        second.write_text("".join(json.dumps(one) + "\n" for one in lines))
        with ByThread(saved) as a, ByThread(second) as b:
            found = diff.compare(a, b)
        if not wrong:
            assert [(one.thread, one.differences) for one in found.divergences] == []
    (divergence,) = found.divergences
    assert divergence.thread == "process 3 (sh)"
    assert divergence.differences[0].where == ("code",)


def test_a_process_that_was_killed_in_a_call(scripts: Any, tmp_path: Path) -> None:
    """The signal and the call that it cut off stand in either order."""
    paths = []
    for first in (False, True):
        run = scripts()
        run.fork(CAT)
        reading = run.begin(CAT, "read", {"fd": 0}, pid=CAT, number=0)
        if first:
            run.event("signal", CAT, signal=15)
        run.end(reading, None, unfinished=True)
        if not first:
            run.event("signal", CAT, signal=15)
        run.event("process_end", CAT, code=None, signal=15)
        run.ends(MAIN)
        paths.append(tmp_path / f"{first}.jsonl")
        paths[-1].write_text("".join(json.dumps(one) + "\n" for one in [HEAD, *run.records]))
    with ByThread(paths[0]) as a, ByThread(paths[1]) as b:
        assert diff.compare(a, b).divergences == []
