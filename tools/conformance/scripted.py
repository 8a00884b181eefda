"""Scripts for the guest `tests/guests/scripted.py`: system calls as data, made in Python, taken by a program that does what it is told."""

from __future__ import annotations

import struct
from typing import NamedTuple

from syscalls import numbers

SCRIPT = 0x20000000
IMAGE = SCRIPT + 0x40000
SIZE = 0x400000
RESULTS = 0x30000000
PLACES = 0x31000000
TOLD = 0x32000000
HANDLER, FORKING, SPOILING, RESTORER, ARGV, ENVP = (PLACES + 8 * place for place in range(6))
"""Where the addresses of functions stand."""
CALL, GOTO_IF, END, THREAD, ENTER, STORE, LOOP, LEAVE = range(8)
LITERAL, RESULT, WORD, LONG, PID, TID = range(6)
STEP = struct.Struct("<14Q")
MOST_STEPS = (IMAGE - SCRIPT - 8) // STEP.size
_WORD = (1 << 64) - 1


class Value(NamedTuple):
    """What an argument means when its step is taken."""

    kind: int
    value: int = 0


def result(step: int) -> Value:
    """What an earlier step came to."""
    return Value(RESULT, step)


def word(address: int) -> Value:
    """The int at an address: a descriptor that pipe(2) has stored."""
    return Value(WORD, address)


def long(address: int) -> Value:
    """The eight bytes at an address."""
    return Value(LONG, address)


OWN_PID = Value(PID)
OWN_TID = Value(TID)
Argument = int | bytes | Value


class Script:
    """Steps and the bytes that they use. Numbers of steps are places in `steps`, also before they are there."""

    def __init__(self) -> None:
        self.steps: list[list[int]] = []
        self.image = bytearray()
        self._texts: dict[bytes, int] = {}

    def room(self, size: int, align: int = 16) -> int:
        """The address of so many zero bytes."""
        self.image += bytes(-len(self.image) % align)
        self.image += bytes(size)
        return IMAGE + len(self.image) - size

    def put(self, data: bytes, align: int = 16) -> int:
        """The address of the bytes."""
        address = self.room(len(data), align)
        self.image[address - IMAGE : address - IMAGE + len(data)] = data
        return address

    def text(self, text: bytes) -> int:
        """The address of a string, with its NUL."""
        if text not in self._texts:
            self._texts[text] = self.put(text + b"\0", 1)
        return self._texts[text]

    def step(self, kind: int, number: int, *arguments: Argument) -> int:
        """Adds a step; its number."""
        words = [kind, number]
        for argument in (*arguments, *[0] * (6 - len(arguments))):
            if isinstance(argument, bytes):
                argument = self.text(argument)
            value = Value(LITERAL, argument) if isinstance(argument, int) else argument
            words += [value.kind, value.value & _WORD]
        self.steps.append(words)
        return len(self.steps) - 1

    def call(self, name: str | int, *arguments: Argument) -> int:
        """Adds a system call; strings among its arguments are passed by their address."""
        return self.step(CALL, name if isinstance(name, int) else getattr(numbers, name), *arguments)

    def goto_if(self, one: Argument, other: Argument, target: int = 0) -> int:
        """A jump when two values are equal; `land` says where to, if that is not known yet."""
        return self.step(GOTO_IF, target, one, other)

    def land(self, jump: int) -> None:
        """Lets an earlier jump or thread go to the step that comes next."""
        self.steps[jump][1] = len(self.steps)

    def end(self, status: Argument = 0) -> int:
        """The process exits."""
        return self.step(END, 0, status)

    def tell(self, address: int, size: Argument) -> int:
        """Writes bytes of memory to stdout."""
        return self.call("write", 1, address, size)

    def tell_results(self) -> int:
        """Writes all results so far to stdout."""
        return self.tell(TOLD, 8 * len(self.steps))

    def bytes(self) -> bytes:
        """What the guest reads on stdin."""
        if len(self.steps) > MOST_STEPS:
            raise ValueError(f"{len(self.steps)} steps are more than {MOST_STEPS}")
        head = struct.pack("<Q", len(self.steps)) + b"".join(STEP.pack(*words) for words in self.steps)
        return head.ljust(IMAGE - SCRIPT, b"\0") + bytes(self.image)


def results(told: bytes) -> list[int]:
    """Signed numbers that `tell_results` has written."""
    return [number for (number,) in struct.iter_unpack("<q", told[: len(told) // 8 * 8])]
