"""SQLite: a database of the calls, for questions in SQL. The schema is told in docs/commands.md."""

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from emu.trace.export.flat import compact, rest_of
from emu.trace.export.output import APPLICATION
from emu.trace.processes import Process, Processes

SCHEMA_VERSION = 1
"""`PRAGMA user_version`: raised when a query for the old schema would misread the new one."""

TABLES = """
CREATE TABLE header (member TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE calls (
    id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, time INTEGER NOT NULL, duration INTEGER NOT NULL,
    blocked INTEGER NOT NULL, pid INTEGER NOT NULL, tid INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
    args TEXT NOT NULL, result INTEGER, error TEXT, unfinished INTEGER NOT NULL, woken_by INTEGER,
    pc INTEGER, function TEXT, file TEXT, line INTEGER
);
CREATE TABLE descriptors (
    call INTEGER NOT NULL REFERENCES calls (id), argument TEXT NOT NULL, fd INTEGER, object INTEGER, description TEXT
);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, event TEXT NOT NULL, time INTEGER NOT NULL, pid INTEGER, tid INTEGER, details TEXT NOT NULL
);
CREATE TABLE threads (
    pid INTEGER, tid INTEGER, parent INTEGER, started INTEGER, ended INTEGER, status INTEGER, PRIMARY KEY (pid, tid)
) WITHOUT ROWID;
CREATE TABLE processes (
    pid INTEGER, parent INTEGER, program TEXT NOT NULL, argv TEXT NOT NULL, started INTEGER, ended INTEGER,
    code INTEGER, signal INTEGER, reaped INTEGER
);
"""

VIEWS = """
CREATE INDEX calls_by_sequence ON calls (sequence);
CREATE INDEX calls_by_time ON calls (time);
CREATE INDEX calls_by_thread ON calls (tid, time);
CREATE INDEX calls_by_name ON calls (name, time);
CREATE INDEX calls_by_error ON calls (error) WHERE error IS NOT NULL;
CREATE INDEX descriptors_by_call ON descriptors (call);
CREATE INDEX descriptors_by_object ON descriptors (object, call);
CREATE INDEX descriptors_by_fd ON descriptors (fd, call);
CREATE VIEW arguments AS
    SELECT calls.id AS call, json_each.key AS name, json_each.value AS value FROM calls, json_each(calls.args);
CREATE VIEW summary AS
    SELECT name, count(*) AS calls, count(error) AS errors, sum(duration) AS duration, sum(blocked) AS blocked,
           sum(duration - blocked) AS busy, min(duration) AS shortest, max(duration) AS longest
    FROM calls GROUP BY name ORDER BY sum(duration) DESC;
CREATE VIEW failures AS
    SELECT name, error, count(*) AS calls, function, file, line
    FROM calls WHERE error IS NOT NULL GROUP BY name, error, function, file, line ORDER BY count(*) DESC;
CREATE VIEW objects AS
    SELECT object, max(description) AS description, count(DISTINCT call) AS calls,
           min(calls.time) AS first, max(calls.time + calls.duration) AS last
    FROM descriptors JOIN calls ON calls.id = descriptors.call WHERE object IS NOT NULL GROUP BY object;
"""
_CALL = "INSERT INTO calls VALUES (" + ", ".join("?" * 18) + ")"
_DESCRIPTOR = "INSERT INTO descriptors VALUES (?, ?, ?, ?, ?)"
_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
_BATCH = 1000


def write(records: Iterable[dict[str, Any]], header: dict[str, Any], out: BinaryIO) -> list[str]:
    """Writes the database; no notes. It is built beside the target first: SQLite writes nothing in order."""
    name = getattr(out, "name", None)
    beside = os.path.dirname(name) if isinstance(name, str) and os.path.isfile(name) else None
    with tempfile.TemporaryDirectory(prefix=".emu-sqlite-", dir=beside) as folder:
        path = Path(folder, "trace.db")
        with _failures_as_oserror():
            _build(path, records, header)
        with open(path, "rb") as file:
            shutil.copyfileobj(file, out, 1 << 20)
    return []


@contextlib.contextmanager
def _failures_as_oserror() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        number = errno.ENOSPC if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL" else errno.EIO
        raise OSError(number, str(error)) from None


