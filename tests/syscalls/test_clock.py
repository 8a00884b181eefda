"""Clocks and sleeping say the same natively and emulated."""

from collections.abc import Callable


def test_clocks_sleeps_and_usage(same: Callable[..., object]) -> None:
    same("clock_time")
