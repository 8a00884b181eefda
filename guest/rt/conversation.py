"""One HTTP connection: what has arrived in, what to send out; the coroutine around it does the waiting.

`advance` works on the bytes that are there until there is something to send or bytes are missing. The errors that make
the rest of the stream unintelligible end the conversation; the others answer and go on.
"""

from guest.lang import addr, array, copy, i64, null, ptr, struct, u8, u32
from guest.rt import handshake, io, limits
from guest.rt.http import BODY_LIMIT, COMPLETE, HEAD, HEAD_LIMIT, MORE, OTHER, Request
from guest.rt.http_body import Body
from guest.rt.inlet import Inlet
from guest.rt.resources import CLOSE, KEEP, KEEP_HTTP10, Resource, find_resource
from guest.rt.responses import put_status

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = 200

# Phases
READING_HEAD = 0
READING_BODY = 1


@struct
class Conversation:
    """The state of one connection until it ends or becomes a WebSocket."""

    inlet: ptr[Inlet]
    phase: u32
    begun: bool  # the first byte of the request under way has come
    deadline: i64
    request: Request
    body: Body
    resource: ptr[Resource]
    status: u32
    keep: bool
    out: ptr[u8]
    out_size: i64
    closing: bool  # end after what is to be sent
    linger: bool  # and wait for the client to close first, as it may still be sending
    upgraded: bool
    text: array[u8, 384]

    def begin(self, inlet: ptr[Inlet]) -> None:
        """A connection has come."""
        self.inlet = inlet
        self.expect_request(True, limits.header_ms)

    def expect_request(self, begun: bool, patience: i64) -> None:
        """The next thing is a request head, for which there are `patience` ms."""
        copy(self.request, Request())
        self.phase = READING_HEAD
        self.begun = begun
        self.deadline = io.now() + patience

    def arrived(self) -> None:
        """More bytes are in the inlet."""
        if not self.begun:
            self.begun = True
            self.deadline = io.now() + limits.header_ms

    def advance(self) -> None:
        """Work until there is something to send, the end, or a lack of bytes (then `inlet` has room for them)."""
        while self.out_size == 0 and not self.closing:
            if self.phase == READING_HEAD:
                status = self.request.feed(self.inlet.data())
                if status == MORE:
                    if not self.inlet.make_room(HEAD_LIMIT):
                        self.fail(503)
                    return
                if status != COMPLETE:
                    self.fail(status)
                else:
                    self.take_head(self.inlet.data())
            else:
                self.inlet.use(self.body.feed(self.inlet.data()))
                if self.body.status != 0:
                    self.fail(self.body.status)
                elif self.body.done():
                    self.answer()
                else:
                    return

    def take_head(self, data: bytes) -> None:
        """A request head is complete: decide on the answer, and what is to be done with the body first."""
        request = self.request
        path = data[request.path_start : request.path_end]
        self.resource = find_resource(path)
        self.keep = request.keeps_alive()
        self.status = self.judge(request)
        if self.status == handshake.UPGRADE:
            key = data[request.key_start : request.key_start + handshake.KEY_LENGTH]
            self.out_size = handshake.put_upgrade(key, self.text)
            self.out = self.text.ptr
            self.upgraded = True
        self.inlet.use(request.head_length)
        if self.upgraded:
            return
        length = i64(0) if request.content_length < 0 else i64(request.content_length)
        self.body.begin(request.chunked, length, BODY_LIMIT)
        self.phase = READING_BODY
        self.deadline = io.now() + limits.body_ms
        if request.expects_continue and request.minor_version >= 1 and not self.body.done():
            if self.status != OK:
                # RFC 9110 section 10.1.1: the client has not sent the body and need not; whether it does is unknown.
                self.fail(self.status)
            elif self.inlet.length() == 0:
                self.out = CONTINUE.ptr
                self.out_size = len(CONTINUE)

    def judge(self, request: Request) -> u32:
        """The status code for a well-formed request."""
        if self.resource == null:
            return 404
        if request.method == OTHER:
            return 405
        if self.resource.has_websocket and (request.upgrade_websocket or not self.resource.has_page):
            return handshake.answer_to(request)
        return OK

    def answer(self) -> None:
        """The request is read to its end: set the response to be sent, and expect the next request."""
        request = self.request
        http10 = request.minor_version == 0
        if self.status == OK:
            form = i64(CLOSE)
            if self.keep:
                form = i64(KEEP_HTTP10) if http10 else i64(KEEP)
            response = addr(self.resource.responses[form])
            self.out = response.memory
            self.out_size = response.head if request.method == HEAD else response.size
        else:
            self.out = self.text.ptr
            self.out_size = put_status(self.text, self.status, request.method != HEAD, self.keep, http10)
        if self.keep:
            begun = self.inlet.length() != 0
            self.expect_request(begun, limits.header_ms if begun else limits.idle_ms)
        else:
            self.end(self.inlet.length() != 0)

    def fail(self, status: u32) -> None:
        """Answer with an error after which nothing on this connection can be understood."""
        self.upgraded = False
        self.out = self.text.ptr
        self.out_size = put_status(self.text, status, self.request.method != HEAD, False, False)
        self.end(True)

    def end(self, linger: bool) -> None:
        """End once everything is sent."""
        self.closing = True
        self.linger = linger

    def stopped(self, timed_out: bool) -> None:
        """No more bytes come: the client closed or reset the connection, or its time is up."""
        self.end(False)
        if timed_out and self.begun and self.inlet.length() + self.request.head_length != 0:
            self.fail(408)
