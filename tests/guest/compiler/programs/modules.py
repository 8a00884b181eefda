"""Names across modules: constants, globals, functions, structs, embedded files, the syscalls package."""

import parts.shapes as shapes
from parts import colours
from parts.colours import RED, paint
from prelude import _start, say, show, show_bool

import parts.sizes
from guest import lang
from guest.lang import addr, embed, i64, u32
from syscalls import numbers
from syscalls.numbers import write as WRITE

TEXT = embed("parts/text.txt")
DOUBLE = colours.RED * 2
_MINUS = -5
NAME = b"name"
FLAG = WRITE == 1 and True

state: u32 = DOUBLE
other: i64
enabled: bool = True


def bump() -> u32:
    global state
    state += 1
    return state


def main() -> i64:
    show(RED)  # => 3
    show(DOUBLE)  # => 6
    show(paint(1))  # => 4
    show(colours.painted)  # => 1
    paint(1)
    show(colours.painted)  # => 2
    addr(colours.painted)[0] = 10
    show(colours.painted)  # => 10
    show(shapes.area(shapes.Square(4)))  # => 16
    show(parts.sizes.SMALL)  # => 8
    say(TEXT[: len(TEXT) - 1])  # => an embedded file
    show(bump() + bump())  # => 15
    show(other)  # => 0
    show(_MINUS)  # => -5
    show_bool(enabled)  # => true
    show(numbers.write + WRITE)  # => 2
    show(lang.u32(1) + 1)  # => 2
    say(NAME)  # => name
    return 0
