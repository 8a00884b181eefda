"""The WebSocket's side of a worker (RFC 6455): received bytes in, input for the terminal and what is to be sent out.

No input or output here. Both buffers are of a fixed size: a worker stops receiving while the terminal takes no input, and stops
reading the terminal while the client takes no output. Binary messages are input, and are passed on as their bytes come; text
messages are control messages, which are short and collected.
"""

from guest.lang import array, buffer, bytes_at, i64, memory_copy, ptr, struct, u8, u32
from guest.programs.pty import control
from guest.rt import frames, websocket
from guest.rt.text import put
from guest.rt.utf8 import Utf8, is_utf8

POLICY_VIOLATION = 1008

INBOX = 16384  # holds any control frame, and what the parent may have received already
OUTBOX = 65536
RESERVE = 512  # of the outbox, for control frames
LARGEST_OUTPUT = 16384  # bytes of one frame
LEAST_OUTPUT = 1024
HEADER = 4  # of a frame of less than 64 KiB


@struct
class Link:
    """The state of one WebSocket between two waits. Zeroed is as it begins."""

    start: i64  # inbox[start:end] was received and is not done with
    end: i64
    left: i64  # payload bytes of the present data frame still to come
    plain: i64  # bytes at inbox[start] that are input for the terminal
    reader: frames.FrameReader
    text: Utf8
    words: array[u8, 64]  # of the control message under way
    words_size: i64
    resized: bool  # to `columns` and `rows`
    columns: i64
    rows: i64
    paused: bool  # the client wants no output for now
    out_start: i64  # outbox[out_start:out_end] is to be sent
    out_end: i64
    closing: bool  # our close frame is in the outbox, or sent: nothing follows
    answered: bool  # the client's close frame has come
    inbox: array[u8, 16384]
    outbox: array[u8, 65536]

    def length(self) -> i64:
        """How many received bytes are not done with."""
        return self.end - self.start

    def data(self) -> bytes:
        """These bytes."""
        return bytes_at(self.inbox.ptr + self.start, self.end - self.start)

    def use(self, count: i64) -> None:
        """The first `count` of them are done with."""
        self.start += count
        if self.start == self.end:
            self.start = 0
            self.end = 0

    def make_room(self) -> i64:
        """How many bytes can be received now, to `tail`."""
        if self.start > 0 and INBOX - self.end < INBOX // 2:
            memory_copy(self.inbox.ptr, self.inbox.ptr + self.start, self.end - self.start)
            self.end -= self.start
            self.start = 0
        return INBOX - self.end

    def tail(self) -> ptr[u8]:
        """Where the next bytes are to be received."""
        return self.inbox.ptr + self.end

    def received(self, count: i64) -> None:
        """`count` bytes were put there."""
        self.end += count

    def input(self) -> ptr[u8]:
        """The `plain` bytes of input."""
        return self.inbox.ptr + self.start

    def took_input(self, count: i64) -> None:
        """The terminal took so many of them."""
        self.plain -= count
        self.use(count)

    def advance(self) -> None:
        """Work on what has arrived until there is input, a new size, no room for an answer, or bytes are missing."""
        while self.plain == 0 and not self.resized and not self.closing and OUTBOX - self.out_end >= RESERVE:
            reader = self.reader
            if not reader.ready:
                self.use(reader.feed(self.data()))
                if reader.failure != 0:
                    self.close(reader.failure, b"")
                elif reader.ready:
                    self.begin_frame()
                else:
                    return
            elif reader.opcode >= frames.CLOSE:
                if self.length() < reader.length:
                    return
                self.take_control()
            elif self.left == 0:
                self.end_frame()
            elif self.length() == 0:
                return
            else:
                self.take_payload()
        if self.closing:
            self.use(self.length())

    def begin_frame(self) -> None:
        """A frame's header is complete."""
        reader = self.reader
        if reader.opcode >= frames.CLOSE:
            return
        self.left = reader.length
        if reader.message_opcode == frames.TEXT and reader.message_length > control.LONGEST:
            self.close(frames.TOO_BIG, b"control message too long")

    def take_payload(self) -> None:
        """Some bytes of a data frame are there."""
        reader = self.reader
        count = websocket.least(self.left, self.length())
        piece = buffer(self.inbox.ptr + self.start, count)
        websocket.unmask(piece, reader.mask, reader.length - self.left)
        self.left -= count
        if reader.message_opcode == frames.BINARY:
            self.plain = count
            return
        if not self.text.feed(piece):
            self.close(frames.INVALID_DATA, b"")
            return
        self.words_size = put(self.words, self.words_size, piece)
        self.use(count)

    def end_frame(self) -> None:
        """All of a data frame is there."""
        reader = self.reader
        whole = reader.fin and reader.message_opcode == frames.TEXT
        reader.next()
        if not whole:
            return
        if not self.text.complete():
            self.close(frames.INVALID_DATA, b"")
            return
        words = self.words[: self.words_size]
        self.words_size = 0
        self.columns, self.rows = control.parse_resize(words)
        if self.columns != 0:
            self.resized = True
        elif words == control.PAUSE or words == control.RESUME:
            self.paused = words == control.PAUSE
        else:
            self.close(POLICY_VIOLATION, b"unknown control message")

    def take_control(self) -> None:
        """A control frame is complete (section 5.5)."""
        reader = self.reader
        size = reader.length
        payload = buffer(self.inbox.ptr + self.start, size)
        frames.unmask(payload, reader.mask, 0)
        if reader.opcode == frames.PING:
            self.put_frame(frames.PONG, payload)
        elif reader.opcode == frames.CLOSE:
            self.answered = True
            code = frames.close_code(payload)
            if size > 2 and code != frames.PROTOCOL_ERROR and not is_utf8(payload[2:]):
                code = frames.INVALID_DATA
            self.close(code, b"")
        self.use(size)
        reader.next()

    def put_frame(self, opcode: u8, payload: bytes) -> None:
        """Put a whole frame of at most 125 payload bytes to the outbox, whose reserve is for that."""
        at = frames.put_header(self.outbox, self.out_end, True, opcode, len(payload))
        self.out_end = put(self.outbox, at, payload)

    def close(self, code: u32, reason: bytes) -> None:
        """Put the close frame to the outbox, unless there is one; NO_STATUS sends none of a code."""
        if self.closing:
            return
        self.closing = True
        payload = array[u8, 125]()
        payload[0] = u8(code >> 8)
        payload[1] = u8(code & 255)
        size = put(payload, 2, reason)
        self.put_frame(frames.CLOSE, payload[0:0] if code == frames.NO_STATUS else payload[:size])
        self.plain = 0
        self.use(self.length())

    def ping(self) -> None:
        """Ask the client whether it is there."""
        if not self.closing and OUTBOX - self.out_end >= RESERVE:
            self.put_frame(frames.PING, b"")

    def output_room(self) -> i64:
        """How many bytes of output can be taken now, to `output`: 0 while too much waits for the client."""
        if self.closing or self.paused:
            return 0
        room = OUTBOX - self.out_end - RESERVE - HEADER
        if room < LEAST_OUTPUT:
            return 0
        return websocket.least(room, LARGEST_OUTPUT)

    def output(self) -> ptr[u8]:
        """Where the next output of the terminal is to be read."""
        return self.outbox.ptr + self.out_end + HEADER

    def put_output(self, count: i64) -> None:
        """`count` bytes of output were put there: make them a frame."""
        size = frames.header_size(count)
        if size < HEADER:
            memory_copy(self.outbox.ptr + self.out_end + size, self.output(), count)
        self.out_end = frames.put_header(self.outbox, self.out_end, True, frames.BINARY, count) + count

    def put_raw(self, data: bytes) -> None:
        """Put bytes to the outbox as they are: the answer to the opening handshake."""
        self.out_end = put(self.outbox, self.out_end, data)

    def pending(self) -> bytes:
        """What is to be sent."""
        return bytes_at(self.outbox.ptr + self.out_start, self.out_end - self.out_start)

    def sent(self, count: i64) -> None:
        """The client's socket took so many bytes of it."""
        self.out_start += count
        if self.out_start == self.out_end:
            self.out_start = 0
            self.out_end = 0
        elif self.out_start >= OUTBOX // 2:
            memory_copy(self.outbox.ptr, self.outbox.ptr + self.out_start, self.out_end - self.out_start)
            self.out_end -= self.out_start
            self.out_start = 0
