"""Signals from process to process say the same natively and emulated."""

from collections.abc import Callable
from typing import Any


def test_kill_tkill_and_sigqueue_to_others(same: Callable[..., object]) -> None:
    same("kill_others")


def test_all_processes_are_those_of_the_run(emulated: Callable[..., Any]) -> None:
    done = emulated("kill_all")
    assert done.status == 0, done.stderr
    assert done.stdout.decode().splitlines() == [
        "nobody: -ESRCH",
        "somebody: 0",
        "no such signal: -EINVAL",
        "all: 0",
        "first: killed by 15",
        "second: killed by 15",
        "the shell is there: 0",
        "and takes nothing: -EPERM",
        "nor its group: -EPERM",
        "nor init: -EPERM",
    ]
    assert b"kill(999): that process is the bench" in done.stderr
