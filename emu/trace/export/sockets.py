"""Follows the guest's sockets through a trace and turns what they moved into packets."""

import re
import socket
from collections import OrderedDict, deque
from typing import Any

from emu.trace.export.connections import CLIENT, SERVER, Connection, Write
from emu.trace.export.packets import Address, Flow, udp
from emu.trace.export.transfer import Transfer, transfers
from emu.trace.holdings import is_cloexec

_TEXT = re.compile(r"(TCP|UDP)(?: (.*?))?(?:(<-|->)(.*))?")
_MAPPED = b"\0" * 10 + b"\xff\xff"
_IN_FLIGHT = 10_000
"""Datagrams that the guest has sent and may yet receive itself, at most."""


def address(text: str | None) -> Address | None:
    """`127.0.0.1:80`, `[::1]:80`; an IPv4 address in IPv6's clothes is what it is on the wire. None for anything else."""
    host, _, port = (text or "").rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        packed = socket.inet_pton(family, host.strip("[]").partition("%")[0])
    except (OSError, ValueError):
        return None
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        return None
    return Address(packed[12:] if packed.startswith(_MAPPED) else packed, int(port))


def sockaddr(data: dict[str, Any] | None) -> Address | None:
    """The same of a sockaddr as the trace shows it."""
    if data is None:
        return None
    if "sin6_addr" in data:
        return address(f"[{data['sin6_addr']}]:{data.get('sin6_port')}")
    return address(f"{data.get('sin_addr')}:{data.get('sin_port')}")


