"""WebSocket frames (RFC 6455 section 5) as a server reads and writes them; no input or output here."""

from guest.lang import array, buffer, i64, pure, struct, u8, u32, u64

# Opcodes (section 11.8)
CONTINUATION = 0
TEXT = 1
BINARY = 2
CLOSE = 8
PING = 9
PONG = 10

# Close codes (section 7.4.1)
NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
NO_STATUS = 1005
INVALID_DATA = 1007
TOO_BIG = 1009

MESSAGE_LIMIT = 1 << 20  # bytes of one message over all its frames
CONTROL_LIMIT = 125  # bytes of a control frame's payload (section 5.5)
SERVER_HEADER_LIMIT = 10


@pure
def may_be_sent(code: u32) -> bool:
    """Whether a close frame may carry `code`: section 7.4 and the IANA registry of close codes."""
    if code >= 3000 and code <= 4999:
        return True
    if code < 1000 or code > 1014:
        return False
    return code != 1004 and code != 1005 and code != 1006


@pure
@struct
class FrameReader:
    """Reads frame headers and keeps what the frames of one connection mean together.

    Call `feed` until `ready`; then take `length` payload bytes from the wire and call `next`. `failure` is 0 or the
    close code that the connection has to be failed with (section 7.1.7).
    """

    collected: array[u8, 14]
    have: i64
    ready: bool
    failure: u32
    fin: bool
    opcode: u8
    length: i64
    mask: array[u8, 4]
    message_opcode: u8  # TEXT or BINARY while a message is under way, else 0
    message_length: i64  # bytes of its frames so far, the present frame's included

    def feed(self, data: bytes) -> i64:
        """Take header bytes from the front of `data` until the header is complete; returns how many it took."""
        at = i64(0)
        while at < len(data) and not self.ready and self.failure == 0:
            self.collected[self.have] = data[at]
            self.have += 1
            at += 1
            if self.have == 2:
                self.check_first_two()
            if self.failure == 0 and self.have >= 2 and self.have == self.header_length():
                self.finish()
        return at

    def header_length(self) -> i64:
        """Bytes of the header, known from its second byte."""
        short = self.collected[1] & 127
        if short == 127:
            return 14
        if short == 126:
            return 8
        return 6

    def check_first_two(self) -> None:
        """Judge what the first two bytes tell (section 5.2): reserved bits, opcode, mask, fragmentation."""
        first = u8(self.collected[0])
        short = u8(self.collected[1] & 127)
        self.fin = (first & 0x80) != 0
        self.opcode = first & 15
        control = self.opcode >= 8
        if (first & 0x70) != 0 or (self.collected[1] & 0x80) == 0:
            self.failure = PROTOCOL_ERROR
        elif self.opcode > PONG or (self.opcode > BINARY and not control):
            self.failure = PROTOCOL_ERROR
        elif control and (not self.fin or short > CONTROL_LIMIT):
            self.failure = PROTOCOL_ERROR
        elif self.opcode == CONTINUATION and self.message_opcode == 0:
            self.failure = PROTOCOL_ERROR
        elif not control and self.opcode != CONTINUATION and self.message_opcode != 0:
            self.failure = PROTOCOL_ERROR

    def finish(self) -> None:
        """The header is complete: read the length (in its shortest form only) and the mask, count the message."""
        size = self.have
        for i in range(4):
            self.mask[i] = self.collected[size - 4 + i]
        length = u64(self.collected[1] & 127)
        if size > 6:
            length = 0
            for i in range(2, size - 4):
                length = (length << 8) | u64(self.collected[i])
            if (size == 8 and length < 126) or (size == 14 and (length < 65536 or length >> 63 != 0)):
                self.failure = PROTOCOL_ERROR
                return
        if self.opcode < CLOSE:
            if self.opcode != CONTINUATION:
                self.message_opcode = self.opcode
                self.message_length = 0
            if length > u64(MESSAGE_LIMIT) or self.message_length + i64(length) > MESSAGE_LIMIT:
                self.failure = TOO_BIG
                return
            self.message_length += i64(length)
        self.length = i64(length)
        self.ready = True

    def next(self) -> None:
        """The payload has been taken: be ready for the next header."""
        if self.opcode < CLOSE and self.fin:
            self.message_opcode = 0
            self.message_length = 0
        self.have = 0
        self.ready = False


@pure
def put_header(out: buffer, at: i64, fin: bool, opcode: u8, length: i64) -> i64:
    """Write a server's (unmasked) frame header into `out` from offset `at`; returns the offset behind it."""
    out[at] = (u8(0x80) if fin else u8(0)) | opcode
    if length < 126:
        out[at + 1] = u8(length)
        return at + 2
    if length < 65536:
        out[at + 1] = 126
        out[at + 2] = u8(length >> 8)
        out[at + 3] = u8(length & 255)
        return at + 4
    out[at + 1] = 127
    for i in range(8):
        out[at + 2 + i] = u8((length >> ((7 - i) * 8)) & 255)
    return at + 10


@pure
def header_size(length: i64) -> i64:
    """Bytes that `put_header` writes for a payload of `length` bytes."""
    if length < 126:
        return 2
    if length < 65536:
        return 4
    return 10


@pure
def unmask(data: buffer, mask: bytes, phase: i64) -> None:
    """Undo a client's masking (section 5.3) in place; `phase` is the offset of data[0] in the frame's payload."""
    for i in range(len(data)):
        data[i] = data[i] ^ mask[(phase + i) & 3]


@pure
def close_code(payload: bytes) -> u32:
    """The code of a close frame's payload: NO_STATUS if it is empty, PROTOCOL_ERROR if it is malformed."""
    if len(payload) == 0:
        return NO_STATUS
    if len(payload) == 1:
        return PROTOCOL_ERROR
    code = (u32(payload[0]) << 8) | u32(payload[1])
    if not may_be_sent(code):
        return PROTOCOL_ERROR
    return code
