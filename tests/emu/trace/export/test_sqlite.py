"""SQLite: the tables hold what the records say, the views answer, and no database of somebody else is overwritten."""

import contextlib
import io
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from emu.trace.export import export
from emu.trace.export.output import ExportError
from emu.trace.read import Reader

HEADER = {"format": "emu trace", "version": 1, "argv": ["a", "b"], "pid": 1000, "seed": 0}


def call(sequence: int, name: str = "write", **more: Any) -> dict[str, Any]:
    return {
        "event": "syscall", "sequence": sequence, "time": 10 * sequence, "duration": 5, "blocked": 2, "pid": 1000,
        "tid": 1001, "number": 1, "name": name, "registers": [1, 0x7000, 3, 0, 0, 0],
        "args": {"fd": 7, "buf": "a\xff", "count": 3}, "fds": {"fd": "/tmp/a"}, "objects": {"fd": 2}, "result": 3,
        "pc": 0x401000, "function": "main", "file": "a.py", "line": 3, **more,
    }  # fmt: skip


def database(tmp_path: Path, *records: dict[str, Any]) -> sqlite3.Connection:
    export("sqlite", records, HEADER, tmp_path / "x.db")
    found = sqlite3.connect(tmp_path / "x.db")
    assert found.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return found


def test_a_call_is_a_row(tmp_path: Path) -> None:
    found = database(tmp_path, call(4), call(5, result=-32, error="EPIPE", woken_by=4))
    found.row_factory = sqlite3.Row
    first, second = (dict(row) for row in found.execute("SELECT * FROM calls ORDER BY id"))
    assert json.loads(first.pop("args")) == {"fd": 7, "buf": "a\xff", "count": 3}
    assert first == {
        "id": 1, "sequence": 4, "time": 40, "duration": 5, "blocked": 2, "pid": 1000, "tid": 1001, "number": 1,
        "name": "write", "result": 3, "error": None, "unfinished": 0, "woken_by": None, "pc": 0x401000,
        "function": "main", "file": "a.py", "line": 3,
    }  # fmt: skip
    assert (second["error"], second["woken_by"]) == ("EPIPE", 4)


def test_descriptors_sets_included(tmp_path: Path) -> None:
    polled = call(
        6, "poll", args={"ufds": []}, fds={"ufds": {"4": "eventfd", "9": None}}, objects={"ufds": {"4": 5}}
    )
    opened = call(7, "open", args={"filename": "x"}, fds={"result": "/x"}, objects={"result": 9})
    found = database(tmp_path, call(4), polled, opened)
    assert found.execute("SELECT * FROM descriptors ORDER BY call, fd").fetchall() == [
        (1, "fd", 7, 2, "/tmp/a"),
        (2, "ufds", 4, 5, "eventfd"),
        (2, "ufds", 9, None, None),
        (3, "result", 3, 9, "/x"),
    ]


def test_events_and_threads(tmp_path: Path) -> None:
    found = database(
        tmp_path,
        call(0, tid=1000),
        {"event": "thread_start", "time": 3, "pid": 1000, "tid": 1001, "parent": 1000},
        call(1),
        {"event": "thread_end", "time": 90, "pid": 1000, "tid": 1001, "status": 0},
        {"event": "process_end", "time": 99, "pid": 1000, "code": 0, "signal": None},
    )
    assert found.execute("SELECT * FROM threads").fetchall() == [
        (1000, 1000, None, 0, None, None),
        (1000, 1001, 1000, 3, 90, 0),
    ]
    assert found.execute("SELECT event, details FROM events").fetchall() == [
        ("thread_start", '{"parent":1000}'),
        ("thread_end", '{"status":0}'),
        ("process_end", '{"code":0,"signal":null}'),
    ]
    assert dict(found.execute("SELECT * FROM header"))["argv"] == '["a","b"]'


def test_the_views_answer(tmp_path: Path) -> None:
    found = database(tmp_path, call(1), call(2, result=-11, error="EAGAIN"), call(3, "read", duration=50))
    assert found.execute("SELECT name, calls, errors, duration, busy FROM summary").fetchall() == [
        ("read", 1, 0, 50, 48),
        ("write", 2, 1, 10, 6),
    ]
    assert found.execute("SELECT * FROM failures").fetchall() == [("write", "EAGAIN", 1, "main", "a.py", 3)]
    assert found.execute("SELECT * FROM objects").fetchall() == [(2, "/tmp/a", 3, 10, 80)]
    assert found.execute("SELECT value FROM arguments WHERE call = 1 AND name = 'buf'").fetchall() == [
        ("a\xff",)
    ]


def test_strange_values_find_a_place(tmp_path: Path) -> None:
    strange = call(
        1, number=(1 << 64) - 1, pc=1 << 63, line=10**30, function="\udcff", file=["x"], fds={"fd": "\udcff"},
        args={"fd": "\udcff"}, objects={"fd": 1 << 70}, woken_by="x",
    )  # fmt: skip
    found = database(tmp_path, strange, {"event": "\udcff", "time": 1, "x": "\udcff"})
    assert found.execute("SELECT number, pc, file FROM calls").fetchall() == [(-1, -(1 << 63), '["x"]')]


def test_only_our_own_databases_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    database(tmp_path, call(1)).close()
    assert database(tmp_path, call(1), call(2)).execute("SELECT count(*) FROM calls").fetchone() == (2,)
    path.unlink()
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE dear (x)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(ExportError, match="exists and is not a database of a trace"):
        export("sqlite", [call(1)], HEADER, path)
    assert path.read_bytes() == before


def test_a_stream_gets_the_database_too(tmp_path: Path) -> None:
    out = io.BytesIO()
    export("sqlite", [call(1)], HEADER, out)
    (tmp_path / "x.db").write_bytes(out.getvalue())
    with sqlite3.connect(tmp_path / "x.db") as found:
        assert found.execute("SELECT count(*) FROM calls").fetchone() == (1,)
    found.close()


def paper() -> str:
    path = Path(__file__).parent.parent.parent.parent.parent / "docs" / "commands.md"
    return path.read_text().split("\n### SQLite\n")[1]


def test_the_questions_of_the_paper_are_answered(conversation: Path, tmp_path: Path) -> None:
    reader = Reader(conversation)
    export("sqlite", reader, reader.header, tmp_path / "x.db")
    questions = re.findall(r"```sql\n(.*?)```", paper(), re.DOTALL)
    assert len(questions) == 3
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as found:
        for question in questions:
            assert found.execute(question).fetchall(), question


def test_the_schema_is_that_of_the_paper(tmp_path: Path) -> None:
    told = {
        name: re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", columns).split(":")[0])
        for name, columns in re.findall(r"^\| `(\w+)`(?: \(view\))? \| (.*) \|$", paper(), re.MULTILINE)
    }
    with contextlib.closing(database(tmp_path, call(1))) as found:
        names = [
            name
            for (name,) in found.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
        ]
        schema = {
            name: [row[1] for row in found.execute(f"PRAGMA table_info({name})")]
            for name in names
            if not name.startswith("sqlite_")
        }
    assert told == schema
