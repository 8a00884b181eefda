"""Calls that few programs make, or that are new: natively and emulated they say the same."""

from collections.abc import Callable
from typing import Any

import pytest

Same = Callable[..., Any]


@pytest.mark.parametrize(
    "guest",
    [
        "futex2_all",
        "scheduling_attributes",
        "numa_all",
        "old_calls",
        "other_memory",
        "comparing",
        "asynchronous",
        "sealing",
        "opening",
    ],
)
def test_the_same_as_linux(same: Same, guest: str) -> None:
    same(guest)
