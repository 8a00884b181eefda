"""The bytes of a guest: access for handlers, checked against the page table, over host memory that mirrors the guest's."""

import ctypes
import errno
import os
import struct
from typing import Any, NoReturn, Protocol

from emu.chunks import Chunk, ChunkPool
from emu.mirror import Mirror
from emu.pages import CHUNK, CHUNK_SHIFT, EXEC, PAGE, READ, WRITE, PageTable, Space

_OFFSET = CHUNK - 1
_IN_PAGE = PAGE - 1
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class Processor(Protocol):
    """What an address space needs of a CPU (`emu.cpu.Cpu`)."""

    @property
    def chunks(self) -> ChunkPool: ...
    @property
    def space(self) -> Space | None: ...
    def use(self, space: Space | None) -> None: ...
    def flush_pages(self) -> None: ...
    def flush_code(self, address: int, size: int) -> None: ...
    def take_bus_error(self) -> int: ...
    def stop(self) -> None: ...


def fail(number: int) -> NoReturn:
    """Raises OSError with the system's text."""
    raise OSError(number, os.strerror(number))


class GuestBytes:
    """Reading and writing. What is mapped where is the business of `emu.memory.AddressSpace`."""

    def __init__(self, cpu: Processor) -> None:
        self._cpu = cpu
        self._pages = PageTable()
        self._mirror = Mirror()
        self._held: list[Chunk] = []
        self._bases = self._mirror.bases
        self._tables = self._pages.tables
        self._views: dict[int, memoryview] = {}
        self._chars: dict[int, Any] = {}  # the same as arrays of c_char, whose slices are bytes
        self._self_modifying = 0  # bytes that are both writable and executable
        self.directory_address = self._pages.directory_address
        if cpu.space is None:
            cpu.use(self)

    def activate(self) -> None:
        """Makes this address space the one that the CPU uses."""
        if self._cpu.space is not self:
            self._cpu.use(self)

    def host(self, address: int) -> int:
        """The host address behind `address`; raises EFAULT outside the user range."""
        base = self._bases.get(address >> CHUNK_SHIFT)
        return base + address if base is not None else self._mirror.host(address)

    def readable(self, address: int, size: int) -> int:
        """How many of `size` bytes from `address` on can be read without a gap."""
        return self._pages.run(address, size, READ)

    def rights(self, address: int) -> int:
        """The page table's entry at `address`: READ | WRITE | EXEC, or 0, or BEYOND_FILE."""
        return self._pages.get(address)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes; raises EFAULT unless all are readable."""
        if 0 < size <= PAGE - (address & (PAGE - 1)):  # the usual case, which every traced call takes
            index = address >> CHUNK_SHIFT
            table = self._tables.get(index)
            offset = address & _OFFSET
            if table is None or not table[offset >> 12] & READ:
                fail(errno.EFAULT)
            found: bytes = self._chars[index][offset : offset + size]
            return found
        if size <= 0:
            return b""
        if self._pages.run(address, size, READ) < size:
            fail(errno.EFAULT)
        head = CHUNK - (address & _OFFSET)
        if size <= head:
            return ctypes.string_at(self._bases[address >> CHUNK_SHIFT] + address, size)
        return self.read(address, head) + self.read(address + head, size - head)

    def write(self, address: int, data: bytes) -> None:
        """Stores `data`; raises EFAULT unless the whole range is writable."""
        size = len(data)
        if not size:
            return
        if self._pages.run(address, size, WRITE) < size:
            fail(errno.EFAULT)
        head = CHUNK - (address & _OFFSET)
        offset = address & _OFFSET
        if size <= head:
            self._views[address >> CHUNK_SHIFT][offset : offset + size] = data
        else:
            self.write(address, data[:head])
            self.write(address + head, data[head:])
        if self._self_modifying:
            self.wrote(address, size)

    def cstring(self, address: int, limit: int = PAGE) -> bytes:
        """The bytes before the NUL; raises EFAULT, or ENAMETOOLONG when `limit` bytes hold none."""
        size = self._pages.run(address, limit, READ)
        step = min(size, 256)
        head = self.read(address, step)
        end = head.find(b"\0")
        if end < 0 and size > step:
            head += self.read(address + step, size - step)
            end = head.find(b"\0", step)
        if end >= 0:
            return head[:end]
        fail(errno.ENAMETOOLONG if size == limit else errno.EFAULT)

    def u32(self, address: int) -> int:
        """The unsigned 32-bit value; raises EFAULT."""
        offset = address & _OFFSET
        table = self._tables.get(address >> CHUNK_SHIFT)
        if table is not None and not offset & 3 and table[offset >> 12] & READ:
            return int(_U32.unpack_from(self._views[address >> CHUNK_SHIFT], offset)[0])
        if self._pages.run(address, 4, READ) < 4:
            fail(errno.EFAULT)
        if offset > CHUNK - 4:
            return int(_U32.unpack(self.read(address, 4))[0])
        return int(_U32.unpack_from(self._views[address >> CHUNK_SHIFT], offset)[0])

    def u64(self, address: int) -> int:
        """The unsigned 64-bit value; raises EFAULT."""
        offset = address & _OFFSET
        if self._pages.run(address, 8, READ) < 8:
            fail(errno.EFAULT)
        if offset > CHUNK - 8:
            return int(_U64.unpack(self.read(address, 8))[0])
        return int(_U64.unpack_from(self._views[address >> CHUNK_SHIFT], offset)[0])

    def i32(self, address: int) -> int:
        """The signed 32-bit value; raises EFAULT."""
        value = self.u32(address)
        return value - (value >> 31 << 32)

    def put_u32(self, address: int, value: int) -> None:
        """Stores the low 32 bits; raises EFAULT."""
        self.write(address, _U32.pack(value & 0xFFFFFFFF))

    def put_u64(self, address: int, value: int) -> None:
        """Stores the low 64 bits; raises EFAULT."""
        self.write(address, _U64.pack(value & 0xFFFFFFFFFFFFFFFF))

    def wrote(self, address: int, size: int) -> None:
        """To be told of what a host call stored: drops translated code where the range is executable."""
        if self._self_modifying and size > 0 and self._pages.run(address, 1, EXEC):
            self._flush_code(address, size)

    def _flush_code(self, address: int, size: int) -> None:
        """Forgets the translation of code that the guest may still execute; shared text never changes."""
        # The engine must not be led to other pages, such as those behind the end of a file: its refusal would stay behind as a
        # fault of the guest's.
        own = list(self._pages.own_code(address, address + size))
        if not own:
            return
        cpu, before = self._cpu, self._cpu.space
        if before is not self:  # the engine finds the code by its virtual address
            cpu.use(self)
        for low, high in own:
            cpu.flush_code(low, high - low)
        if before is not self:
            cpu.use(before)

    def _flush_pages(self) -> None:
        """To be called when rights have been taken away; what is not in use has nothing in the CPU."""
        if self._cpu.space is self:
            self._cpu.flush_pages()
