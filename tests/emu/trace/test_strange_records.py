"""Records that a reader lets pass, however strange: filters judge them, the summary counts them, lines show them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from emu.trace.call_text import entry_of, text_of
from emu.trace.fields import FIELDS
from emu.trace.filter import Filter
from emu.trace.layout import Form, Layout
from emu.trace.record import wrong_with
from emu.trace.summary import BY, Summary
from emu.trace.table import table

WRITE: dict[str, Any] = {
    "event": "syscall",
    "sequence": 4,
    "time": 10,
    "duration": 5,
    "blocked": 0,
    "pid": 1000,
    "tid": 1001,
    "number": 1,
    "name": "write",
    "registers": [1, 0x7000, 3, 0, 0, 0],
    "args": {"fd": 1, "buf": "a\xff", "count": 3},
    "fds": {"fd": "pipe"},
    "objects": {"fd": 3},
    "result": 3,
    "pc": 0x401000,
    "function": "main",
    "file": "a.c",
    "line": 3,
    "woken_by": 2,
    "stack": [{"pc": 1, "function": "main", "file": "a.c", "line": 3}],
}
FILTERS = [
    Filter(
        [
            "%desc",
            "status=failed,successful",
            "fd=1..9",
            "object=1..9",
            "path=/x,pipe",
            "thread=1..9",
            "time=0..9",
        ]
    ),
    Filter(["fd=!1", "object=!3", "path=!/x", "signal=SIGSEGV", "duration=..1", "blocked=..1"]),
    *[Filter(where=[f"{name} == 1 or {name} > 'x' or {name} in 'abc' or not {name}"]) for name in FIELDS],
    *[
        Filter(where=[text])
        for text in ("args.buf[0].x == 3", "len(args.buf) > 3", "fds.fd.startswith('p')", "objects.fd < 3")
    ],
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(WRITE)), json_values, max_size=3))
def test_no_record_is_too_strange(members: dict[str, Any]) -> None:
    record = {**WRITE, **members}
    if wrong_with(record):
        return
    for chosen in FILTERS:
        assert chosen.matches(record) in (True, False)
    for by in BY:
        summary = Summary(by)
        summary.add(record)
        assert all(line.isascii() and line.isprintable() for line in table(summary.rows(), by))
    layout = Layout(Form(times="clock us", durations=True, limit=2, column=40))
    if record["event"] != "syscall":
        line = layout.event(record) or ""
    else:
        line = layout.call(
            tid=record["tid"],
            began=record["time"],
            duration=record["duration"],
            blocked=record["blocked"],
            entry=entry_of(record),
            text=text_of(record, 2),
            result=record.get("result"),
            stack=record.get("stack") or (),
        )
    assert all(part.isascii() and part.isprintable() for part in line.split("\n"))
