"""Says on stderr why the program is about to stop: `path:line: words`, in one write."""

from guest.lang import array, i64, noinline, ptr, struct, syscall, trap_table, trap_text, u8, u32

WRITE = 1
STDERR = 2
ROOM = 256


@struct
class Line:
    """Text that is cut where the room ends, leaving a byte for the newline."""

    length: i64
    text: array[u8, ROOM]

    def put(self, byte: u8) -> None:
        if self.length < ROOM - 1:
            self.text.ptr[self.length] = byte
            self.length += 1

    def put_text(self, start: ptr[u8]) -> None:
        """A zero-terminated text."""
        while start[0] != 0:
            self.put(start[0])
            start = start + 1

    def put_number(self, value: u32) -> None:
        if value >= 10:
            self.put_number(value // 10)
        self.put(u8(0x30 + value % 10))


@noinline
def report(code: u32) -> None:
    """`code`: the row of the trap table in the upper half, the line in the lower."""
    row = ptr[u32](trap_table()) + (code >> 16) * 2
    line = Line()
    line.put_text(trap_text() + row[0])
    line.put(b":"[0])
    line.put_number(code & 0xFFFF)
    line.put(b":"[0])
    line.put(b" "[0])
    line.put_text(trap_text() + row[1])
    line.text.ptr[line.length] = b"\n"[0]
    syscall(WRITE, STDERR, line.text.ptr, line.length + 1)
