"""prctl says the same natively and emulated, and what it sets comes through fork and exec as on Linux."""

from collections.abc import Callable


def test_parents_children_and_programs(same: Callable[..., object]) -> None:
    same("prctl_family")
