"""guest.rt.responses: heads that http.client understands."""

import http.client
import io

import pytest

from guest.rt.responses import HEAD_ROOM, put_head, put_status


class Wire:
    """A socket for http.client that holds the response already."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self.data)


def read(data: bytes) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(Wire(data), method="GET")  # type: ignore[arg-type]
    response.begin()
    return response


STATUSES = [200, 400, 403, 404, 405, 408, 413, 414, 417, 426, 431, 501, 503, 505]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("keep", [False, True])
def test_a_status_is_a_whole_response(status: int, keep: bool) -> None:
    out = bytearray(HEAD_ROOM)
    size = put_status(out, status, True, keep, False)
    response = read(bytes(out[:size]))
    reason = "Content Too Large" if status == 413 else http.client.responses[status]
    assert response.status == status
    assert response.reason == reason.replace("Request-URI", "URI") or status in (413, 414)
    assert response.read().decode() == f"{status} {response.reason}\n"
    assert response.will_close == (not keep)


def test_the_answer_to_head_has_no_body() -> None:
    out = bytearray(HEAD_ROOM)
    size = put_status(out, 404, False, True, False)
    assert bytes(out[:size]).endswith(b"Content-Length: 14\r\n\r\n")


def test_required_header_fields() -> None:
    out = bytearray(HEAD_ROOM)
    fields = {}
    for status in (405, 426):
        response = read(bytes(out[: put_status(out, status, True, True, False)]))
        fields |= dict(response.getheaders())
    assert fields["Allow"] == "GET, HEAD"
    assert fields["Sec-WebSocket-Version"] == "13"
    assert fields["Upgrade"] == "websocket"
    assert fields["Connection"] == "upgrade"


@pytest.mark.parametrize(
    ("keep", "http10", "connection"),
    [(True, False, None), (True, True, "keep-alive"), (False, False, "close"), (False, True, "close")],
)
def test_what_the_connection_field_says(keep: bool, http10: bool, connection: str | None) -> None:
    out = bytearray(HEAD_ROOM)
    size = put_head(out, 0, 200, b"text/plain", 0, keep, http10)
    assert read(bytes(out[:size])).getheader("Connection") == connection
