"""Ids, names, limits and random bytes say the same natively and emulated."""

from collections.abc import Callable


def test_ids_names_limits_and_random_bytes(same: Callable[..., object]) -> None:
    same("identity_all")
