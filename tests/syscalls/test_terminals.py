"""Terminals: what a guest sees of pseudo-terminals is the same natively and emulated."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Same = Callable[..., Any]


@pytest.fixture(autouse=True)
def numbers_of_the_host_that_are_taken() -> Iterator[None]:
    """Host terminals that others have: the guest's numbers must not follow from them."""
    taken = [os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC) for _ in range(3)]
    yield
    for fd in taken:
        os.close(fd)


@pytest.mark.parametrize(
    "guest",
    [
        pytest.param("pty_requests", id="every request on both ends"),
        pytest.param("pty_files", id="as files: numbers, names, locks, hang-ups"),
        pytest.param("pty_reads", id="lines, raw bytes, VMIN and VTIME, packets"),
        pytest.param("tty_sessions", id="controlling terminals, foreground groups"),
        pytest.param("tty_keys", id="signals of keys"),
        pytest.param("tty_background", id="background jobs"),
        pytest.param("tty_hangup", id="hang-ups, leaders that end"),
    ],
)
def test_pseudo_terminals(same: Same, guest: str) -> None:
    same(guest)


@pytest.mark.skipif(os.getuid() != 0, reason="only a privileged process may on the bare kernel")
def test_a_privileged_process_takes_terminals_away(
    native: Callable[..., Any], emulated: Callable[..., Any]
) -> None:
    assert emulated("tty_root", options=("--user", "0")).stdout == native("tty_root").stdout


def test_numbers_start_at_0_whatever_the_host_has(emulated: Callable[..., Any]) -> None:
    assert emulated("pty_numbers").stdout == b"number 0\nnumber 1\nnumber 0\n"


def test_what_is_written_in_answer_to_a_key_is_not_thrown_away_with_it(emulated: Callable[..., Any]) -> None:
    assert emulated("tty_answers").stdout == b"answers: 101\nleader: exited 0\n"
