"""HTTP/1.1 request heads (RFC 9112), parsed as their bytes arrive; no input or output here.

The caller keeps the bytes of one request contiguous and calls `feed` with all of them whenever more came; no byte is
examined twice. Lines end with CRLF only: a bare LF or CR is refused, since proxies disagree about them.
"""

from guest.lang import i64, pure, struct, u8, u32
from guest.rt.base64 import is_sixteen_bytes
from guest.rt.origin import may_connect
from guest.rt.text import SPACE, TAB, equals_ignoring_case, has_token, parse_decimal, strip

HEAD_LIMIT = 8192  # bytes of one request line and its header lines together
HEADERS_LIMIT = 64
BODY_LIMIT = 1 << 20  # bytes of a request body, which the server reads and forgets

# What feed() returns, beside the status code of an error.
MORE = 0
COMPLETE = 1

# Method
UNKNOWN = 0
GET = 1
HEAD = 2
OTHER = 3  # of RFC 9110 section 9.3 or RFC 5789, but not served here

CR = 13
LF = 10
COLON = 0x3A
SLASH = 0x2F
QUESTION = 0x3F

# Characters of a token (RFC 9110 section 5.6.2): one bit each for codes 32 to 63, 64 to 95, 96 to 127.
TOKEN_BITS_32 = 0x03FF6CFA
TOKEN_BITS_64 = 0xC7FFFFFE
TOKEN_BITS_96 = 0x57FFFFFF


@pure
def is_token_character(c: u8) -> bool:
    """Whether `c` may stand in a method or a field name."""
    bit = u32(1) << u32(c & 31)
    row = c >> 5
    if row == 1:
        return (TOKEN_BITS_32 & bit) != 0
    if row == 2:
        return (TOKEN_BITS_64 & bit) != 0
    if row == 3:
        return (TOKEN_BITS_96 & bit) != 0
    return False


@pure
def is_token(text: bytes) -> bool:
    """Whether `text` is a token: not empty, and of token characters only."""
    for i in range(len(text)):
        if not is_token_character(u8(text[i])):
            return False
    return len(text) != 0


@pure
def method_of(name: bytes) -> u32:
    """The method that `name` spells; methods are case-sensitive."""
    if name == b"GET":
        return GET
    if name == b"HEAD":
        return HEAD
    if name == b"POST" or name == b"PUT" or name == b"DELETE" or name == b"PATCH":
        return OTHER
    if name == b"OPTIONS" or name == b"TRACE" or name == b"CONNECT":
        return OTHER
    return UNKNOWN


@pure
def value_start(data: bytes, after_colon: i64) -> i64:
    """The offset of a field's value: behind the spaces and tabs that may follow the colon."""
    at = after_colon
    while at < len(data) and (data[at] == SPACE or data[at] == TAB):
        at += 1
    return at


