"""What memory is after a fork: the same natively and emulated."""

from collections.abc import Callable


def test_memory_in_corners(same: Callable[..., object]) -> None:
    same("fork_memory")


def test_text_that_changes(same: Callable[..., object]) -> None:
    same("text_changes")
