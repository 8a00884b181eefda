"""Futexes say the same natively and emulated, on one thread and between several."""

from collections.abc import Callable

Same = Callable[..., object]


def test_results_and_errors_of_every_operation(same: Same) -> None:
    same("futex_basic")


def test_who_is_woken_by_what(same: Same) -> None:
    same("futex_threads")
