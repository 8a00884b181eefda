"""poll, select and epoll: guests that say the same natively and emulated."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("guest", ["polling_poll", "polling_epoll", "polling_again", "polling_deep"])
def test_guest_says_the_same(same: Callable[..., Any], guest: str) -> None:
    assert same(guest).stdout.count(b"\n") > 15
