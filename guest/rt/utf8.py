"""UTF-8 validation in pieces (RFC 3629; the ranges are table 3-7 of the Unicode standard)."""

from guest.lang import pure, struct, u8


@pure
@struct
class Utf8:
    """The state between two pieces of a text: what the character under way still needs."""

    missing: u8  # continuation bytes still to come
    lowest: u8  # range of the next continuation byte
    highest: u8

    def feed(self, data: bytes) -> bool:
        """Take the next piece; False as soon as no continuation could make it valid (then stop feeding)."""
        for i in range(len(data)):
            c = u8(data[i])
            if self.missing != 0:
                if c < self.lowest or c > self.highest:
                    return False
                self.missing -= 1
                self.lowest = 0x80
                self.highest = 0xBF
            elif c >= 0x80 and not self.lead(c):
                return False
        return True

    def lead(self, c: u8) -> bool:
        """Begin a character of several bytes; False when `c` cannot begin one (overlong, surrogate, too large)."""
        self.lowest = 0x80
        self.highest = 0xBF
        if c < 0xC2 or c > 0xF4:
            return False
        if c < 0xE0:
            self.missing = 1
            return True
        if c < 0xF0:
            self.missing = 2
            if c == 0xE0:
                self.lowest = 0xA0
            elif c == 0xED:
                self.highest = 0x9F
            return True
        self.missing = 3
        if c == 0xF0:
            self.lowest = 0x90
        elif c == 0xF4:
            self.highest = 0x8F
        return True

    def complete(self) -> bool:
        """Whether the text may end here: no character is half read."""
        return self.missing == 0


@pure
def is_utf8(data: bytes) -> bool:
    """Whether `data` is valid UTF-8 from its first byte to its last."""
    state = Utf8()
    return state.feed(data) and state.complete()
