"""Differences of part `errnos` that are meant: each with its reason. docs/conformance.md shows the same table."""

from __future__ import annotations

from syscalls.refused import REFUSED

from .errno_values import Case

BY_DESIGN: dict[tuple[str, str, str], str] = {}
"""By call, native answer, emulated answer; `*` stands for any."""


def reason(case: Case, native: str, emulated: str) -> str:
    """Why a case differs, in a few words; empty where nothing explains it."""
    refusal = REFUSED.get(case.name)
    if refusal is not None:
        return f"refused: {refusal.why}"
    for key in ((case.name, native, emulated), (case.name, native, "*"), (case.name, "*", emulated)):
        if key in BY_DESIGN:
            return BY_DESIGN[key]
    return ""
