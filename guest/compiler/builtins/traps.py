"""Says on stderr why the program is about to stop: `path:line: words`."""

from guest.lang import array, i64, noinline, ptr, syscall, trap_table, trap_text, u8, u32

WRITE = 1
STDERR = 2


def _text(start: ptr[u8]) -> None:
    """Writes a zero-terminated text."""
    length = 0
    while start[length] != 0:
        length += 1
    syscall(WRITE, STDERR, start, length)


@noinline
def report(code: u32) -> None:
    """`code`: the row of the trap table in the upper half, the line in the lower."""
    row = ptr[u32](trap_table()) + i64(code >> 16) * 2
    _text(trap_text() + row[0])
    digits = array[u8, 12]()
    place = digits.ptr + 9
    place[0] = 0x3A
    place[1] = 0x20
    line = code & 0xFFFF
    while line != 0:
        place = place - 1
        place[0] = u8(0x30 + line % 10)
        line = line // 10
    place = place - 1
    place[0] = 0x3A
    _text(place)
    _text(trap_text() + row[1])
    syscall(WRITE, STDERR, b"\n".ptr, 1)
