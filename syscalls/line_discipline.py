"""Which signals the characters that are typed at a terminal stand for (drivers/tty/n_tty.c).

The host's line discipline edits, echoes and flushes. But it knows nobody whom it could signal: so what it consumes as
INTR, QUIT or SUSP is found here once more, in the same order in which n_tty looks at a character.
"""

import struct
from typing import NamedTuple

from syscalls.flags.signals import Signal
from syscalls.flags.terminals import ControlCharacter, InputMode, LocalMode

SIZE = 36
"""sizeof(struct termios) of the kernel."""

_TERMIOS = struct.Struct("<4IB19s")
_DISABLED = 0  # _POSIX_VDISABLE
_CHARACTERS = (
    (ControlCharacter.VINTR, Signal.SIGINT),
    (ControlCharacter.VQUIT, Signal.SIGQUIT),
    (ControlCharacter.VSUSP, Signal.SIGTSTP),
)


class Modes(NamedTuple):
    """What of a struct termios counts here."""

    input: int
    local: int
    characters: bytes

    @property
    def is_canonical(self) -> bool:
        """Whether reads give lines."""
        return bool(self.local & LocalMode.ICANON)

    @property
    def signals(self) -> dict[int, int]:
        """The characters that send a signal now; in the order of n_tty_receive_char_special, so the first meaning counts."""
        if not self.local & LocalMode.ISIG or self.local & LocalMode.EXTPROC:
            return {}
        found: dict[int, int] = {}
        taken = {self.characters[ControlCharacter.VSTART], self.characters[ControlCharacter.VSTOP]}
        for index, signal in _CHARACTERS:
            character = self.characters[index]
            if character != _DISABLED and not (self.input & InputMode.IXON and character in taken):
                found.setdefault(character, signal)
        return found


def modes(termios: bytes) -> Modes:
    """From a struct termios of the kernel."""
    words = _TERMIOS.unpack(termios[:SIZE])
    return Modes(words[0], words[3], words[5])


def signals_of(modes: Modes, data: bytes, quoted: bool) -> tuple[list[int], bool]:
    """The signals that the characters of `data` send, in order; `quoted`: the one before was LNEXT (^V), as is told of the last."""
    senders = modes.signals
    quotes = -1
    if modes.is_canonical and modes.local & LocalMode.IEXTEN and not modes.local & LocalMode.EXTPROC:
        quotes = modes.characters[ControlCharacter.VLNEXT] or -1
    changes = modes.input & InputMode.ISTRIP or (
        modes.input & InputMode.IUCLC and modes.local & LocalMode.IEXTEN
    )
    quoted = quoted and modes.is_canonical
    if (
        not quoted
        and not changes
        and not any(character in data for character in (*senders, quotes) if character >= 0)
    ):
        return [], False
    found = []
    for byte in data:
        if quoted:
            quoted = False
            continue
        character = byte
        if modes.input & InputMode.ISTRIP:
            character &= 0x7F
        if modes.input & InputMode.IUCLC and modes.local & LocalMode.IEXTEN and 0x41 <= character <= 0x5A:
            character |= 0x20
        signal = senders.get(character)
        if signal is not None:
            found.append(signal)
        elif character == quotes:
            quoted = True
    return found, quoted
