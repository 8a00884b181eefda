"""membarrier, memory protection keys and get_mempolicy, natively and emulated."""

from collections.abc import Callable
from typing import Any


def test_they_answer_alike(same: Callable[..., Any]) -> None:
    same("memory_kinds")
