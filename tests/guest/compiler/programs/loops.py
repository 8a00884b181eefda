"""Loops: ranges of every kind, break and continue, nesting, the hidden counter."""

from prelude import _start, show

from guest.lang import array, i8, i64, noinline, u8, u32, u64


@noinline
def count(a: i64, b: i64) -> i64:
    n = 0
    for _ in range(a, b):
        n += 1
    return n


@noinline
def last(limit: u8) -> u8:
    seen: u8 = 0
    for i in range(limit):
        seen = i
    return seen


@noinline
def stepped(limit: u8) -> u32:
    total: u32 = 0
    for i in range(0, limit, 100):
        total += i
    return total


@noinline
def backwards(start: i8) -> i64:
    total = 0
    for i in range(start, -128, -100):
        total = total * 1000 + i
    return total


def main() -> i64:
    show(count(0, 5))  # => 5
    show(count(5, 0))  # => 0
    show(count(-3, 3))  # => 6
    show(last(255))  # => 254
    show(stepped(255))  # => 300
    show(stepped(200))  # => 100
    show(stepped(0))  # => 0
    show(backwards(127))  # => 127026927
    total = 0
    for i in range(10, 0, -3):
        total = total * 100 + i
    show(total)  # => 10070401
    n = 0
    for i in range(5):
        i += 10
        n += i
    show(n)  # => 60
    hits = 0
    for i in range(10):
        if i % 2 == 0:
            continue
        if i == 7:
            break
        for j in range(i):
            if j == 2:
                break
            hits += 1
    show(hits)  # => 5
    n = 0
    while n < 100:
        n += 7
        if n % 5 == 0:
            break
    show(n)  # => 35
    values = array[u64, 3]([10, 20, 30])
    sum: u64 = 0
    for v in values:
        sum += v
    show(i64(sum))  # => 60
    limit: u32 = 3
    for k in range(limit):
        limit = 100
        sum += k
    show(i64(sum))  # => 63
    return 0
