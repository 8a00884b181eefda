"""Threads: clone, exit and what belongs to a thread say the same natively and emulated."""

from collections.abc import Callable

Same = Callable[..., object]


def test_clone_refuses_inherits_and_ends_as_linux_does(same: Same) -> None:
    same("threads_clone", status=9)


def test_robust_lists_segments_processors_and_settings(same: Same) -> None:
    same("threads_state")
