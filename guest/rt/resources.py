"""What a server offers at a path: a page, whose responses are prepared once, or a WebSocket, or both."""

from guest.lang import addr, array, buffer, extern, i64, null, ptr, struct, u8, u64
from guest.rt import heap
from guest.rt.responses import HEAD_ROOM, put_head
from guest.rt.text import put

# Forms of a prepared response
KEEP = 0
CLOSE = 1
KEEP_HTTP10 = 2


@struct
class Response:
    """A whole response in memory; the answer to HEAD is its first `head` bytes."""

    memory: ptr[u8]
    head: i64
    size: i64


@struct
class Resource:
    """One path's offer."""

    has_page: bool
    has_websocket: bool
    welcomes: bool  # a greeting is the first message of the WebSocket
    responses: array[Response, 3]

    def prepare(self, kind: bytes, body: bytes, fields: bytes = b"") -> bool:
        """Make the responses with this media type, body and further header lines; False when there is no memory."""
        self.has_page = True
        room = len(body) + HEAD_ROOM + len(fields)
        for form in range(3):
            memory = heap.allocate(u64(room))
            if memory == null:
                return False
            out = buffer(memory, room)
            head = put_head(out, 0, 200, kind, len(body), form != CLOSE, form == KEEP_HTTP10, fields)
            response = addr(self.responses[form])
            response.memory = memory
            response.head = head
            response.size = put(out, head, body)
        return True


@extern
def find_resource(path: bytes) -> ptr[Resource]: ...
