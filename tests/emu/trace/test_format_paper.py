"""docs/trace-format.md is the format: real runs of several guests write each member that it names, and no other."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emu.machine import Machine
from emu.trace.read import Reader, parse
from emu.trace.schema import ERRORS, FORMAT, VERSION
from syscalls.args import PAYLOAD_LIMIT, STRUCT_LIMIT

PAPER = (Path(__file__).parent.parent.parent.parent / "docs" / "trace-format.md").read_text()
GUESTS = (
    "clock_time", "files_io", "futex_threads", "pipes_threads", "polling_epoll", "polling_poll",
    "signals_run", "sockets_messages", "sockets_tcp", "sockets_unix", "fork_flags", "fork_tables", "fork_vfork", "stop_basic",
)  # fmt: skip
RARE = {
    ("lost", "count"): "needs a full disk: tests/emu/trace/test_jsonl.py",
}
"""Members that the guests above do not bring about, and where they are tested."""

NAME = re.compile(r"`(\w+)`")


def section(title: str) -> str:
    """The text under a heading, up to the next one."""
    return re.split(r"^#+ ", PAPER.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def table(title: str) -> Iterator[list[str]]:
    """The rows of the first table of a section, without its head."""
    rows = [line for line in section(title).splitlines() if line.startswith("|")]
    for row in rows[2:]:
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def members(title: str) -> set[str]:
    return {name for row in table(title) for name in NAME.findall(row[0])}


def event_members() -> dict[str, set[str]]:
    """By kind of event, what the paper says that it has; what stands in parentheses is explanation."""
    told = {}
    for kind, more in table("Other events"):
        own = re.sub(r"\([^)]*\)", "", more).split(":")[0]
        common = {"event", "time"} if kind == "`lost`" else {"event", "time", "pid"}
        told[kind.strip("`")] = common | set(NAME.findall(own))
    return told


@pytest.fixture(scope="module")
def traces(
    traced: Callable[..., Path], tiny: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    paths = [traced(guest) for guest in GUESTS]
    paths.append(traced("pipes_threads", stacks=True, payload_limit=16))
    paths.append(traced("signals_fatal", argv=("guest", "s")))
    faulting = tmp_path_factory.mktemp("fault") / "fault.jsonl"
    null = os.open(os.devnull, os.O_RDWR)
    hooked_and_undefined = tiny("b827000000 0f05 0f0b")  # getpid(); ud2
    with Machine(
        hooked_and_undefined, stdin=null, stdout=null, stderr=null, say=lambda text: None
    ) as machine:
        machine.trace_to_file(str(faulting))
        machine.on("getpid", function=lambda call: 7)
        machine.run()
    executing = faulting.with_name("exec.jsonl")
    with Machine(
        "/bin/sh", ["sh", "-c", "exec /bin/true"], root="/", stdin=null, stdout=null, stderr=null, say=lambda text: None
    ) as machine:  # fmt: skip
        machine.trace_to_file(str(executing))
        machine.run()
    os.close(null)
    return [*paths, faulting, executing]


@pytest.fixture(scope="module")
def found(traces: list[Path]) -> dict[str, set[str]]:
    """By event ("header", "frame" and "descriptors" are the inner ones), the members that the runs have written."""
    seen: dict[str, set[str]] = defaultdict(set)
    for path in traces:
        reader = Reader(path)
        seen["header"] |= reader.header.keys()
        for record in reader:
            seen[record["event"]] |= record.keys()
            for frame in record.get("stack", ()):
                seen["frame"] |= frame.keys()
        assert reader.damage is None
    return seen


def test_each_member_of_the_header_is_told(found: dict[str, set[str]]) -> None:
    assert found["header"] == members("Header")


def test_each_member_of_a_call_is_told(found: dict[str, set[str]]) -> None:
    told = members("System calls") | {"event"}
    assert found["syscall"] - told == set(), "not in the paper"
    assert told - found["syscall"] == {name for event, name in RARE if event == "syscall"}, "in no trace"


def test_each_member_of_a_frame_is_told(found: dict[str, set[str]]) -> None:
    assert found["frame"] == members("Call chains")


def test_each_event_is_told(found: dict[str, set[str]]) -> None:
    told = event_members()
    events = {kind: names for kind, names in found.items() if kind not in ("header", "frame", "syscall")}
    assert events.keys() - told.keys() == set(), "not in the paper"
    assert told.keys() - events.keys() == {event for event, _ in RARE}, "in no trace"
    for kind, names in events.items():
        assert names == told[kind], kind


def test_records_are_what_the_paper_says(traces: list[Path]) -> None:
    """What it says of values, held against every record: kinds of JSON, names of errors, order of numbers."""
    for path in traces:
        reader = Reader(path)
        begun = set()
        numbers: dict[int, set[str]] = defaultdict(set)
        for record in reader:
            assert record["time"] >= 0
            if record["event"] != "syscall":
                continue
            assert record["sequence"] not in begun
            begun.add(record["sequence"])
            assert 0 <= record["blocked"] <= record["duration"]
            assert record.get("error") == ERRORS.get(record["result"])
            assert record.get("unfinished", True) is True
            for value in record["args"].values():
                check_data(value, reader.header["payload_limit"])
            check_descriptors(record, numbers)
        assert begun == set(range(len(begun))), "sequence numbers have no gap"
        assert set(numbers) == set(range(1, len(numbers) + 1)), "nor have those of objects"


def check_data(value: Any, limit: int) -> None:
    """Numbers, text, null, lists and objects; a cut payload is what the limit says."""
    if isinstance(value, dict):
        if value.keys() == {"bytes", "size"}:
            assert len(value["bytes"]) == limit < value["size"]
            value["bytes"].encode("latin-1")
            return
        for name, inner in value.items():
            assert re.fullmatch(r"[a-z]\w*", name), name
            check_data(inner, limit)
    elif isinstance(value, list):
        assert len(value) <= max(STRUCT_LIMIT, limit)
        for inner in value:
            check_data(inner, limit)
    else:
        assert value is None or type(value) in (int, str)


def check_descriptors(record: dict[str, Any], numbers: dict[int, set[str]]) -> None:
    """The two members go together, and use the words of the table."""
    fds, objects = record.get("fds", {}), record.get("objects", {})
    assert fds.keys() == objects.keys()
    assert fds.keys() <= record["args"].keys() | {"result"}
    for name, text in fds.items():
        inner = text if isinstance(text, dict) else {"": text}
        number = objects[name]
        behind = number if isinstance(text, dict) else {"": number}
        assert behind is not None
        for fd, one in inner.items():
            assert fd == "" or re.fullmatch(r"-?\d+", fd)
            if one is None:
                assert behind.get(fd) is None
            else:
                assert re.match(r"/|TCP|UDP|IP|UNIX (STREAM|DGRAM|SEQPACKET)|[a-z]", one), one
                numbers[behind[fd]].add(one.split(" ")[0])


def test_the_examples_are_examples() -> None:
    texts = re.findall(r"^ {4}(\{.*\n(?: {5}.*\n)*)", PAPER, re.MULTILINE)
    head, call = ("".join(line.strip() for line in text.splitlines()) for text in texts)
    assert json.loads(head).keys() == members("Header")
    assert (json.loads(head)["format"], json.loads(head)["version"]) == (FORMAT, VERSION)
    assert PAPER.startswith(f"# The trace format, version {VERSION}\n")
    assert parse(call.encode())["name"] == "write"


def test_limits_are_those_of_the_code() -> None:
    assert f"the first {PAYLOAD_LIMIT} bytes" in section("Arguments")
    assert f"lists, of {STRUCT_LIMIT} elements at most" in section("Arguments")


def test_the_programs_of_the_paper_run(
    traces: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "calls.jsonl").write_bytes(traces[4].read_bytes() + b"torn")
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"```python\n(.*?)```", PAPER, re.DOTALL)
    assert len(programs) == 2
    for program in programs:
        exec(compile(program, "docs/trace-format.md", "exec"), {"__name__": "paper"})
    assert "the last line is cut off" in capsys.readouterr().out
