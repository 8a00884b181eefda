"""Pcapng: what the guest's sockets moved, as packets with made-up headers, for Wireshark and its kin."""

from collections.abc import Iterable
from typing import Any, BinaryIO

from emu.trace.export.packets import Packet, PcapNg
from emu.trace.export.sockets import Sockets


def write(records: Iterable[dict[str, Any]], header: dict[str, Any], out: BinaryIO) -> list[str]:
    """Writes the packets; notes what the file does not hold."""
    file = PcapNg(out, f"emu {header.get('emu', '')}".strip())
    started = header.get("started", 0)

    def put(packet: Packet, time: int, comment: str) -> None:
        file.write(packet, started + time, comment)

    sockets = Sockets(put)
    for record in records:
        sockets.record(record)
    return _notes(sockets, header)


def _notes(sockets: Sockets, header: dict[str, Any]) -> list[str]:
    notes = []
    if sockets.cut:
        kept = f" more than {header['payload_limit']} bytes" if "payload_limit" in header else " all bytes"
        notes.append(
            f"{sockets.cut:,} of {sockets.packets:,} packets are cut: the trace did not keep{kept} of a buffer; "
            "trace again with -s 65536"
        )
    if sockets.unix:
        notes.append(f"{sockets.unix:,} Unix sockets are left out: they have no packets")
    if sockets.nowhere:
        notes.append(
            f"{sockets.nowhere:,} transfers are left out: nothing tells the addresses of their sockets"
        )
    if not sockets.packets:
        notes.append("no packets: no TCP or UDP socket moved anything in these records")
    return notes
