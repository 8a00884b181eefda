"""A WebSocket that echoes each message with its opcode (RFC 6455), once the opening handshake is done.

A message is collected and echoed in one frame. If there is no memory to hold it whole, what has been collected goes out
as a fragment and the rest follows, so that every message up to the limit is echoed in whatever memory there is.
"""

from guest.lang import array, buffer, i64, memory_copy, null, ptr, struct, u8, u32, u64
from guest.rt import frames, heap, io, limits
from guest.rt.abi import ETIMEDOUT
from guest.rt.inlet import Inlet
from guest.rt.net import Receive, Send
from guest.rt.utf8 import Utf8, is_utf8

WELCOME = b"Welcome to the echo terminal of emu.\r\n"
POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013
HEADROOM = 16  # before the payload, for the frame header
SMALL = 1008  # payload bytes that are allocated at least; with the headroom, just a block of 1024


def unmask(data: buffer, mask: bytes, phase: i64) -> None:
    """As frames.unmask, eight bytes at a time: large messages spend most of their time here."""
    head = least((8 - i64(u64(data.ptr) & 7)) & 7, len(data))
    frames.unmask(data[:head], mask, phase)
    key = u64(0)
    for i in range(8):
        key = key | (u64(mask[(phase + head + i) & 3]) << (8 * i))
    words = ptr[u64](data.ptr + head)
    count = (len(data) - head) // 8
    for i in range(count):
        words[i] = words[i] ^ key
    tail = head + 8 * count
    frames.unmask(data[tail:], mask, phase + tail)


@struct
class Message:
    """The part of a message that was collected and not sent yet."""

    memory: ptr[u8]
    room: i64  # payload bytes that `memory` holds
    length: i64
    opcode: u8  # of the frame that will carry it

    def reserve(self, length: i64) -> bool:
        """Make room for `length` payload bytes if memory allows; False when there is no room for a single one more."""
        if self.room < length:
            wanted = length if length > SMALL else i64(SMALL)
            larger = heap.allocate(u64(wanted + HEADROOM))
            if larger == null and self.memory == null:
                larger = heap.allocate(u64(SMALL + HEADROOM))
            if larger != null:
                if self.memory != null:
                    memory_copy(larger + HEADROOM, self.memory + HEADROOM, self.length)
                    heap.free(self.memory)
                self.memory = larger
                self.room = heap.capacity(larger) - HEADROOM
        return self.length < self.room

    def tail(self) -> ptr[u8]:
        """Where the next payload bytes go."""
        return self.memory + (HEADROOM + self.length)

    def release(self) -> None:
        """Give the memory back."""
        if self.memory != null:
            heap.free(self.memory)
        self.memory = null
        self.room = 0


