"""A trace in memory: the same records as in a file, also while the guest runs."""

import json
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from emu import Machine


def test_the_trace_of_a_request(elf: Callable[[str], Path]) -> None:
    receiver, sender = os.pipe()
    with Machine(elf("server"), ["server", "1", "127.0.0.1", "0"], stdout=sender, trace=True) as machine:
        os.close(sender)
        machine.start()
        with os.fdopen(receiver) as out:
            address = out.readline().split()[2]
            assert urllib.request.urlopen(address + "healthz").read() == b"ok\n"
        early = machine.trace  # the answer may be here before its record
        assert machine.stop().signal == 9
    assert machine.trace[: len(early)] == early
    assert any(record["event"] == "syscall" for record in early)
    calls = [record for record in machine.trace if record["event"] == "syscall"]
    names = [call["name"] for call in calls]
    at = next(index for index, name in enumerate(names) if name == "recvfrom" and calls[index]["result"] > 0)
    assert calls[at]["args"]["buf"].startswith("GET /healthz HTTP/1.1\r\n")
    assert calls[at]["fds"]["fd"].startswith("TCP 127.0.0.1:")
    assert "sendto" in names[at:]
    assert json.dumps(machine.trace)
    assert machine.trace[-1]["event"] == "process_end"


def test_a_machine_that_keeps_none_says_so(elf: Callable[[str], Path]) -> None:
    with Machine(elf("server")) as machine, pytest.raises(ValueError, match="trace=True"):
        machine.trace  # noqa: B018
