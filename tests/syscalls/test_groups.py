"""Process groups, sessions and parents say the same natively and emulated."""

from collections.abc import Callable


def test_groups_sessions_and_parents(same: Callable[..., object]) -> None:
    same("groups_all")
