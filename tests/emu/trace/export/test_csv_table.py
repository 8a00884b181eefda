"""CSV: any program that knows RFC 4180 reads it, and no spreadsheet runs what a guest wrote."""

import csv
import io
import json
from typing import Any

from emu.trace.export import export
from emu.trace.export.csv_table import COLUMNS

WRITE: dict[str, Any] = {
    "event": "syscall", "sequence": 4, "time": 10, "duration": 5, "blocked": 2, "pid": 1000, "tid": 1001,
    "number": 1, "name": "write", "registers": [1, 0x7000, 3, 0, 0, 0],
    "args": {"fd": 7, "buf": 'a"\xff,\r\n', "count": 3}, "fds": {"fd": "/tmp/a,b"}, "objects": {"fd": 2},
    "result": -32, "error": "EPIPE", "pc": 0x401000, "function": "main", "file": "a.py", "line": 3,
}  # fmt: skip


def table(*records: dict[str, Any]) -> list[dict[str, str]]:
    out = io.BytesIO()
    assert export("csv", records, {}, out) == []
    text = out.getvalue().decode()
    assert text.count("\r\n") == 1 + len(records), "a row a line: what data has in it is escaped by JSON"
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(tuple(row) == COLUMNS for row in rows)
    return rows


def test_a_call_is_a_row() -> None:
    (row,) = table(WRITE)
    assert json.loads(row.pop("args")) == WRITE["args"]
    assert row == {
        "event": "syscall", "sequence": "4", "time": "10", "duration": "5", "blocked": "2", "pid": "1000", "tid": "1001",
        "name": "write", "fd": "7", "descriptor": "/tmp/a,b", "object": "2", "result": "-32", "error": "EPIPE",
        "unfinished": "", "woken_by": "", "function": "main", "file": "a.py", "line": "3",
    }  # fmt: skip


def test_a_new_descriptor_and_a_set_of_them() -> None:
    opened = {
        **WRITE,
        "args": {"filename": "x"},
        "fds": {"result": "/x"},
        "objects": {"result": 9},
        "result": 3,
    }
    polled = {**WRITE, "args": {"fds": []}, "fds": {"fds": {"4": "eventfd"}}, "objects": {"fds": {"4": 5}}}
    rows = table(opened, polled)
    assert (rows[0]["fd"], rows[0]["descriptor"], rows[0]["object"]) == ("3", "/x", "9")
    assert (rows[1]["fd"], rows[1]["descriptor"], rows[1]["object"]) == ("", "", "")


def test_other_events_and_calls_that_did_not_return() -> None:
    rows = table(
        {"event": "process_end", "time": 3, "pid": 1, "code": 0, "signal": None},
        {**WRITE, "result": None, "unfinished": True, "woken_by": 3},
    )
    assert json.loads(rows[0]["args"]) == {"code": 0, "signal": None}
    assert (rows[1]["result"], rows[1]["unfinished"], rows[1]["woken_by"]) == ("", "1", "3")


def test_what_a_sheet_would_run_is_disarmed() -> None:
    evil = '=HYPERLINK("http://127.0.0.1/","x")'
    (row,) = table({**WRITE, "function": evil, "file": "@x", "fds": {"fd": "-1+2"}})
    assert row["function"] == "'" + evil
    assert row["file"] == "'@x"
    assert row["descriptor"] == "'-1+2"
    assert row["result"] == "-32", "a number is a number"


def test_names_that_are_no_utf8() -> None:
    (row,) = table({**WRITE, "fds": {"fd": "/tmp/\udcff"}, "args": {"fd": 7, "p": "\udcff"}})
    assert row["descriptor"] == "/tmp/\\udcff"
    assert json.loads(row["args"]) == {"fd": 7, "p": "\udcff"}
