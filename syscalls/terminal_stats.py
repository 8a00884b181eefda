"""What stat(2) and statx(2) say of terminals: the guest's numbers in the place of the host's."""

import os
import struct

from syscalls.process import Thread
from syscalls.terminal_files import TTY_DEVICE, TerminalFile, inode_of
from syscalls.terminals import terminals_of

_INO, _RDEV = 8, 40  # offsets in struct stat
_STX_INO, _STX_MAJOR = 32, 128  # in struct statx; the minor number follows the major


def correct_stat(thread: Thread, address: int, file: TerminalFile | None = None) -> None:
    """Corrects a struct stat that the host has filled in, of an open terminal or of a device that a path has led to."""
    found = _shown(thread, file, thread.memory.u64(address + _RDEV) if file is None else 0)
    if found is not None:
        device, inode = found
        thread.memory.write(address + _RDEV, struct.pack("<Q", device))
        if inode:
            thread.memory.write(address + _INO, struct.pack("<Q", inode))


def correct_statx(thread: Thread, address: int, file: TerminalFile | None = None) -> None:
    """The same for a struct statx."""
    host = os.makedev(thread.memory.u32(address + _STX_MAJOR), thread.memory.u32(address + _STX_MAJOR + 4))
    found = _shown(thread, file, host)
    if found is not None:
        device, inode = found
        thread.memory.write(address + _STX_MAJOR, struct.pack("<II", os.major(device), os.minor(device)))
        if inode:
            thread.memory.write(address + _STX_INO, struct.pack("<Q", inode))


def _shown(thread: Thread, file: TerminalFile | None, host_device: int) -> tuple[int, int] | None:
    """st_rdev and st_ino as the guest is to see them (0: the host's); None for what is no terminal of its."""
    if file is not None:
        if file.device == TTY_DEVICE:
            return TTY_DEVICE, os.stat("/dev/tty").st_ino
        return file.device, file.inode or 0
    if os.major(host_device) == 5 or thread.process.system.terminals is None:
        return None
    terminal = terminals_of(thread.process.system).on_host_device(host_device)
    return None if terminal is None else (terminal.device, inode_of(terminal))
