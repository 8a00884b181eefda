"""Which keys are signals, without a terminal."""

import struct

import pytest

from syscalls.flags.signals import Signal
from syscalls.flags.terminals import InputMode, LocalMode
from syscalls.line_discipline import Modes, modes, signals_of

CHARACTERS = bytes((3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0))
INT, QUIT, TSTP = Signal.SIGINT, Signal.SIGQUIT, Signal.SIGTSTP
USUAL = LocalMode.ISIG | LocalMode.ICANON | LocalMode.IEXTEN


@pytest.mark.parametrize(
    ("given", "data", "found"),
    [
        ((0, USUAL), b"text\n", []),
        ((0, USUAL), b"a\x03b\x1cc\x1a", [INT, QUIT, TSTP]),
        ((0, USUAL), b"\x16\x03", []),
        ((0, USUAL), b"\x16\x16\x03", [INT]),
        ((0, LocalMode.ISIG), b"\x16\x03", [INT]),
        ((0, LocalMode.ICANON), b"\x03", []),
        ((0, USUAL | LocalMode.EXTPROC), b"\x03", []),
        ((0, USUAL), b"\x83", []),
        ((InputMode.ISTRIP, USUAL), b"\x83", [INT]),
        ((0, USUAL), b"\0", []),
    ],
)
def test_signals(given: tuple[int, int], data: bytes, found: list[int]) -> None:
    assert signals_of(Modes(*given, CHARACTERS), data, False) == (found, False)


def test_a_quote_holds_for_the_next_write() -> None:
    known = Modes(0, USUAL, CHARACTERS)
    assert signals_of(known, b"x\x16", False) == ([], True)
    assert signals_of(known, b"\x03\x03", True) == ([INT], False)
    assert signals_of(Modes(0, LocalMode.ISIG, CHARACTERS), b"\x03", True) == ([INT], False)


def test_the_first_meaning_counts() -> None:
    same = b"\x03\x03" + CHARACTERS[2:]
    assert signals_of(Modes(0, USUAL, same), b"\x03", False) == ([INT], False)
    starts = b"\x11" + CHARACTERS[1:]
    assert signals_of(Modes(InputMode.IXON, USUAL, starts), b"\x11", False) == ([], False)


def test_modes_of_a_structure() -> None:
    packed = struct.pack("<4IB19s", 0x500, 5, 0xBF, 0x8A3B, 0, CHARACTERS)
    assert modes(packed) == Modes(0x500, 0x8A3B, CHARACTERS)
    assert modes(packed).is_canonical
