"""A constant, a global and a function that others use."""

from guest.lang import u32

RED = u32(3)
painted: u32


def paint(x: u32) -> u32:
    global painted
    painted += 1
    return x + RED
