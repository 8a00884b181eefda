"""Integers of every width: wrap-around, floor division, shifts, conversions, comparisons."""

from prelude import _start, show, show_bool, show_unsigned

from guest.lang import i8, i16, i32, i64, noinline, u8, u16, u32, u64

LARGE = 1 << 63
MASK = ~u32(0) >> 8


@noinline
def divide(a: i64, b: i64) -> i64:
    return a // b


@noinline
def modulo(a: i64, b: i64) -> i64:
    return a % b


@noinline
def divide8(a: i8, b: i8) -> i8:
    return a // b


@noinline
def left(x: u32, n: u64) -> u32:
    return x << n


@noinline
def right(x: i32, n: u8) -> i32:
    return x >> n


@noinline
def left_narrow(x: u8, n: i64) -> u8:
    return x << n


@noinline
def between(low: i64, x: i64, high: i64) -> bool:
    return low <= x < high


def main() -> i64:
    a: u8 = 200
    show(a + 100)  # => 44
    show(i64(a) + 100)  # => 300
    b: i8 = 127
    b += 1
    show(b)  # => -128
    c: u16 = 0
    c -= 1
    show(c)  # => 65535
    d: i16 = -32768
    show(-d)  # => -32768
    e: u32 = 0xFFFFFFFF
    show(e * e)  # => 1
    f: i32 = 0x7FFFFFFF
    show(f + 1)  # => -2147483648
    g: u64 = LARGE
    show_unsigned(g + g + 7)  # => 7
    show_unsigned(g)  # => 9223372036854775808
    show(i64(g) - 1)  # => 9223372036854775807
    show(MASK)  # => 16777215
    # floor division and its remainder, all signs
    show(divide(7, 2))  # => 3
    show(divide(-7, 2))  # => -4
    show(divide(7, -2))  # => -4
    show(divide(-7, -2))  # => 3
    show(modulo(7, 2))  # => 1
    show(modulo(-7, 2))  # => 1
    show(modulo(7, -2))  # => -1
    show(modulo(-7, -2))  # => -1
    show(divide(-9223372036854775808, -1))  # => -9223372036854775808
    show(modulo(-9223372036854775808, -1))  # => 0
    show(divide8(-128, -1))  # => -128
    show(f // 10 % 7)  # => 5
    show((0 - f) // 10)  # => -214748365
    # shifts beyond the width
    show(left(1, 31))  # => 2147483648
    show(left(1, 32))  # => 0
    show(left(3, 31))  # => 2147483648
    show(left(1, 0xFFFFFFFFFFFFFFFF))  # => 0
    show(right(-8, 1))  # => -4
    show(right(-8, 200))  # => -1
    show(right(8, 32))  # => 0
    show(left_narrow(1, 7))  # => 128
    show(left_narrow(1, 300))  # => 0
    show(u8(255) >> 9)  # => 0
    # bits
    show(~u8(15))  # => 240
    show(~i32(15))  # => -16
    show((a & 0x0F) | 0x30)  # => 56
    show(a ^ 255)  # => 55
    # conversions
    show(u8(0x1FF))  # => 255
    show(i8(a))  # => -56
    show(u32(i8(-1)))  # => 4294967295
    show(i32(u32(0xFFFFFFFE)))  # => -2
    show(u32(a > 100) + u32(a > 250))  # => 1
    # widening operands
    small: u16 = 1000
    wide: i64 = -1
    show(small * wide)  # => -1000
    show_bool(small > wide)  # => true
    # comparisons
    show_bool(between(0, 5, 10))  # => true
    show_bool(between(0, 10, 10))  # => false
    show_bool(u64(LARGE) > 1)  # => true
    show_bool(i64(u64(LARGE)) > 1)  # => false
    show_bool(not (a == 200) or a != 200)  # => false
    # conditional expressions
    n = 3
    show(n if n > 2 else -n)  # => 3
    show(1 if n > 3 else 2)  # => 2
    a += 1 if n > 2 else 100
    show(a + (5 if n > 3 else 6))  # => 207
    a -= 1
    show((1 if n > 2 else 2) + (10 if n > 2 else 20))  # => 11
    show(-(1 if n > 2 else 2))  # => -1
    show(u8(300 if n > 2 else 2))  # => 44
    show((1 if n > 2 else 2) << 4)  # => 16
    show_bool((1 if n > 2 else 2) == 1)  # => true
    n *= n
    n <<= 2
    n |= 1
    n %= 10
    n //= 2
    n ^= 15
    n >>= 1
    n &= 7
    show(n)  # => 6
    return 0
