"""A struct that others use, and a relative import."""

from guest.lang import struct, u32

from .sizes import SMALL


@struct
class Square:
    side: u32


def area(square: Square) -> u32:
    return square.side * square.side if square.side < SMALL else 0
