"""Records that are put aside come back as they were: all of them, or those about one open file."""

from typing import Any

from emu.viewer.html_spool import Spool


def call(sequence: int, **members: Any) -> dict[str, Any]:
    record = {
        "event": "syscall",
        "sequence": sequence,
        "time": 0,
        "duration": 0,
        "blocked": 0,
        "pid": 1,
        "tid": 1,
        "number": 0,
    }
    return (
        record
        | {"name": "read", "registers": [0] * 6, "args": {"buf": "\x00\n\u2028\ud800"}, "result": 0, "pc": 1}
        | members
    )


def test_all_and_again() -> None:
    records = [call(sequence) for sequence in range(5)] + [
        {"event": "thread_end", "time": 5, "tid": 1, "status": 0}
    ]
    with Spool() as spool:
        for record in records:
            spool.put(record)
        assert list(spool) == records
        assert list(spool) == records
        spool.clear()
        assert list(spool) == []
        spool.put(records[3])
        assert list(spool) == [records[3]]


def test_about_one_open_file() -> None:
    with Spool() as spool:
        spool.put(call(0, objects={"fd": 1}))
        spool.put(call(1, objects={"fd": 2, "result": 1}))
        spool.put(call(2, objects={"fds": {"3": 2, "4": None, "5": 2}}))
        spool.put(call(3))
        assert [record["sequence"] for record in spool.about(1)] == [0, 1]
        assert [record["sequence"] for record in spool.about(2)] == [1, 2]
        assert list(spool.about(9)) == []
