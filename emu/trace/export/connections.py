"""One TCP connection as packets: handshake, data with continuous sequence numbers, the end; written once for both ends."""

from collections.abc import Callable
from dataclasses import dataclass, field

from emu.trace.export.packets import ACK, FIN, PSH, RST, SYN, Flow, Packet, tcp

UNACKNOWLEDGED = 1 << 20
"""Bytes in one direction after which the other one acknowledges without having something to say."""

Write = Callable[[Packet, int, str], None]
"""Takes a packet, its time in nanoseconds since the start of the run, and a comment."""

CLIENT, SERVER = 0, 1
"""The ends, and the directions by their senders."""


@dataclass(slots=True)
class _End:
    """What one end has sent, as far as anything in the trace tells."""

    next: int  # sequence number
    written: int = 0  # bytes of payload in the file
    sent: int = 0  # bytes by this end's own calls
    received: int = 0  # bytes by the other end's calls
    unacknowledged: int = 0
    finished: bool = False


@dataclass(slots=True)
class Connection:
    """`flow` is the client's direction; `owners` are the guest's sockets at the two ends, None for the world outside.

    Both ends may be the guest's: what one has sent and the other received is written when it is first seen.
    """

    flow: Flow
    number: int
    write: Write
    owners: list[object | None] = field(default_factory=lambda: [None, None])
    ends: tuple[_End, _End] = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        # Numbers that differ from connection to connection: ports are used again.
        start = self.number * 1_000_003
        self.ends = (_End(start), _End(start + 500_000_000))

    def open(self, begun: int, done: int) -> None:
        """The handshake: SYN when it was begun, the rest when it was done."""
        self._packet(CLIENT, begun, SYN)
        self._packet(SERVER, done, SYN | ACK)
        self._packet(CLIENT, done, ACK)

    @property
    def over(self) -> bool:
        """Whether both directions have ended."""
        return self.ends[CLIENT].finished and self.ends[SERVER].finished

    def sends(self, end: int, data: bytes, size: int, time: int, comment: str) -> None:
        """An end's own call has sent `size` bytes, of which the trace kept `data`."""
        sender = self.ends[end]
        sender.sent += size
        self._stream(end, sender.sent - size, data, size, time, comment)

    def receives(self, end: int, data: bytes, size: int, time: int, comment: str) -> None:
        """An end's own call has received `size` bytes."""
        sender = self.ends[1 - end]
        sender.received += size
        self._stream(1 - end, sender.received - size, data, size, time, comment)

    def finishes(self, end: int, time: int, comment: str) -> None:
        """An end sends no more; told again, nothing happens."""
        if not self.ends[end].finished:
            self._packet(end, time, FIN | ACK, comment=comment)
            self._packet(1 - end, time, ACK)
            self.ends[end].finished = True

    def breaks(self, end: int, time: int, comment: str) -> None:
        """An end has reset the connection."""
        if not self.over:
            self._packet(end, time, RST | ACK, comment=comment)
            self.ends[CLIENT].finished = self.ends[SERVER].finished = True

    def _stream(self, end: int, start: int, data: bytes, size: int, time: int, comment: str) -> None:
        sender = self.ends[end]
        known = sender.written - start
        if known >= size or sender.finished:
            return
        if known > 0:
            data, size = data[known:], size - known
        sender.written += size
        room = self.flow.room
        at = 0
        while at < size:
            length = min(room, size - at)
            last = at + length == size
            self._packet(end, time, ACK | PSH if last else ACK, data[at : at + length], length, comment)
            at += length
            if sender.unacknowledged >= UNACKNOWLEDGED:
                self._packet(1 - end, time, ACK)

    def _packet(
        self, end: int, time: int, flags: int, data: bytes = b"", size: int = 0, comment: str = ""
    ) -> None:
        sender, other = self.ends[end], self.ends[1 - end]
        self.count += 1
        acknowledged = other.next if flags & ACK else 0
        flow = self.flow if end == CLIENT else self.flow.back
        self.write(tcp(flow, sender.next, acknowledged, flags, data, size, self.count), time, comment)
        sender.next += size + (1 if flags & (SYN | FIN) else 0)
        sender.unacknowledged += size
        other.unacknowledged = 0