def _build(path: Path, records: Iterable[dict[str, Any]], header: dict[str, Any]) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in (
            "journal_mode = OFF",  # a database that is not finished is thrown away
            "synchronous = OFF",
            f"application_id = {APPLICATION}",
            f"user_version = {SCHEMA_VERSION}",
        ):
            database.execute(f"PRAGMA {pragma}")
        database.executescript(TABLES)
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO header VALUES (?, ?)",
            [(_cell(name), value if type(value) is int else _cell(value)) for name, value in header.items()],
        )
        processes = Processes(header)
        _fill(database, records, processes)
        database.executemany(
            "INSERT INTO processes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_process, processes)
        )
        database.execute("COMMIT")
        database.executescript(VIEWS)
        database.execute("ANALYZE")


class _Rows:
    """Rows on their way, written many at a time."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.calls: list[tuple[Any, ...]] = []
        self.descriptors: list[tuple[Any, ...]] = []
        self.events: list[tuple[Any, ...]] = []

    def flush(self) -> None:
        for statement, rows in (
            (_CALL, self.calls),
            (_DESCRIPTOR, self.descriptors),
            (_EVENT, self.events),
        ):
            self._database.executemany(statement, rows)
            rows.clear()


def _fill(database: sqlite3.Connection, records: Iterable[dict[str, Any]], processes: Processes) -> None:
    rows = _Rows(database)
    threads: dict[tuple[Any, Any], list[Any]] = {}
    for number, record in enumerate(records, 1):
        if record["event"] == "syscall":
            _call(rows, number, record)
        else:
            row = (
                record["event"],
                record["time"],
                record.get("pid"),
                record.get("tid"),
                compact(rest_of(record)),
            )
            rows.events.append((number, _cell(row[0]), *row[1:]))
        _thread(threads, record)
        processes.add(record)
        if not number % _BATCH:
            rows.flush()
    rows.flush()
    database.executemany(
        "INSERT INTO threads VALUES (?, ?, ?, ?, ?, ?)",
        [(*key, *map(_cell, row)) for key, row in threads.items()],
    )


def _call(rows: _Rows, number: int, record: dict[str, Any]) -> None:
    get = record.get
    rows.calls.append(
        (
            number,
            record["sequence"],
            record["time"],
            record["duration"],
            record["blocked"],
            record["pid"],
            record["tid"],
            _cell(record["number"]),
            _cell(record["name"]),
            compact(record["args"]),
            _cell(record["result"]),
            _cell(get("error")),
            1 if get("unfinished") else 0,
            _cell(get("woken_by")),
            _cell(record["pc"]),
            _cell(get("function")),
            _cell(get("file")),
            _cell(get("line")),
        )
    )
    fds = get("fds")
    if not fds:
        return
    objects = get("objects") or {}
    args = record["args"]
    for argument, text in fds.items():
        object_ = objects.get(argument)
        if isinstance(text, dict):  # a set: by descriptor number
            known = object_ if isinstance(object_, dict) else {}
            for fd, one in text.items():
                value = int(fd) if fd.isascii() and fd.isdigit() else None
                rows.descriptors.append(
                    (number, _cell(argument), _cell(value), _cell(known.get(fd)), _cell(one))
                )
        else:
            value = record["result"] if argument == "result" else args.get(argument)
            rows.descriptors.append((number, _cell(argument), _cell(value), _cell(object_), _cell(text)))


def _process(one: Process) -> tuple[Any, ...]:
    return (
        one.pid, one.parent, _cell(one.name), _cell(one.argv), one.started, one.ended, _cell(one.code), _cell(one.signal),
        one.reaped,
    )  # fmt: skip


def _thread(threads: dict[tuple[Any, Any], list[Any]], record: dict[str, Any]) -> None:
    """Who was there: parent, start and end as far as the trace tells, the first call's time else."""
    tid = record.get("tid")
    if tid is None:
        return
    key = (record.get("pid"), tid)
    row = threads.get(key)
    if row is None:
        row = threads[key] = [None, record["time"], None, None]
    if record["event"] == "thread_start":
        row[0], row[1] = record.get("parent"), record["time"]
    elif record["event"] == "thread_end":
        row[2], row[3] = record["time"], record.get("status")


def _cell(value: Any) -> Any:
    """A value that SQLite can hold: text in UTF-8, 64-bit words as signed numbers, JSON for the rest."""
    kind = type(value)
    if kind is int and 1 << 63 <= value < 1 << 64:
        return value - (1 << 64)
    if value is None or (kind is int and -(1 << 63) <= value < 1 << 63):
        return value
    if kind is str:
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    return str(value) if kind is int else compact(value)