@pure
@struct
class Request:
    """One request head. Offsets count from its first byte; they are valid once `feed` returned COMPLETE."""

    scanned: i64  # bytes known to hold no line end that was not yet handled
    line_start: i64
    request_line_seen: bool
    head_length: i64  # through the empty line
    method: u32
    minor_version: u32
    path_start: i64
    path_end: i64  # without the query; an empty path (absolute form) means "/"
    header_count: u32
    host_count: u32
    host_start: i64
    host_end: i64
    origin_count: u32
    origin_start: i64
    origin_end: i64
    is_trusted: bool  # by its Host and Origin: see guest.rt.origin
    content_length: i64 = -1  # -1: no such field
    transfer_encoding: bool
    chunked: bool
    connection_close: bool
    connection_keep_alive: bool
    connection_upgrade: bool
    upgrade_websocket: bool
    expects_continue: bool
    expects_other: bool
    version_count: u32  # Sec-WebSocket-Version fields
    version_is_13: bool
    key_count: u32  # Sec-WebSocket-Key fields
    key_is_good: bool
    key_start: i64

    def feed(self, data: bytes) -> u32:
        """Look at all bytes so far of this request: MORE, COMPLETE, or the status code (400 and up) that it deserves."""
        at = i64(self.scanned)
        start = i64(self.line_start)
        while at < len(data):
            c = u8(data[at])
            if c >= 32 and c != 127 and (self.request_line_seen or at != start or is_token_character(c)):
                at += 1
            elif c == CR and at + 1 == len(data):
                break
            elif c == CR and data[at + 1] == LF and at + 2 <= HEAD_LIMIT:
                status = u32(self.take_line(data, start, at))
                if status != MORE:
                    return status
                at += 2
                start = at
            elif c == TAB and self.request_line_seen:
                at += 1
            elif c == CR and data[at + 1] == LF:
                return self.too_long()
            else:
                return 400  # also at once for what is not HTTP at all, a TLS greeting say: its line may never end
        self.scanned = at
        self.line_start = start
        if len(data) >= HEAD_LIMIT:
            return self.too_long()
        return MORE

    def too_long(self) -> u32:
        """The status for a head beyond the limit: 414 while it is the request line, 431 then."""
        if self.request_line_seen:
            return 431
        return 414

    def take_line(self, data: bytes, start: i64, end: i64) -> u32:
        """Handle the line data[start:end]: MORE to go on, COMPLETE at the empty line, or a status code."""
        if not self.request_line_seen:
            if start == end:
                return MORE  # RFC 9112 section 2.2: an empty line before the request line is ignored
            self.request_line_seen = True
            return self.take_request_line(data, start, end)
        if start == end:
            self.head_length = end + 2
            host = data[self.host_start : self.host_end]
            origin = data[self.origin_start : self.origin_end]
            self.is_trusted = self.origin_count <= 1 and may_connect(host, origin)
            return self.judge()
        self.header_count += 1
        if self.header_count > HEADERS_LIMIT:
            return 431
        return self.take_header(data, start, end)

    def take_request_line(self, data: bytes, start: i64, end: i64) -> u32:
        """Read `method SP request-target SP HTTP-version` (RFC 9112 section 3)."""
        first = start
        while first < end and data[first] != SPACE:
            first += 1
        second = first + 1
        while second < end and data[second] != SPACE:
            if data[second] > 126 or data[second] == 0x23:
                return 400  # a target has no '#' and nothing beyond ASCII
            second += 1
        if second >= end or second == first + 1 or not is_token(data[start:first]):
            return 400
        version = data[second + 1 : end]
        if len(version) != 8 or version[0:5] != b"HTTP/" or version[6] != 0x2E:
            return 400
        if parse_decimal(version[5:6], 9) < 0 or parse_decimal(version[7:8], 9) < 0:
            return 400
        if version[5] != 0x31:
            return 505
        self.minor_version = u32(version[7]) - 0x30
        self.method = method_of(data[start:first])
        return self.take_target(data, first + 1, second)

    def take_target(self, data: bytes, start: i64, end: i64) -> u32:
        """Find the path in any of the four forms of a request target (RFC 9112 section 3.2)."""
        self.path_start = start
        self.path_end = end
        if data[start] != SLASH:
            if self.method == OTHER:
                return MORE  # "*" or an authority: whatever it names, the method is not served
            if end - start < 8 or not equals_ignoring_case(data[start : start + 7], b"http://"):
                return 400
            self.path_start = start + 7
            while (
                self.path_start < end and data[self.path_start] != SLASH and data[self.path_start] != QUESTION
            ):
                self.path_start += 1
            if self.path_start == start + 7:
                return 400
        query = self.path_start
        while query < end and data[query] != QUESTION:
            query += 1
        self.path_end = query
        return MORE

    def take_header(self, data: bytes, start: i64, end: i64) -> u32:
        """Read `field-name ":" OWS field-value OWS` (RFC 9112 section 5); a folded line is refused (5.2)."""
        colon = start
        while colon < end and data[colon] != COLON:
            if not is_token_character(u8(data[colon])):
                return 400
            colon += 1
        if colon == start or colon == end:
            return 400
        return self.note_header(data[start:colon], strip(data[colon + 1 : end]), data, colon + 1)

    def note_header(self, name: bytes, value: bytes, data: bytes, after_colon: i64) -> u32:
        """Keep what the server needs to know of one header field; MORE or a status code."""
        length = len(name)
        if length == 4 and equals_ignoring_case(name, b"host"):
            self.host_count += 1
            self.host_start = value_start(data, after_colon)
            self.host_end = self.host_start + len(value)
            for i in range(len(value)):
                if value[i] <= 32 or value[i] == SLASH or value[i] == 0x40 or value[i] == 0x2C:
                    return 400
        elif length == 6 and equals_ignoring_case(name, b"expect"):
            if equals_ignoring_case(value, b"100-continue"):
                self.expects_continue = True
            else:
                self.expects_other = True
        elif length == 6 and equals_ignoring_case(name, b"origin"):
            self.origin_count += 1
            self.origin_start = value_start(data, after_colon)
            self.origin_end = self.origin_start + len(value)
        elif length == 7 and equals_ignoring_case(name, b"upgrade"):
            if has_token(value, b"websocket"):
                self.upgrade_websocket = True
        elif length == 10 and equals_ignoring_case(name, b"connection"):
            self.connection_close = self.connection_close or has_token(value, b"close")
            self.connection_keep_alive = self.connection_keep_alive or has_token(value, b"keep-alive")
            self.connection_upgrade = self.connection_upgrade or has_token(value, b"upgrade")
        elif length == 14 and equals_ignoring_case(name, b"content-length"):
            return self.note_content_length(value)
        elif length == 17 and equals_ignoring_case(name, b"transfer-encoding"):
            if self.transfer_encoding or not equals_ignoring_case(value, b"chunked"):
                return 501
            self.transfer_encoding = True
            self.chunked = True
        elif length == 17 and equals_ignoring_case(name, b"sec-websocket-key"):
            self.key_count += 1
            self.key_is_good = is_sixteen_bytes(value)
            self.key_start = value_start(data, after_colon)
        elif length == 21 and equals_ignoring_case(name, b"sec-websocket-version"):
            self.version_count += 1
            self.version_is_13 = value == b"13"
        return MORE

    def note_content_length(self, value: bytes) -> u32:
        """Take a Content-Length; a second one, or one that is no number, makes the framing unknown (RFC 9112 6.3)."""
        if self.content_length >= 0 or len(value) == 0:
            return 400
        for i in range(len(value)):
            if value[i] < 0x30 or value[i] > 0x39:
                return 400
        self.content_length = parse_decimal(value, BODY_LIMIT)
        if self.content_length < 0:
            return 413
        return MORE

    def judge(self) -> u32:
        """COMPLETE, or the status code for a head that is well formed line by line but wrong as a whole."""
        if self.host_count > 1 or (self.host_count == 0 and self.minor_version >= 1):
            return 400
        if self.transfer_encoding and (self.content_length >= 0 or self.minor_version == 0):
            return 400  # RFC 9112 section 6.1: a sign of request smuggling
        if self.method == UNKNOWN:
            return 501
        if self.expects_other:
            return 417
        return COMPLETE

    def keeps_alive(self) -> bool:
        """Whether the connection stays for another request (RFC 9112 section 9.3)."""
        if self.connection_close:
            return False
        return self.minor_version >= 1 or self.connection_keep_alive

    def has_body(self) -> bool:
        """Whether body bytes follow the head."""
        return self.chunked or self.content_length > 0
