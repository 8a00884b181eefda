"""HTTP/1.1 request bodies (RFC 9112 sections 6 and 7), measured as they arrive and forgotten; no input or output here."""

from guest.lang import i64, pure, struct, u8, u32

TRAILER_LIMIT = 4096  # bytes of trailer fields, and of one chunk's extensions

# States of the chunked coding
SIZE_FIRST = 0  # the first digit of a chunk size
SIZE = 1
EXTENSION = 2
SIZE_LF = 3
DATA = 4
DATA_CR = 5
DATA_LF = 6
TRAILER_START = 7
TRAILER = 8
TRAILER_LF = 9
END_LF = 10
DONE = 11

CR = 13
LF = 10


@pure
def hex_digit(c: u8) -> i64:
    """The value of a hexadecimal digit, or -1."""
    if c >= 0x30 and c <= 0x39:
        return i64(c) - 0x30
    small = c | 0x20
    if small >= 0x61 and small <= 0x66:
        return i64(small) - 0x57
    return -1


@pure
@struct
class Body:
    """Where in a request body the reader is. After `feed`, `status` is 0 or the status code of a bad body."""

    state: u32 = DONE
    is_chunked: bool
    left: i64  # bytes left of the body or of the chunk
    limit: i64  # bytes that the body may still grow by
    overhead: i64  # bytes of extensions and trailers so far
    status: u32

    def begin(self, chunked: bool, length: i64, limit: i64) -> None:
        """Start at a body of `length` bytes (at most `limit`), or a chunked one of at most `limit` bytes."""
        self.is_chunked = chunked
        self.limit = limit
        self.overhead = 0
        self.status = 0
        self.left = 0
        self.state = DONE
        if chunked:
            self.state = SIZE_FIRST
        elif length > 0:
            self.left = length
            self.state = DATA

    def done(self) -> bool:
        """Whether the body has been read to its end."""
        return self.state == DONE

    def feed(self, data: bytes) -> i64:
        """Take what belongs to the body from the front of `data`; returns how many bytes that was."""
        at = i64(0)
        while at < len(data) and self.state != DONE and self.status == 0:
            if self.state == DATA:
                step = min_i64(self.left, len(data) - at)
                self.left -= step
                at += step
                if self.left == 0:
                    self.state = DATA_CR if self.is_chunked else DONE
            else:
                self.step(u8(data[at]))
                at += 1
        return at

    def step(self, c: u8) -> None:
        """One byte of the chunked coding outside of chunk data."""
        if self.state == SIZE_FIRST or self.state == SIZE:
            self.take_size(c)
        elif self.state == EXTENSION or self.state == TRAILER:
            self.skip(c)
        elif self.state == TRAILER_START:
            if c == CR:
                self.state = END_LF
            else:
                self.state = TRAILER
                self.skip(c)
        elif self.state == DATA_CR:
            self.expect(c, CR, DATA_LF)
        elif self.state == DATA_LF:
            self.expect(c, LF, SIZE_FIRST)
        elif self.state == TRAILER_LF:
            self.expect(c, LF, TRAILER_START)
        elif self.state == END_LF:
            self.expect(c, LF, DONE)
        elif self.left != 0:  # SIZE_LF
            self.expect(c, LF, DATA)
        else:
            self.expect(c, LF, TRAILER_START)

    def expect(self, c: u8, wanted: u8, then: u32) -> None:
        """Go on to state `then` if `c` is the wanted byte, else fail."""
        if c == wanted:
            self.state = then
        else:
            self.status = 400

    def take_size(self, c: u8) -> None:
        """A byte of a chunk size: a hexadecimal digit, or what ends the number."""
        digit = hex_digit(c)
        if digit >= 0:
            self.left = self.left * 16 + digit
            self.state = SIZE
            if self.left > self.limit:
                self.status = 413
        elif self.state == SIZE_FIRST:
            self.status = 400
        elif c == CR:
            self.limit -= self.left
            self.state = SIZE_LF
        elif c == 0x3B or c == 0x20 or c == 9:
            self.limit -= self.left
            self.state = EXTENSION
        else:
            self.status = 400

    def skip(self, c: u8) -> None:
        """A byte of an extension or a trailer field: ignored up to the CR, within the limit."""
        self.overhead += 1
        if self.overhead > TRAILER_LIMIT:
            self.status = 431
        elif c == CR:
            self.state = SIZE_LF if self.state == EXTENSION else TRAILER_LF
        elif (c < 32 and c != 9) or c == 127:
            self.status = 400


@pure
def min_i64(a: i64, b: i64) -> i64:
    """The smaller one."""
    return a if a < b else b
