"""Calls that few programs make any more: modify_ldt, ustat, sysfs, restart_syscall, remap_file_pages."""

import errno
import os
from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import Address, Flags, OutBytes, OutStruct, Result, Size, UInt
from syscalls.calls.paths import files_of
from syscalls.fds import Descriptor
from syscalls.flags import Map, Open, Prot
from syscalls.flags.system import Ldt, SysfsOption
from syscalls.memory import Region
from syscalls.process import Thread
from syscalls.scratch import WORK
from syscalls.streams import host_address
from syscalls.structs import Layout
from syscalls.table import syscall
from syscalls.types_files import MapFlags, ProtFlags

_PAGE = 4096
_WORD = (1 << 64) - 1
_DEFAULT_LDT = 128
_ENTRY = 16  # struct user_desc
_LDT_ENTRIES = 8192
_NO_CONTENTS = 3 << 1

Ustat = Layout(
    "ustat", ("i", "f_tfree"), ("4x", ""), ("Q", "f_tinode"), ("6s", "f_fname"), ("6s", "f_fpack"), ("4x", "")
)


@syscall(
    partial="the table is empty: setting a segment is ENOSYS, as of a kernel without CONFIG_MODIFY_LDT_SYSCALL"
)
def modify_ldt(
    thread: Thread, func: Annotated[int, Flags(Ldt)], ptr: Annotated[int, OutBytes()], bytecount: Size
) -> Result:
    """modify_ldt(2). The result is an int: an error comes without its upper half (arch/x86/kernel/ldt.c)."""
    try:
        return _modify_ldt(thread, func, ptr, bytecount)
    except OSError as error:
        return -(error.errno or errno.EFAULT) & 0xFFFFFFFF


def _modify_ldt(thread: Thread, func: int, ptr: int, count: int) -> int:
    if func == Ldt.LDT_READ:
        return 0
    if func == Ldt.LDT_READ_DEFAULT:
        count = min(count, _DEFAULT_LDT)
        thread.memory.write(ptr, bytes(count))
        return count
    number = errno.ENOSYS
    if func in (Ldt.LDT_WRITE, Ldt.LDT_WRITE_OLD):
        number = _judged(thread, ptr, count, func == Ldt.LDT_WRITE_OLD)
    return -number & 0xFFFFFFFF


def _judged(thread: Thread, ptr: int, count: int, old: bool) -> int:
    """write_ldt up to where it would set something."""
    if count != _ENTRY:
        return errno.EINVAL
    entry = thread.memory.read(ptr, _ENTRY)
    number, flags = (int.from_bytes(entry[at : at + 4], "little") for at in (0, 12))
    absent = flags >> 5 & 1
    if number >= _LDT_ENTRIES or (flags & _NO_CONTENTS == _NO_CONTENTS and (old or not absent)):
        return errno.EINVAL
    return errno.ENOSYS


@syscall
def ustat(thread: Thread, dev: UInt, ubuf: Annotated[int, OutStruct(Ustat)]) -> Result:
    """ustat(2), of the file systems that the guest's tree stands on."""
    tree = files_of(thread).tree
    known = {os.fstat(mount.fd).st_dev for mount in (tree.root, *tree.mounts.values())}
    if not any(_new_number(device) == dev for device in known):
        return -errno.EINVAL
    result = kernel.call2(numbers.ustat, dev, host_address(thread, ubuf))
    thread.memory.wrote(ubuf, Ustat.size)
    return result


def _new_number(device: int) -> int:
    """new_encode_dev()."""
    major, minor = os.major(device), os.minor(device)
    return minor & 0xFF | major << 8 | (minor & ~0xFF) << 12


@syscall
def sysfs(thread: Thread, option: Annotated[int, Flags(SysfsOption)], arg1: Address, arg2: Address) -> Result:
    """sysfs(2): the host kernel's kinds of file systems."""
    if option == SysfsOption.FS_COUNT:
        return kernel.call1(numbers.sysfs, SysfsOption.FS_COUNT)
    if option == SysfsOption.FS_INDEX:
        return kernel.call2(numbers.sysfs, option, host_address(thread, arg1))
    if option != SysfsOption.FS_NAME:
        return -errno.EINVAL
    scratch = thread.process.scratch
    result = kernel.call3(numbers.sysfs, option, arg1 & 0xFFFFFFFF, scratch.address + WORK)
    if result >= 0:
        name = bytes(scratch.view[WORK : WORK + 256]).partition(b"\0")[0]
        thread.memory.write(arg2, name + b"\0")
    return result


@syscall
def restart_syscall(thread: Thread) -> Result:
    """restart_syscall(2), which a program never calls itself: what a signal has interrupted begins anew by its own number."""
    return -errno.EINTR


@syscall(partial="the file has to be open still, for reading and writing; anonymous memory is EINVAL")
def remap_file_pages(
    thread: Thread, addr: Address, size: Size, prot: ProtFlags, pgoff: Size, flags: MapFlags
) -> Result:
    """remap_file_pages(2): since Linux 4.0 another mapping in the place of the old one (mm/mmap.c)."""
    start, size = addr & -_PAGE, size & -_PAGE
    end = start + size & _WORD
    if prot or end <= start or pgoff + size // _PAGE > _WORD:
        return -errno.EINVAL
    memory = thread.memory
    parts = memory.regions.parts(start, end)
    first = memory.regions.find(start)
    if first is None or not first.shared or not memory.regions.covered(start, end):
        return -errno.EINVAL
    if any(part.file != first.file or part.prot != first.prot for part in parts):
        return -errno.EINVAL
    entry = _open_file(thread, first)
    if entry is None:
        return -errno.EINVAL
    fixed = Map.MAP_SHARED | Map.MAP_FIXED | flags & Map.MAP_NONBLOCK
    memory.map(start, size, first.prot, fixed, entry.host, pgoff * _PAGE, first.name)
    return 0


def _open_file(thread: Thread, region: Region) -> Descriptor | None:
    """A descriptor of the file that is mapped, with the rights that the mapping has."""
    for entry in thread.fds.entries.values():
        access = entry.description.flags & Open.O_ACCMODE
        enough = access == Open.O_RDWR or (access == Open.O_RDONLY and not region.prot & Prot.PROT_WRITE)
        if enough and region.file is not None and entry.description.kind == "file":
            status = os.fstat(entry.host)
            if (status.st_dev, status.st_ino) == region.file:
                return entry
    return None
