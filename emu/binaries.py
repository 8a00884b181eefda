"""ELF files by what is mapped from them: the symbols, lines and frames of libraries and programs, read at the first question."""

import importlib
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from syscalls.elf import Bytes, ElfError, read
from syscalls.memory import Region, Regions

_KEPT = 32  # binaries, each with its file's bytes
_LARGEST = 256 << 20  # bytes of a file that are read
_Identity = tuple[int, int, int, int]


class Space(Protocol):
    """What is needed of an address space."""

    @property
    def regions(self) -> Regions:
        """What is mapped where."""
        ...

    def host(self, address: int) -> int:
        """The host address that backs `address`."""
        ...


class Binary:
    """One ELF file. Addresses are those of the file, without what a loader added. No file is too broken for it."""

    def __init__(self, load: Callable[[], bytes]) -> None:
        self._load = load
        self._data: bytes | None = None
        self._symbols: Any = None
        self._unwinder: Any = None

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        if self._data is None:
            self._data = self._load()
        return self._data

    @property
    def symbols(self) -> Any:
        """Its `emu.symbols.Symbols`."""
        if self._symbols is None:
            # The readers of ELF and DWARF tables are needed for few runs, and late.
            self._symbols = importlib.import_module("emu.symbols").Symbols(self.data)
        return self._symbols

    def rule(self, address: int) -> Any:
        """How the caller of what runs there is found: an `emu.unwind.Rule`, or None."""
        if self._unwinder is None:
            self._unwinder = importlib.import_module("emu.unwind").Unwinder(self.data)
        return self._unwinder(address)

    def address_of(self, offset: int) -> int | None:
        """The address at which a loader puts what is at this offset of the file; None when it puts it nowhere."""
        try:
            segments = read(Bytes(self.data), "binary").segments
        except ElfError:
            return None
        for segment in segments:
            start = segment.offset & -4096
            if start <= offset < segment.file_end:
                return (segment.address & -4096) + offset - start
        return None


class Module(NamedTuple):
    """A binary as it is mapped: `base` was added to its addresses, `name` is its file's."""

    binary: Binary
    base: int
    name: str


def module_at(space: Space, region: Region) -> Module | None:
    """What a file mapping is a mapping of; None when it is no ELF, or its file is not to be found any more."""
    path = _host_path(space.host(region.start))
    if path is None or region.file is None:
        return None
    binary = binary_of(path, region.file)
    address = None if binary is None else binary.address_of(region.offset)
    if binary is None or address is None:
        return None
    return Module(binary, region.start - address, region.name.rpartition("/")[2])


_binaries: OrderedDict[_Identity, Binary] = (
    OrderedDict()
)  # files that were looked into, the last one used at the end


def binary_of(path: bytes, file: tuple[int, int]) -> Binary | None:
    """The binary at a host path, if the file there is the one with this device and inode; read when it is first asked."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if (status.st_dev, status.st_ino) != file or status.st_size > _LARGEST:
        return None
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    binary = _binaries.pop(key, None) or Binary(lambda: _content(path, key))
    _binaries[key] = binary
    if len(_binaries) > _KEPT:
        _binaries.popitem(last=False)
    return binary


def _content(path: bytes, key: _Identity) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns) != key:
                return b""  # another one by now
            return file.readall()
    except OSError:
        return b""


def _host_path(address: int) -> bytes | None:
    """The file that is mapped at an address of this process: the host's name for it, whatever the guest calls it."""
    with open("/proc/self/maps", "rb") as maps:
        for line in maps:
            fields = line.split(None, 5)
            low, _, high = fields[0].partition(b"-")
            if int(low, 16) <= address < int(high, 16):
                path = fields[5].rstrip(b"\n") if len(fields) == 6 else b""
                return path if path.startswith(b"/") and not path.endswith(b" (deleted)") else None
    return None
