"""Pcapng: tshark follows the streams, decodes HTTP and WebSocket in them, and has nothing to complain about."""

import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.trace.export import export
from emu.trace.read import Reader


def tshark(*options: str) -> str:
    """What tshark prints. Where it is missing, CI fails and a developer's machine skips."""
    if shutil.which("tshark") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("tshark is missing: .ci/run installs it (apt-get install tshark)")
        pytest.skip("tshark is not installed")
    done = subprocess.run(
        ["tshark", *options],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def complaints(path: Path) -> list[str]:
    """The expert's errors and warnings, checksums and sequence numbers included; and notes of lost or repeated segments."""
    shown = tshark(
        "-r", str(path), "-q", "-z", "expert", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
        "-o", "udp.check_checksum:TRUE",
    )  # fmt: skip
    found, group = [], ""
    for line in shown.splitlines():
        group = re.split(r" \(\d", line)[0] if re.match(r"\w+ \(\d+\)", line) else group
        bad = group in ("Errors", "Warns") and re.match(r"\s+\d", line)
        if bad or re.search(r"retransmission|out-of-order|unseen|lost|Dup ACK|previous segment", line, re.I):
            found.append(line.strip())
    return found


@pytest.fixture(scope="module")
def packets(conversation: Path) -> Path:
    path = conversation.with_suffix(".pcapng")
    reader = Reader(conversation)
    assert export("pcapng", reader, reader.header, path) == []
    return path


def test_tshark_has_no_complaint(packets: Path) -> None:
    assert complaints(packets) == []


def test_http_is_decoded(packets: Path) -> None:
    fields = tshark(
        "-r", str(packets), "-Y", "http", "-T", "fields", "-e", "http.request.uri", "-e", "http.response.code"
    )
    assert [line.split() for line in fields.splitlines()][:2] == [["/healthz"], ["200"]]


def test_a_stream_is_followed(packets: Path) -> None:
    followed = tshark("-r", str(packets), "-q", "-z", "follow,tcp,ascii,0")
    assert "GET /healthz HTTP/1.1" in followed
    assert re.search(r"\n\t?ok\n", followed)
    assert "[" not in followed.split("HTTP/1.1 200")[1].split("ok")[0], "nothing is missing"


def test_websocket_frames_are_decoded(packets: Path) -> None:
    fields = tshark(
        "-r",
        str(packets),
        "-Y",
        "websocket",
        "-T",
        "fields",
        "-e",
        "websocket.opcode",
        "-e",
        "websocket.mask",
    )
    opcodes = {word for line in fields.splitlines() for word in line.split()[0].split(",")}
    assert {"1", "9", "10"} <= opcodes, "text, ping, pong"


def test_each_connection_has_a_beginning_and_an_end(packets: Path) -> None:
    conversations = tshark("-r", str(packets), "-q", "-z", "conv,tcp")
    assert conversations.count("<->") == 2
    flags = tshark("-r", str(packets), "-T", "fields", "-e", "tcp.stream", "-e", "tcp.flags.str")
    for stream in "01":
        seen = [
            line.split("\t")[1].strip("·") for line in flags.splitlines() if line.split("\t")[0] == stream
        ]
        assert seen[:3] == ["S", "A··S", "A"]
        assert "A···F" in seen


def test_times_are_those_of_the_day(packets: Path, conversation: Path) -> None:
    started = Reader(conversation).header["started"]
    first = tshark("-r", str(packets), "-c", "1", "-T", "fields", "-e", "frame.time_epoch")
    assert 0 < int(first.replace(".", "")) - started < 60 * 10**9


def test_packets_say_which_call_they_are_of(packets: Path, conversation: Path) -> None:
    comments = tshark("-r", str(packets), "-Y", "http.request", "-T", "fields", "-e", "frame.comment")
    found = re.match(r"recvfrom, call (\d+), thread \d+", comments)
    assert found
    calls = {record["sequence"]: record for record in Reader(conversation) if record["event"] == "syscall"}
    assert calls[int(found[1])]["args"]["buf"].startswith("GET /healthz")


def test_what_was_cut_is_said_and_shown_so(conversation: Path, tmp_path: Path) -> None:
    def short(record: dict[str, Any]) -> dict[str, Any]:
        data = record.get("args", {}).get("buf")
        if isinstance(data, str) and len(data) > 16:
            record["args"]["buf"] = {"bytes": data[:16], "size": len(data)}
        return record

    reader = Reader(conversation)
    path = tmp_path / "x.pcapng"
    notes = export("pcapng", map(short, reader), {**reader.header, "payload_limit": 16}, path)
    assert re.fullmatch(
        r"\d+ of \d+ packets are cut: the trace did not keep more than 16 bytes of a buffer; trace again with -s 65536",
        notes[0],
    )
    frames = json.loads(
        "[" + ",".join(tshark("-r", str(path), "-T", "ek", "-e", "frame.cap_len", "-e", "frame.len").split("\n")[1::2]) + "]"
    )  # fmt: skip
    lengths = [
        (int(frame["layers"]["frame_cap_len"][0]), int(frame["layers"]["frame_len"][0])) for frame in frames
    ]
    assert any(captured < whole for captured, whole in lengths)
    assert not [line for line in complaints(path) if "retransmission" in line or "unseen" in line]


@pytest.mark.parametrize("guest", ["sockets_tcp", "sockets_ipv6", "sockets_udp"])
def test_guests_that_talk_to_themselves(traced: Callable[..., Path], tmp_path: Path, guest: str) -> None:
    reader = Reader(traced(guest, payload_limit=65536))
    path = tmp_path / "x.pcapng"
    export("pcapng", reader, reader.header, path)
    said = [line for line in complaints(path) if "TCP" in line.split() or "UDP" in line.split()]
    assert [line for line in said if "Connection reset" not in line] == [], "resets there are"
    assert len(tshark("-r", str(path)).splitlines()) > 5


def test_unix_sockets_are_left_out_with_a_word(traced: Callable[..., Path]) -> None:
    reader = Reader(traced("sockets_unix"))
    notes = export("pcapng", reader, reader.header, io.BytesIO())
    assert re.fullmatch(r"\d+ Unix sockets are left out: they have no packets", notes[0])
    assert notes[1] == "no packets: no TCP or UDP socket moved anything in these records"
