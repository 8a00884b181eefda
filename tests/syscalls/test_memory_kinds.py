"""membarrier, memory protection keys, get_mempolicy and code in mapped files, natively and emulated."""

from collections.abc import Callable
from typing import Any


def test_they_answer_alike(same: Callable[..., Any]) -> None:
    same("memory_kinds")


def test_code_in_a_mapping_that_is_longer_than_its_file(same: Callable[..., Any]) -> None:
    same("mapping_code")
