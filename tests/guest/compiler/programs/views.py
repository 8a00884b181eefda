"""bytes and buffer: indexing, slicing, comparing, assigning slices, looping."""

from prelude import _start, say, show, show_bool

from guest.lang import addr, array, buffer, i64, noinline, pure, u8, u32

GREETING = b"hello, world"
PAGE = b"first\0second"
COMMA = b","[0]


@pure
def find(text: bytes, byte: u8) -> i64:
    for i in range(len(text)):
        if text[i] == byte:
            return i
    return -1


@noinline
def same(left: bytes, right: bytes) -> bool:
    return left == right


@noinline
def cut(text: bytes, start: i64, stop: i64) -> bytes:
    return text[start:stop]


@noinline
def put(into: buffer, text: bytes) -> buffer:
    into[: len(text)] = text
    return into[len(text) :]


def main() -> i64:
    show(len(GREETING))  # => 12
    show(GREETING[4])  # => 111
    show(find(GREETING, 0x77))  # => 7
    show(find(GREETING, 0))  # => -1
    say(GREETING[7:])  # => world
    say(GREETING[:5])  # => hello
    say(cut(GREETING, 3, 100))  # => lo, world
    show(len(cut(GREETING, 100, 200)))  # => 0
    show(len(cut(GREETING, 5, 2)))  # => 0
    show(len(GREETING[u32(2) : u8(4)]))  # => 2
    show_bool(same(GREETING[:5], b"hello"))  # => true
    show_bool(same(GREETING[:5], b"hellO"))  # => false
    show_bool(same(GREETING[:5], b"hell"))  # => false
    show_bool(GREETING != b"hello, world")  # => false
    show_bool(same(b"", GREETING[3:3]))  # => true
    show_bool(PAGE[:5] == b"first" and PAGE[6:] == b"second")  # => true
    total: u32 = 0
    for c in GREETING:
        total += c
    show(total)  # => 1160
    room = array[u8, 16]()
    rest = put(put(room, b"abc"), b"def")
    show(len(rest))  # => 10
    rest[0] = 0x21
    say(room[:7])  # => abcdef!
    # a slice of an array is a buffer over the same bytes
    middle = room[1:3]
    middle[0] = 0x42
    say(room[:3])  # => aBc
    # overlapping slices
    room[1:7] = room[0:6]
    say(room[:7])  # => aaBcdef
    room[0:6] = room[1:7]
    say(room[:7])  # => aBcdeff
    empty = b""
    show(len(empty))  # => 0
    show(addr(GREETING[1])[0])  # => 101
    show(GREETING[0] + COMMA)  # => 148
    long = GREETING if len(GREETING) > 3 else b"short"
    say(long)  # => hello, world
    return 0
