"""Calls with hostile arguments answer with Linux's own errors: thousands of combinations, native against emulated."""

from collections import Counter
from collections.abc import Callable
from errno import errorcode
from typing import Any

from syscalls.numbers import NAMES

ENOUGH = 0.995
"""What must agree. Kernels differ among themselves in the order of a few checks; the one that we follow is Linux 6.18."""

BY_DESIGN = {
    # Only the Internet and Unix families exist, as in a container without privileges.
    ("socket", "0", "EAFNOSUPPORT"),
    ("socket", "EPROTONOSUPPORT", "EAFNOSUPPORT"),
    ("socket", "ESOCKTNOSUPPORT", "EAFNOSUPPORT"),
    ("socketpair", "ESOCKTNOSUPPORT", "EAFNOSUPPORT"),
    # F_SETOWN: the guest is alone, other process ids are nobody's.
    ("fcntl", "0", "ESRCH"),
}


def answers(transcript: bytes) -> list[tuple[str, str, str]]:
    rows = [line.split() for line in transcript.decode().splitlines()]
    return [(NAMES[int(number)], chosen, errorcode.get(int(error), "0")) for number, chosen, error in rows]


def test_errors_are_those_of_linux(native: Callable[..., Any], emulated: Callable[..., Any]) -> None:
    expected = answers(native("errno_matrix").stdout)
    found = answers(emulated("errno_matrix").stdout)
    assert [row[:2] for row in expected] == [row[:2] for row in found]
    assert len(expected) > 5000
    different = Counter(
        (name, want, got)
        for (name, _, want), (_, _, got) in zip(expected, found, strict=True)
        if want != got and (name, want, got) not in BY_DESIGN
    )
    agree = 1 - sum(different.values()) / len(expected)
    print(f"{agree:.2%} of {len(expected)} agree; different: {dict(different)}")
    assert agree >= ENOUGH, "\n".join(
        f"{name}: Linux {want}, emu {got}, {n} times" for (name, want, got), n in different.items()
    )


def test_which_error_comes_first(same: Callable[..., Any]) -> None:
    same("errors_ordered")
