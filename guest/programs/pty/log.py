"""One line for each thing that happens, on stdout; failures on stderr. Each is one write(2), so that lines never mix."""

from guest.lang import array, i32, i64, struct, u8, u64
from guest.rt import sys
from guest.rt.text import put, put_decimal


@struct
class Line:
    """A line in the making; what does not fit is left out."""

    size: i64
    text: array[u8, 256]

    def say(self, words: bytes) -> None:
        """Add words."""
        room = len(self.text) - 1 - self.size
        self.size = put(self.text, self.size, words[: room if len(words) > room else len(words)])

    def number(self, value: i64) -> None:
        """Add a number that is not negative."""
        digits = array[u8, 24]()
        self.say(digits[: put_decimal(digits, 0, u64(value))])

    def write(self, fd: i32) -> None:
        """Write it; a log that nobody reads any more does not matter."""
        self.text[self.size] = 10
        sys.write(fd, self.text[: self.size + 1])
        self.size = 0
