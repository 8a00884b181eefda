"""signalfd: what is read, waited for and reported as ready is the same natively and emulated."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("guest", ["signalfd_read", "signalfd_ready"])
def test_guest_says_the_same(same: Callable[..., Any], guest: str) -> None:
    assert same(guest).stdout.count(b"\n") > 70
