"""Signals: what is recorded says the same natively and emulated, and so does the way in which a process ends."""

from collections.abc import Callable
from typing import Any

import pytest

Same = Callable[..., object]


def test_actions_masks_pending_and_the_alternate_stack(same: Same) -> None:
    same("signals_state")


@pytest.mark.parametrize(
    ("way", "status"),
    [
        pytest.param("t", 143, id="SIGTERM to itself"),
        pytest.param("k", 137, id="SIGKILL, all blocked"),
        pytest.param("u", 138, id="SIGUSR1 when it is unblocked"),
        pytest.param("r", 168, id="a real-time signal"),
        pytest.param("s", 134, id="SIGABRT from another thread"),
        pytest.param("d", 129, id="SIGHUP when it is default again"),
    ],
)
def test_a_fatal_signal_ends_the_process(same: Same, way: str, status: int) -> None:
    same("signals_fatal", way, status=status)


def test_a_signal_with_a_handler_is_reported_once_and_stays_pending(emulated: Callable[..., Any]) -> None:
    outcome = emulated("signals_handler")
    assert outcome.status == 0
    assert outcome.stdout == b"pending 0, blocked 0x200\n"
    said = outcome.stderr.decode().splitlines()
    assert [line for line in said if "handler" in line] == [
        "emu: SIGUSR1 has a handler at 0x1234: handlers are not run yet, the signal stays pending"
    ]
