"""A signal in the middle of every call that waits, between processes, says the same natively and emulated."""

from collections.abc import Callable
from typing import Any

Same = Callable[..., Any]


def test_a_signal_from_another_process_in_every_call_that_waits(same: Same) -> None:
    same("wait_interrupts")
