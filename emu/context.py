"""The state of a guest thread while it does not run."""

from array import array

from emu import cpu_native as native

WORD = {name: index for index, name in enumerate(native.REGISTERS)}
WORD |= {"rip": native.RIP, "fs_base": native.FS_BASE, "gs_base": native.GS_BASE}
"""Where each register is in the state, in 8-byte words."""


class Context:
    """The state of a guest thread while it does not run, and the ring of its last system calls."""

    __slots__ = ("ring", "ring_address", "words")

    def __init__(self, words: bytes | memoryview) -> None:
        self.words = memoryview(bytearray(words)).cast("Q")
        self.ring = array("Q", bytes(native.RING_WORDS * 8))
        self.ring_address = self.ring.buffer_info()[0]

    def copy(self) -> "Context":
        """A context with the same registers and an empty ring."""
        return Context(self.words.cast("B"))

    def __getitem__(self, register: str) -> int:
        return int(self.words[WORD[register]])

    def __setitem__(self, register: str, value: int) -> None:
        self.words[WORD[register]] = value & 0xFFFFFFFFFFFFFFFF

    def answer(self, result: int) -> None:
        """Stores the result of the system call in which the thread is parked."""
        result &= 0xFFFFFFFFFFFFFFFF
        self.words[0] = result
        ring = self.ring
        ring[(ring[0] // 8 - 8) % (native.RING_ENTRIES * 8) + 8 + 7] = result

    def last_calls(self) -> list[tuple[int, tuple[int, ...], int | None]]:
        """The thread's last calls, oldest first: number, six arguments, result (None: has not returned)."""
        calls = []
        first = self.ring[0] // 64
        for index in range(native.RING_ENTRIES):
            at = 8 + (first + index) % native.RING_ENTRIES * 8
            number, *args, result = self.ring[at : at + 8]
            if any(args) or number or result:
                calls.append((number, tuple(args), None if result == native.RING_OPEN else _signed(result)))
        return calls


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
