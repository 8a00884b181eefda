"""Timers: settings, expiries and errors are the same natively and emulated."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("guest", ["timers_state", "timers_run", "timerfd_all"])
def test_guest_says_the_same(same: Callable[..., Any], guest: str) -> None:
    out = same(guest).stdout
    assert out.count(b"\n") > 45
    assert b": no\n" not in out


@pytest.mark.parametrize(("way", "status"), [("a", 142), ("r", 142), ("v", 154), ("p", 168)])
def test_a_timer_may_end_the_process(same: Callable[..., Any], way: str, status: int) -> None:
    same("timers_fatal", way, status=status)
