"""signalfd: what is read, waited for and reported as ready is the same natively and emulated."""

from collections.abc import Callable
from typing import Any


def test_everything(same: Callable[..., Any]) -> None:
    assert same("signalfd_all").stdout.count(b"\n") > 200
