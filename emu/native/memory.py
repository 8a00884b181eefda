"""The memory of a traced process, as the argument types of the table read it."""

import errno

from emu.native.ptrace import read_memory


class NativeMemory:
    """The reading half of `syscalls.memory.Memory`, by process_vm_readv(2)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes from `address`; raises EFAULT unless all of them are readable."""
        data = read_memory(self._pid, address, size)
        if len(data) < size:
            raise OSError(errno.EFAULT, "bad address")
        return data

    def readable(self, address: int, size: int) -> int:
        """How many bytes from `address` on can be read in one run: 0 to `size`."""
        return len(read_memory(self._pid, address, size))

    def cstring(self, address: int, limit: int = 4096) -> bytes:
        """The bytes before the NUL; raises EFAULT, or ENAMETOOLONG when `limit` bytes hold no NUL."""
        data = read_memory(self._pid, address, limit)
        end = data.find(b"\0")
        if end >= 0:
            return data[:end]
        raise OSError(errno.ENAMETOOLONG if len(data) == limit else errno.EFAULT, "no end")

    def u32(self, address: int) -> int:
        """The unsigned 32-bit little-endian value at `address`; raises EFAULT."""
        return int.from_bytes(self.read(address, 4), "little")

    def u64(self, address: int) -> int:
        """The unsigned 64-bit little-endian value at `address`; raises EFAULT."""
        return int.from_bytes(self.read(address, 8), "little")
