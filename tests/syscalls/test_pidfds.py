"""Descriptors of processes say the same natively and emulated."""

from collections.abc import Callable
from pathlib import Path

from emu.machine import Machine


def test_pidfds(same: Callable[..., object]) -> None:
    same("pidfds_all")


def test_a_trace_says_whose_they_are(elf: Callable[[str], Path]) -> None:
    machine = Machine(elf("pidfds_all"), trace=True)
    assert machine.run() == 0
    told = {
        str(record["fds"])
        for record in machine.trace
        if record.get("name") == "pidfd_send_signal" and "fds" in record
    }
    assert any("pidfd:1001" in text for text in told), told


def test_what_proc_says_threads_of_others_and_inherited_ones(same: Callable[..., object]) -> None:
    same("pidfds_info")
