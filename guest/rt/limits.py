"""How long the server waits for its clients, in milliseconds; each can be set by an environment variable of its name."""

from guest.lang import i64, ptr, u8
from guest.rt.cstring import environment
from guest.rt.text import parse_decimal

LONGEST = 86400000

header_ms: i64 = 10000  # HEADER_MS: for a whole request head, from its first byte or the connection's start
body_ms: i64 = 30000  # BODY_MS: for a whole request body
idle_ms: i64 = 30000  # IDLE_MS: between two requests of a connection
send_ms: i64 = 10000  # SEND_MS: without the client taking a single byte of an answer
linger_ms: i64 = 2000  # LINGER_MS: for the client to close, after our last byte
ping_ms: i64 = 30000  # PING_MS: of WebSocket silence before a ping, and again before giving up
frame_ms: i64 = 60000  # FRAME_MS: for a whole WebSocket frame, from its first byte


def override(envp: ptr[ptr[u8]], name: bytes, value: i64) -> i64:
    """The milliseconds that the environment gives for `name`; `value` when it gives none, or nonsense."""
    given = parse_decimal(environment(envp, name), LONGEST)
    return value if given < 0 else given


def read_environment(envp: ptr[ptr[u8]]) -> None:
    """Apply what the environment says."""
    global header_ms, body_ms, idle_ms, send_ms, linger_ms, ping_ms, frame_ms
    header_ms = override(envp, b"HEADER_MS", header_ms)
    body_ms = override(envp, b"BODY_MS", body_ms)
    idle_ms = override(envp, b"IDLE_MS", idle_ms)
    send_ms = override(envp, b"SEND_MS", send_ms)
    linger_ms = override(envp, b"LINGER_MS", linger_ms)
    ping_ms = override(envp, b"PING_MS", ping_ms)
    frame_ms = override(envp, b"FRAME_MS", frame_ms)
