"""Limits, usage, clocks and priorities, also those of other processes, say the same natively and emulated."""

from collections.abc import Callable

import pytest

Same = Callable[..., object]


def test_limits_usage_and_priorities_of_others(same: Same) -> None:
    same("limits_family")


@pytest.mark.slow
def test_processor_time(same: Same) -> None:
    same("limits_family", "cpu")
