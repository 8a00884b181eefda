"""An address space's pages of files: where a file ends, and which pages are the common text of all address spaces."""

import fcntl
import os
import stat
from dataclasses import replace

from emu import bus_error
from emu.access import GuestBytes, Processor
from emu.account import Account, mapped_file
from emu.mirror import peek
from emu.pages import BEYOND_FILE, CHUNK_SHIFT, PAGE, READ
from emu.regions import Region, RegionMap
from emu.texts import File, Text
from syscalls.flags import Prot

_RIGHTS = Prot.PROT_READ | Prot.PROT_WRITE | Prot.PROT_EXEC


def page_bits(prot: int) -> int:
    """What a page table of x86 grants for PROT_*: there is no write-only and no execute-only page."""
    bits = prot & _RIGHTS
    return bits | READ if bits else 0


def _is_text(region: Region) -> bool:
    return not region.shared and region.prot & (Prot.PROT_WRITE | Prot.PROT_EXEC) == Prot.PROT_EXEC


class FilePages(GuestBytes):
    """The part of `emu.memory.AddressSpace` that knows files."""

    def __init__(self, cpu: Processor) -> None:
        super().__init__(cpu)
        self.regions = RegionMap()
        cpu.chunks.texts.spaces.add(self)

    def _as_file(self, region: Region, host_fd: int, account: Account) -> tuple[Region, Text | None, int]:
        """The region (offset included) as a mapping of the file that is open as `host_fd`, the text that it has in common with
        other address spaces, and where the file ends in it."""
        bus_error.install()
        status = os.fstat(host_fd)
        file = (status.st_dev, status.st_ino)
        texts = self._cpu.chunks.texts
        end, text = region.end, None
        if stat.S_ISREG(status.st_mode):
            end = min(end, region.start + max(0, -(-status.st_size // PAGE) * PAGE - region.offset))
        if region.shared:
            if fcntl.fcntl(host_fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
                texts.may_change(file)
            return replace(region, file=file), None, end
        memory = mapped_file(account, file, host_fd)
        if _is_text(region):
            text = texts.find(memory, status, region.offset, end - region.start)
        return replace(region, file=file, memory=memory), text, end

    def unshare(self, file: File) -> None:
        """To have pages of its own wherever this file is mapped."""
        for region in self.regions:
            if region.file == file and _is_text(region):
                self._pages.unshare(region.start, region.end)
        self._flush_pages()

    def refresh(self, address: int) -> bool:
        """Looks again whether a page beyond the end of a file has come into being; True: the access may be tried again."""
        region = self.regions.find(address)
        if region is None or region.file is None or not self.rights(address) & BEYOND_FILE:
            return False
        end = self._file_end(region)
        if address >= end:
            return False
        self._pages.set(region.start, end, page_bits(region.prot))
        self._flush_pages()
        return True

    def _file_end(self, region: Region) -> int:
        """Where in a file mapping the file ends now, up to a page: found by trying, as the descriptor may be gone."""
        low, high = 0, region.size // PAGE
        while low < high:
            middle = (low + high) // 2
            if peek(self.host(region.start + middle * PAGE), 1):
                low = middle + 1
            else:
                high = middle
        return region.start + low * PAGE

    def take_bus_error(self) -> int | None:
        """The guest address of an access that the host refused since the last call: its file was cut after it was mapped."""
        host = self._cpu.take_bus_error()
        address = self._guest_address(host) if host else None
        if address is not None:
            page = address & -PAGE
            self._flush_code(page, PAGE)  # the zeros that stand there now
            self._pages.set(page, page + PAGE, BEYOND_FILE)
            self._flush_pages()
        return address

    def _guest_address(self, host: int) -> int | None:
        for index, base in self._bases.items():
            if (host - base) >> CHUNK_SHIFT == index:
                return host - base
        found = self._cpu.chunks.texts.broken(host)
        if found is not None:
            file, offset = found
            for region in self.regions:
                if region.file == file and _is_text(region) and 0 <= offset - region.offset < region.size:
                    return region.start + offset - region.offset
        return None