@struct
class Session:
    """The state of one WebSocket between two waits."""

    inlet: ptr[Inlet]
    reader: frames.FrameReader
    text: Utf8
    message: Message
    left: i64  # payload bytes of the present data frame still to come
    frame_deadline: i64
    pinged: bool
    direct: bool  # the next bytes are to be received into the message, not the inlet
    closing: bool
    out: ptr[u8]
    out_size: i64
    control: array[u8, 128]

    def begin(self, inlet: ptr[Inlet], welcome: bool) -> None:
        """The handshake is done."""
        self.inlet = inlet
        if welcome:
            self.put_control(frames.TEXT, WELCOME)

    def put_control(self, opcode: u8, payload: bytes) -> None:
        """Set a frame of at most 125 payload bytes to be sent."""
        at = frames.put_header(self.control, 0, True, opcode, len(payload))
        self.control[at : at + len(payload)] = payload
        self.out = self.control.ptr
        self.out_size = at + len(payload)

    def close(self, code: u32) -> None:
        """Set a close frame to be sent, the last one; NO_STATUS sends none of a code."""
        payload = array[u8, 2]()
        payload[0] = u8(code >> 8)
        payload[1] = u8(code & 255)
        self.put_control(frames.CLOSE, payload[0:0] if code == frames.NO_STATUS else payload[0:2])
        self.closing = True

    def advance(self) -> None:
        """Work on what has arrived until there is something to send or bytes are missing."""
        while self.out_size == 0:
            reader = self.reader
            if not reader.ready:
                fresh = reader.have == 0
                self.inlet.use(reader.feed(self.inlet.data()))
                if reader.failure != 0:
                    self.close(reader.failure)
                    return
                if fresh and reader.have != 0:
                    self.frame_deadline = io.now() + limits.frame_ms
                if not reader.ready:
                    return
                if reader.opcode < frames.CLOSE:
                    self.begin_data()
            if reader.opcode >= frames.CLOSE:
                if self.inlet.length() < reader.length:
                    self.inlet.make_room(0)
                    return
                self.take_control()
            elif not self.take_data():
                return

    def begin_data(self) -> None:
        """A data frame's header is complete."""
        self.left = self.reader.length
        if self.reader.opcode != frames.CONTINUATION:
            self.message.opcode = self.reader.opcode
        self.message.reserve(self.message.length + self.left)

    def take_control(self) -> None:
        """A control frame is complete (section 5.5)."""
        reader = self.reader
        size = reader.length
        payload = buffer(self.inlet.memory + self.inlet.start, size)
        frames.unmask(payload, reader.mask, 0)
        if reader.opcode == frames.PING:
            self.put_control(frames.PONG, payload)
        elif reader.opcode == frames.CLOSE:
            code = frames.close_code(payload)
            if size > 2 and code != frames.PROTOCOL_ERROR and not is_utf8(payload[2:]):
                code = frames.INVALID_DATA
            self.close(code)
        self.inlet.use(size)
        reader.next()

    def take_data(self) -> bool:
        """Move what has arrived of a data frame to the message. False: more bytes have to come first."""
        if self.left > 0 and self.inlet.length() > 0:
            if not self.message.reserve(self.message.length + 1):
                return self.flush()
            count = least(self.left, least(self.inlet.length(), self.message.room - self.message.length))
            memory_copy(self.message.tail(), self.inlet.memory + self.inlet.start, count)
            self.inlet.use(count)
            return self.taken(count)
        if self.left == 0:
            self.end_frame()
            return True
        self.direct = False
        if self.left >= self.inlet.size:
            if not self.message.reserve(self.message.length + 1):
                return self.flush()
            self.direct = True
        return False

    def taken(self, count: i64) -> bool:
        """`count` masked bytes were put at the message's tail; True."""
        added = buffer(self.message.tail(), count)
        unmask(added, self.reader.mask, self.reader.length - self.left)
        self.left -= count
        self.message.length += count
        if self.reader.message_opcode == frames.TEXT and not self.text.feed(added):
            self.close(frames.INVALID_DATA)
        return True

    def end_frame(self) -> None:
        """All of a data frame is there."""
        reader = self.reader
        whole = reader.fin
        is_text = reader.message_opcode == frames.TEXT
        reader.next()
        if whole and is_text and not self.text.complete():
            self.close(frames.INVALID_DATA)
        elif whole:
            self.send_message(True)

    def flush(self) -> bool:
        """No room is left: send what was collected as a fragment, or give up if there is no memory at all; True."""
        if self.message.memory == null:
            self.close(TRY_AGAIN_LATER)
        else:
            self.send_message(False)
        return True

    def send_message(self, fin: bool) -> None:
        """Set the collected payload to be sent as one frame, its header put before it."""
        message = self.message
        if message.memory == null and not message.reserve(1):
            self.close(TRY_AGAIN_LATER)
            return
        size = frames.header_size(message.length)
        start = message.memory + (HEADROOM - size)
        frames.put_header(buffer(start, size), 0, fin, message.opcode, message.length)
        self.out = start
        self.out_size = size + message.length
        message.opcode = frames.CONTINUATION

    def sent(self) -> None:
        """Everything to be sent has been."""
        message = self.message
        if message.memory != null and self.out != self.control.ptr:
            message.length = 0
            if message.room > 2 * SMALL and self.left == 0:
                message.release()
        self.out_size = 0

    def target(self) -> ptr[u8]:
        """Where the next bytes are to be received."""
        return self.message.tail() if self.direct else self.inlet.tail()

    def target_room(self) -> i64:
        """How many at most."""
        if self.direct:
            return least(self.left, self.message.room - self.message.length)
        return self.inlet.room()

    def arrived(self, count: i64) -> bool:
        """`count` bytes were received to `target`. True when more are likely to be there."""
        self.pinged = False
        if not self.direct:
            return self.inlet.received(count)
        self.direct = False
        self.taken(count)
        return self.left > 0

    def deadline(self) -> i64:
        """Until when to wait for bytes."""
        idle = io.now() + limits.ping_ms
        if self.reader.have != 0 and self.frame_deadline < idle:
            return self.frame_deadline
        return idle

    def silence(self) -> bool:
        """No bytes came in time: ping, once. False when the peer has to be given up."""
        if self.reader.have != 0 and io.now() >= self.frame_deadline:
            self.close(POLICY_VIOLATION)
            return True
        if self.pinged:
            return False
        self.pinged = True
        self.put_control(frames.PING, b"")
        return True


def least(a: i64, b: i64) -> i64:
    """The smaller one."""
    return a if a < b else b


async def echo(inlet: ptr[Inlet], welcome: bool) -> bool:
    """Echo until the end. True: a close frame was sent, wait for the peer to close the connection."""
    session = Session()
    session.begin(inlet, welcome)
    eager = False  # the client waits for our half of the handshake first
    gone = False
    while not gone:
        session.advance()
        if session.out_size > 0:
            gone = await Send(inlet.fd, session.out, session.out_size, limits.send_ms) < 0
            session.sent()
            if session.closing:
                break
        else:
            count = await Receive(
                inlet.fd, session.target(), session.target_room(), session.deadline(), eager
            )
            if count > 0:
                eager = session.arrived(count)
            elif count == -ETIMEDOUT:
                gone = not session.silence()
            else:
                gone = True
    session.message.release()
    return not gone
