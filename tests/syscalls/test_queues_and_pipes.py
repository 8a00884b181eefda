"""POSIX message queues, and data that moves through pipes: natively and emulated they say the same."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.machine import Machine

Same = Callable[..., Any]


@pytest.mark.parametrize("guest", ["mq_all", "splicing"])
def test_the_same_as_linux(same: Same, guest: str) -> None:
    same(guest)


def test_no_queue_stays_behind(elf: Callable[[str], Path]) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    with Machine(elf("mq_all")) as machine:
        machine.run()
    del machine
    assert len(os.listdir("/proc/self/fd")) <= descriptors


def test_a_trace_shows_attributes(elf: Callable[[str], Path]) -> None:
    with Machine(elf("mq_all"), trace=True) as machine:
        machine.run()
        made = next(one for one in machine.trace if one.get("name") == "mq_open" and one["result"] >= 0)
    assert made["args"]["flags"] == "O_RDWR|O_CREAT|O_EXCL"
    assert made["args"]["attr"] == {"mq_flags": 0, "mq_maxmsg": 4, "mq_msgsize": 16, "mq_curmsgs": 0}
