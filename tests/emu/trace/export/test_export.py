"""Exports in general: a file is there whole or not at all, nothing dear is overwritten, failures are one line."""

import errno
import io
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.trace.export import FORMATS, export
from emu.trace.export.output import ExportError
from emu.trace.read import Reader, wrong_with

HEADER = {"format": "emu trace", "version": 1, "pid": 1000, "started": 1_700_000_000_000_000_000}
WRITE: dict[str, Any] = {
    "event": "syscall", "sequence": 4, "time": 10, "duration": 5, "blocked": 0, "pid": 1000, "tid": 1001,
    "number": 1, "name": "write", "registers": [1, 0x7000, 3, 0, 0, 0],
    "args": {"fd": 1, "buf": "a\xff", "count": 3}, "fds": {"fd": "pipe"}, "objects": {"fd": 2}, "result": 3,
    "pc": 0x401000,
}  # fmt: skip
SEND = {**WRITE, "fds": {"fd": "TCP 127.0.0.1:80<-127.0.0.1:5000"}}
END = {"event": "process_end", "time": 20, "pid": 1000, "code": 0, "signal": None}


class Full(io.RawIOBase):
    """A disk that is full after the first 4 KiB."""

    room = 4096

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "no room")
        written = min(self.room, len(data))
        self.room -= written
        return written


def breaking(after: Exception) -> Iterator[dict[str, Any]]:
    yield WRITE
    raise after


@pytest.mark.parametrize("format", FORMATS)
def test_every_form_is_written_to_a_file_and_to_a_stream(tmp_path: Path, format: str) -> None:
    target, stream = tmp_path / "out", io.BytesIO()
    heard: list[int] = []
    export(format, [WRITE, END], HEADER, target, heard.append)
    export(format, iter([WRITE, END]), HEADER, stream)
    assert heard == [2]
    assert target.stat().st_size > 50
    assert stream.getvalue()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_trace_of_nothing_is_exported(format: str) -> None:
    export(format, [], {"format": "emu trace", "version": 1}, io.BytesIO())


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("failure", [OSError(5, "x"), KeyboardInterrupt(), ValueError("x")])
def test_a_failure_leaves_what_was_there(tmp_path: Path, format: str, failure: Exception) -> None:
    target = tmp_path / "out"
    with pytest.raises(type(failure)):
        export(format, breaking(failure), HEADER, target)
    assert list(tmp_path.iterdir()) == []
    target.write_bytes(b"")
    with pytest.raises(type(failure)):
        export(format, breaking(failure), HEADER, target)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert target.read_bytes() == b""


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_is_one_line(format: str) -> None:
    with pytest.raises(ExportError, match=r"the output: cannot be written: No space left on device"):
        export(format, [SEND] * 20000, HEADER, io.BufferedWriter(Full()))


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="none/x: cannot be written: No such file or directory"):
        export("csv", [WRITE], HEADER, tmp_path / "none" / "x")
    with pytest.raises(ExportError, match="is a directory"):
        export("csv", [WRITE], HEADER, tmp_path)


def test_an_unknown_form_suggests_the_nearest() -> None:
    with pytest.raises(ExportError, match=r"no such format: cvs; did you mean csv\?"):
        export("cvs", [], HEADER, io.BytesIO())
    with pytest.raises(ExportError, match="no such format: q; there are text, "):
        export("q", [], HEADER, io.BytesIO())


def test_traces_are_not_overwritten(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    export("json", [WRITE], HEADER, trace)
    before = trace.read_bytes()
    with pytest.raises(ExportError, match="that is a trace, which an export does not overwrite"):
        export("csv", [END], HEADER, trace)
    with pytest.raises(ExportError, match="that is the trace itself"):
        export("json", [END], HEADER, trace, source=tmp_path / "." / "trace.jsonl")
    assert trace.read_bytes() == before
    export("json", [END], HEADER, trace)
    assert list(Reader(trace)) == [END]


def test_a_fifo_is_written_into_and_a_link_followed(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    export("csv", [WRITE], HEADER, fifo)
    reader.join()
    assert got[0].startswith(b"event,")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o640)
    export("csv", [WRITE], HEADER, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "file").read_bytes() == got[0]


def test_standard_output_by_its_name(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    export("csv", [WRITE], HEADER, f"/proc/self/fd/{writing}")
    os.close(writing)
    with open(reading, "rb") as got:
        assert got.read().startswith(b"event,")


def test_filtered_records_are_a_trace_again(tmp_path: Path) -> None:
    export("json", [WRITE, END], HEADER, tmp_path / "a")
    reader = Reader(tmp_path / "a")
    assert reader.header == HEADER
    assert list(reader) == [WRITE, END]
    assert reader.damage is None


def test_text_is_what_emu_trace_shows() -> None:
    out = io.BytesIO()
    export("text", [WRITE, END], HEADER, out)
    call, end = out.getvalue().decode().splitlines()
    assert re.fullmatch(r'\[1001\]   0\.000000 write\(1<pipe>, "a\\377", 3\) +  = 3', call)
    assert re.fullmatch(r"\[1000\]   0\.000000 \+\+\+ exited with 0 \+\+\+", end)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = (
    "args",
    "fds",
    "objects",
    "error",
    "woken_by",
    "stack",
    "function",
    "file",
    "line",
    "result",
    "name",
    "pc",
)
ARGUMENTS = ("fd", "buf", "iov", "msg", "msgvec", "flags", "cmd", "how", "dest_addr", "src_addr")


@settings(max_examples=60)
@pytest.mark.parametrize("format", FORMATS)
@given(
    name=st.sampled_from(
        ["write", "read", "sendmsg", "recvmmsg", "close", "close_range", "fcntl", "connect", "shutdown"]
    ),
    member=st.sampled_from(MEMBERS),
    value=json_values,
    args=st.dictionaries(st.sampled_from(ARGUMENTS), json_values, max_size=3),
)
def test_no_record_is_too_strange_to_be_exported(
    format: str, name: str, member: str, value: Any, args: dict[str, Any]
) -> None:
    record = {**SEND, "name": name, "args": {**SEND["args"], **args}, member: value}
    event = {**END, member: value}
    good = [one for one in (SEND, record, event, SEND) if not wrong_with(one)]
    export(format, good, {"format": "emu trace", "version": 1, "argv": [value]}, io.BytesIO())