class Sockets:
    """Takes the records of a trace in file order and calls `write` for each packet.

    `cut` counts the packets whose payload the trace has not kept whole, `unix` the Unix sockets, which have no packets,
    `nowhere` the transfers of sockets whose ends nothing tells.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._table: dict[tuple[int, int], Any] = {}
        self._cloexec: set[tuple[int, int]] = set()
        self._living: set[int] = set()
        self._sides: dict[Any, tuple[Connection, int]] = {}
        self._known: dict[tuple[Address, Address], Connection] = {}
        self._connects: dict[Any, tuple[int, int]] = {}
        self._deaf: set[Any] = set()
        self._unsent: dict[Any, list[tuple[Transfer, int, str]]] = {}
        self._in_flight: OrderedDict[tuple[int, int, int], deque[bytes]] = OrderedDict()
        self._unix: set[Any] = set()
        self._count = 0
        self.packets = 0
        self.cut = 0
        self.nowhere = 0

    @property
    def unix(self) -> int:
        """How many Unix sockets there were."""
        return len(self._unix)

    def record(self, record: dict[str, Any]) -> None:
        """Takes one record."""
        if record["event"] == "syscall":
            self._living.add(record["pid"])
            self._call(record)
        elif record["event"] == "process_start":
            self._forked(record["pid"], record.get("parent"))
        elif record["event"] == "exec":
            for owner, fd in [one for one in self._cloexec if one[0] == record["pid"]]:
                self._closed(owner, fd, record["time"], f"execve, process {owner}")
        elif record["event"] == "process_end":
            self._ended(record["pid"], record["time"])

    def _call(self, record: dict[str, Any]) -> None:
        fds = record.get("fds") or {}
        objects = record.get("objects") or {}
        end = record["time"] + record["duration"]
        for argument, text in fds.items():
            if type(text) is not str:
                continue
            key = objects.get(argument)
            key = text if type(key) is not int else key
            fd = record["result"] if argument == "result" else record["args"].get(argument)
            if type(fd) is int:
                self._table[record["pid"], fd] = key
                if argument == "result" and is_cloexec(record):
                    self._cloexec.add((record["pid"], fd))
            if text.startswith(("TCP", "UDP")):
                self._socket(record, argument, text, key, end)
            elif text.startswith("UNIX"):
                self._unix.add(key)
        self._ends_of_descriptors(record, end)

    def _socket(self, record: dict[str, Any], argument: str, text: str, key: Any, end: int) -> None:
        found = _TEXT.fullmatch(text)
        if found is None:
            return
        kind, own, arrow, peer = found.groups()
        comment = f"{record['name']}, call {record['sequence']}, thread {record['tid']}"
        moved = list(transfers(record)) if argument in ("fd", "out_fd") else []
        if kind == "UDP":
            self._datagrams(key, address(own), address(peer), moved, end, comment)
            return
        if record["name"] == "connect" and record["result"] in (0, -115):
            self._connects.setdefault(key, (record["time"], end))
        local, remote = address(own), address(peer)
        if arrow is None or local is None or remote is None:
            self.nowhere += any(transfer.size for transfer in moved)
            return
        connection, side = self._side(key, local, remote, arrow == "->", end)
        for transfer in moved:
            if transfer.size:
                step = connection.receives if transfer.incoming else connection.sends
                step(side, transfer.data, transfer.size, end, comment)
            elif transfer.incoming and record["registers"][2] and key not in self._deaf:
                connection.finishes(1 - side, end, comment)
        if record.get("error") == "ECONNRESET":
            connection.breaks(1 - side, end, comment)
        if record["name"] == "shutdown" and record["result"] == 0:
            how = record["args"].get("how")
            if how in ("SHUT_WR", "SHUT_RDWR"):
                connection.finishes(side, end, comment)
            if how in ("SHUT_RD", "SHUT_RDWR"):
                self._deaf.add(key)

    def _side(
        self, key: Any, local: Address, remote: Address, client: bool, time: int
    ) -> tuple[Connection, int]:
        """The connection of a socket, and which end of it the socket is."""
        known = self._sides.get(key)
        side = CLIENT if client else SERVER
        flow = Flow(local, remote) if client else Flow(remote, local)
        if known is not None and known[0].flow == flow:
            return known
        connection = self._known.get(flow)
        if connection is None or connection.owners[side] is not None or connection.over:
            self._count += 1
            connection = self._known[flow] = Connection(flow, self._count, self._packet)
            begun, done = self._connects.pop(key, (time, time)) if client else (time, time)
            connection.open(begun, done)
        connection.owners[side] = key
        self._sides[key] = (connection, side)
        return connection, side

    def _datagrams(
        self,
        key: Any,
        local: Address | None,
        peer: Address | None,
        moved: list[Transfer],
        time: int,
        comment: str,
    ) -> None:
        if local is None:  # it gets its port by sending; the next call on it tells
            for transfer in moved:
                self._unsent.setdefault(key, []).append((transfer, time, comment))
            return
        for transfer, then, what in self._unsent.pop(key, []):
            self._datagram(local, peer, transfer, then, what)
        for transfer in moved:
            self._datagram(local, peer, transfer, time, comment)

    def _datagram(
        self, local: Address, peer: Address | None, transfer: Transfer, time: int, comment: str
    ) -> None:
        other = sockaddr(transfer.address) or peer
        if other is None:
            self.nowhere += 1
            return
        if not any(local.host) or len(local.host) != len(other.host):  # bound to any address
            local = Address(b"\x7f\0\0\x01" if len(other.host) == 4 else b"\0" * 15 + b"\x01", local.port)
        flow = Flow(other, local) if transfer.incoming else Flow(local, other)
        if not self._seen(flow, transfer):
            size = min(transfer.size, 65507)
            self._packet(udp(flow, transfer.data[:size], size, self.packets), time, comment)

    def _seen(self, flow: Flow, transfer: Transfer) -> bool:
        """Whether a datagram that comes in is one that the guest has sent itself."""
        key = (flow.source.port, flow.target.port, transfer.size)
        waiting = self._in_flight.get(key)
        if not transfer.incoming:
            if waiting is None:
                waiting = self._in_flight[key] = deque(maxlen=_IN_FLIGHT)
                if len(self._in_flight) > _IN_FLIGHT:
                    self._in_flight.popitem(last=False)
            waiting.append(transfer.data)
        elif waiting:
            for data in waiting:
                if data.startswith(transfer.data) or transfer.data.startswith(data):
                    waiting.remove(data)
                    return True
        return False

    def _ends_of_descriptors(self, record: dict[str, Any], time: int) -> None:
        """Which descriptors a call has closed or made, so that the end of a socket is that of its last descriptor."""
        name, result, args, pid = record["name"], record["result"], record["args"], record["pid"]
        if result is None or result < 0:
            return
        fd = args["fd"] if type(args.get("fd")) is int else -1
        if name == "fcntl" and args.get("cmd") in ("F_DUPFD", "F_DUPFD_CLOEXEC"):
            self._table[pid, result] = self._table.get((pid, fd))
        elif name == "close":
            self._closed(pid, fd, time, f"close, call {record['sequence']}, thread {record['tid']}")
        elif name == "close_range" and "CLOEXEC" not in str(args.get("flags")):
            first, last = record["registers"][:2]
            for owner, fd in list(self._table):
                if owner == pid and first <= fd <= last:
                    self._closed(pid, fd, time, f"close_range, call {record['sequence']}")

    def _closed(self, pid: int, fd: Any, time: int, comment: str) -> None:
        self._cloexec.discard((pid, fd))
        key = self._table.pop((pid, fd), None)
        if key is None or (key not in self._sides and key not in self._unsent):
            return
        if key not in self._table.values():
            self._gone(key, time, comment)

    def _gone(self, key: Any, time: int, comment: str) -> None:
        self.nowhere += len(self._unsent.pop(key, []))
        self._deaf.discard(key)
        self._connects.pop(key, None)
        if key in self._sides:
            connection, side = self._sides.pop(key)
            connection.finishes(side, time, comment)
            if connection.over or None in connection.owners:
                self._known.pop(connection.flow, None)

    def _forked(self, pid: int, parent: Any) -> None:
        """A process begins with its maker's descriptors."""
        self._living.add(pid)
        for (owner, fd), key in list(self._table.items()):
            if owner == parent:
                self._table[pid, fd] = key
                if (owner, fd) in self._cloexec:
                    self._cloexec.add((pid, fd))

    def _ended(self, pid: int, time: int) -> None:
        self._living.discard(pid)
        if not self._living:
            self._all_closed(time)
            return
        for owner, fd in [one for one in self._table if one[0] == pid]:
            self._closed(owner, fd, time, f"the end of process {pid}")

    def _all_closed(self, time: int) -> None:
        for key in [*self._sides, *self._unsent]:
            self._gone(key, time, "the end of the process")
        self._table.clear()

    def _packet(self, packet: Any, time: int, comment: str) -> None:
        self.packets += 1
        self.cut += len(packet.data) < packet.size
        self._write(packet, time, comment)
