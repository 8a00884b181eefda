"""Arrays, raw pointers, copying and filling memory."""

from prelude import _start, say, show, show_bool

from guest.lang import (
    addr,
    array,
    buffer,
    bytes_at,
    copy,
    i16,
    i64,
    memory_copy,
    memory_fill,
    noinline,
    null,
    ptr,
    u8,
    u16,
    u32,
    u64,
    volatile_load,
    volatile_store,
)

TABLE = array[u32, 4]([1, 0x80000000, 3, 4])
TEXT = array[u8, 5](b"hello")
GRID = array[array[i16, 2], 2]([[1, -2], [3, 4]])

cells: array[array[u8, 4], 8]
big: array[u8, 100000]


@noinline
def at(i: u32) -> u32:
    return TABLE[i]


@noinline
def fill(p: ptr[u8], n: i64) -> None:
    for i in range(n):
        p[i] = u8(i)


@noinline
def equal(a: bytes, b: bytes) -> bool:
    return a == b


def main() -> i64:
    a = array[u8, 64]()
    show(a[0] + a[63])  # => 0
    show(len(a))  # => 64
    a[3] = 7
    p = addr(a[2])
    show(p[1])  # => 7
    show((p + 1)[0])  # => 7
    show(p - a.ptr)  # => 2
    show_bool(p > a.ptr)  # => true
    wide = ptr[u16](a.ptr)
    show(wide[1])  # => 1792
    show(addr(wide[3]) - wide)  # => 3
    show_bool(ptr[u8](u64(p)) == p)  # => true
    nothing: ptr[u8] = null
    show_bool(nothing == null)  # => true
    show_bool(u64(nothing) == 0)  # => true
    # constant tables
    total: u64 = 0
    for x in TABLE:
        total += x
    show(i64(total))  # => 2147483656
    show(at(2))  # => 3
    say(TEXT[1:4])  # => ell
    show(GRID[0][1] * GRID[1][0])  # => -6
    b = array[u32, 3]([5, 6, at(3)])
    show(b[0] + b[1] + b[2])  # => 15
    # two dimensions, in a global
    cells[7][3] = 9
    row = cells[7]
    show(row[3])  # => 9
    row[0] = 1
    show(cells[7][0])  # => 1
    # scalars can be addressed
    n: u32 = 5
    where = addr(n)
    where[0] = 6
    show(n)  # => 6
    volatile_store(where, volatile_load(where) + 1)
    show(n)  # => 7
    # memory
    fill(big.ptr, 1000)
    memory_copy(big.ptr + 1, big.ptr, 500)
    show(big[500])  # => 243
    show(big[1])  # => 0
    memory_copy(big.ptr, big.ptr + 1, 500)
    show(big[499])  # => 243
    memory_fill(big.ptr + 10, 0xAA, 33)
    show(big[42] + big[10])  # => 84
    show(big[43])  # => 43
    show(big[9])  # => 9
    other = array[u8, 64]()
    copy(other, a)
    show(other[3])  # => 7
    show_bool(equal(other, a))  # => true
    other[60] = 1
    show_bool(equal(other, a))  # => false
    show_bool(equal(other[:60], a[:60]))  # => true
    view = buffer(big.ptr, 4)
    view[0] = 65
    view[1] = 66
    say(bytes_at(big.ptr, 2))  # => AB
    # unaligned
    ptr[u64](big.ptr + 3)[0] = 0x0102030405060708
    show(big[3])  # => 8
    show(ptr[u16](big.ptr + 9)[0])  # => 258
    return 0
