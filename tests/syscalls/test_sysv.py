"""System V shared memory, semaphores and message queues: natively and emulated they say the same, and nothing stays behind."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.machine import Machine

Same = Callable[..., Any]


@pytest.mark.parametrize("guest", ["sysv_memory", "sysv_semaphores", "sysv_messages"])
def test_the_same_as_linux(same: Same, guest: str) -> None:
    same(guest)


def test_the_host_sees_nothing_of_it(elf: Callable[[str], Path]) -> None:
    before = [Path("/proc/sysvipc", kind).read_text() for kind in ("shm", "sem", "msg")]
    descriptors = len(os.listdir("/proc/self/fd"))
    with Machine(elf("sysv_memory")) as machine:
        machine.run()
    assert before == [Path("/proc/sysvipc", kind).read_text() for kind in ("shm", "sem", "msg")]
    assert len(os.listdir("/proc/self/fd")) <= descriptors


def test_a_trace_names_what_is_in_it(elf: Callable[[str], Path]) -> None:
    with Machine(elf("sysv_messages"), trace=True) as machine:
        machine.run()
        records = [record for record in machine.trace if record.get("name") in ("msgget", "msgsnd", "msgctl")]
    assert records[1]["args"] == {"key": "0x7e57a003", "msgflg": "IPC_CREAT|IPC_EXCL|0640"}
    sent = next(
        record["args"]["msgp"] for record in records if record["name"] == "msgsnd" and not record["result"]
    )
    assert sent["mtype"] == 5
    assert sent["mtext"].startswith("E")
    told = next(record["args"]["buf"] for record in records if record["name"] == "msgctl")
    assert told["mode"] == "0o640"
