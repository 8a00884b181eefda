"""How statx, statfs, times, nodes and entries of directories show in a trace."""

import os
import stat
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from syscalls.args import Struct
from syscalls.data import UNUSED
from syscalls.structs import Timespec
from syscalls.types_attributes import Device, NodeType, OffsetPointer, Statfs, StatxBuffer, TimePair
from syscalls.types_entries import entries


def memory_of(data: bytes) -> Any:
    """A thread whose memory holds these bytes from address 4096 on, and nothing else."""

    def read(address: int, size: int) -> bytes:
        if address < 4096 or address + size > 4096 + len(data):
            raise OSError(14, "nothing there")
        return data[address - 4096 : address - 4096 + size]

    return SimpleNamespace(memory=SimpleNamespace(read=read))


def test_statx_by_its_names() -> None:
    raw = StatxBuffer.pack(
        0x17FF, 4096, 0x10, 2, 1, 3, 0o104755, 77, 5, 8, 0, *(struct.pack("<qI4x", n, 5) for n in range(4)), 8, 1, 254, 0, 27
    )  # fmt: skip
    shown = StatxBuffer.show(raw)
    assert shown["stx_mask"] == "STATX_BASIC_STATS|STATX_MNT_ID"
    assert shown["stx_attributes"] == "STATX_ATTR_IMMUTABLE"
    assert shown["stx_mode"] == "S_IFREG|S_ISUID|0755"
    assert shown["stx_mtime"] == {"tv_sec": 3, "tv_nsec": 5}
    assert Struct(StatxBuffer, raw).data() == shown
    assert StatxBuffer.size == 256


def test_statfs_by_its_names() -> None:
    shown = Statfs.show(Statfs.pack(0x9FA0, 4096, 0, 0, 0, 0, 0, b"\1\0\0\0\2\0\0\0", 255, 4096, 0x1021))
    assert (shown["f_type"], shown["f_flags"]) == ("PROC_SUPER_MAGIC", "ST_VALID|ST_RDONLY|ST_RELATIME")
    assert shown["f_fsid"] == {"val": ["0x1", "0x2"]}
    assert Statfs.size == 120


def test_pairs_of_times() -> None:
    pair = TimePair(Timespec)
    thread = memory_of(struct.pack("<4q", 1, 2, 9, 0x3FFFFFFE))
    shown = pair.capture(thread, 4096)
    assert shown == [{"tv_sec": 1, "tv_nsec": 2}, "UTIME_OMIT"]
    assert pair.text(shown) == "[{tv_sec=1, tv_nsec=2}, UTIME_OMIT]"
    assert pair.capture(thread, 0) is None
    assert pair.text(pair.capture(thread, 16)) == "0x10"


def test_offsets_behind_pointers() -> None:
    offset = OffsetPointer()
    thread = memory_of(struct.pack("<q", -1))
    assert offset.text(offset.capture(thread, 4096)) == "[-1]"
    assert offset.text(offset.capture(thread, 0)) == "NULL"
    assert offset.text(offset.capture(thread, 16)) == "0x10"


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (stat.S_IFIFO | 0o666, "S_IFIFO|0666"),
        (stat.S_IFCHR | 0o600, "S_IFCHR|0600"),
        (0o606, "0606"),
        (0o030000, "030000"),
    ],
)
def test_types_of_nodes(mode: int, text: str) -> None:
    assert NodeType().data(mode) == text


def test_numbers_of_devices_are_shown_for_devices() -> None:
    device = Device("mode")
    thread = memory_of(b"")
    assert device.capture(thread, os.makedev(1, 5), stat.S_IFCHR) == "makedev(0x1, 0x5)"
    assert device.capture(thread, 7, stat.S_IFIFO) == UNUSED


def test_entries_of_the_old_call() -> None:
    raw = struct.pack("<QqH", 7, 1, 24) + b"one\0\0\x08" + struct.pack("<QqH", 8, 2, 24) + b"sub\0\0\x04"
    shown = entries(raw, old=True)
    assert [(entry["d_name"], entry["d_type"]) for entry in shown] == [(b"one", "DT_REG"), (b"sub", "DT_DIR")]
