"""Signals: what is recorded says the same natively and emulated; handlers run, and processes end, as on Linux."""

from collections.abc import Callable
from typing import Any

import pytest

Same = Callable[..., Any]


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


def test_handlers(same: Same) -> None:
    assert b"kept: 0\n" in same("signals_run").stdout


def test_a_signal_in_the_middle_of_every_call_that_waits(same: Same) -> None:
    same("signals_blocking")


def test_what_is_queued_comes_back_as_it_was(same: Same) -> None:
    same("signals_queued")


def test_a_handler_without_a_restorer(same: Same) -> None:
    same("signals_handler", status=139)


BROKEN = {
    "no-stack": 139,
    "no-stack-handled": 139,
    "no-frame": 139,
    "no-restorer": 139,
    "again": 139,
    "blocked": 139,
    "full": 139,
    "wild-pc": 139,
    "wild-code": 5,
    "no-state": 0,
    "ignored": 139,
}


@pytest.mark.parametrize(("mode", "status"), BROKEN.items())
def test_frames_that_make_no_sense(same: Same, mode: str, status: int) -> None:
    same("signals_broken", mode, status=status)


def test_too_many_pending(same: Same) -> None:
    same("signals_limit")
