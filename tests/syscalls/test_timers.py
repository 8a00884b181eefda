"""Timers: settings, expiries and errors are the same natively and emulated."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("guest", ["timers_state", "timers_run", "timerfd_all"])
def test_guest_says_the_same(same: Callable[..., Any], guest: str) -> None:
    out = same(guest).stdout
    assert out.count(b"\n") > 45
    assert b": no\n" not in out
