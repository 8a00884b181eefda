"""Constants as text: what strace would write."""

import fcntl
import mmap
import os

import pytest

from syscalls.flags import Access, At, Fcntl, FileType, Ioctl, Madvise, Map, Open, Prot, Seek
from syscalls.flags.base import EnumSet, FlagSet


@pytest.mark.parametrize(
    ("names", "value", "text"),
    [
        (Open, 0, "O_RDONLY"),
        (Open, 0o2101101, "O_WRONLY|O_CREAT|O_TRUNC|O_LARGEFILE|O_CLOEXEC"),
        (Open, 0o4010002, "O_RDWR|O_SYNC"),
        (Open, 0o20200001, "O_WRONLY|O_TMPFILE"),
        (Open, 0o10000, "O_RDONLY|O_DSYNC"),
        (Open, 1 << 31, "O_RDONLY|0x80000000"),
        (Open, -(1 << 31), "O_RDONLY|0x80000000"),
        (Prot, 0, "PROT_NONE"),
        (Prot, 5, "PROT_READ|PROT_EXEC"),
        (Map, 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"),
        (Map, 0x20, "MAP_FILE|MAP_ANONYMOUS"),
        (Map, 0x5440022, "MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB|0x5400000"),
        (Access, 0, "F_OK"),
        (Access, 6, "R_OK|W_OK"),
        (At, 0, "0"),
        (At, 0x1100, "AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH"),
        (Seek, 1, "SEEK_CUR"),
        (Seek, 77, "0x4d"),
        (Seek, -1, "0xffffffff"),
        (FileType, 0o100644, "S_IFREG|0644"),
        (FileType, 0o104755, "S_IFREG|S_ISUID|0755"),
        (FileType, 0o040000, "S_IFDIR|000"),
        (Madvise, 4, "MADV_DONTNEED"),
        (Ioctl, 0x5413, "TIOCGWINSZ"),
    ],
)
def test_text(names: type[FlagSet] | type[EnumSet], value: int, text: str) -> None:
    assert names.text(value) == text


@pytest.mark.parametrize(
    ("names", "module"), [(Open, os), (Fcntl, fcntl), (Seek, os), (Prot, mmap), (Map, mmap)]
)
def test_values_are_the_host_s(names: type, module: object) -> None:
    """Python knows many of them, too (but hides O_LARGEFILE, which is 0 in its eyes on a 64-bit host)."""
    known = {name: value for name, value in vars(names).items() if name[0] != "_" and hasattr(module, name)}
    known.pop("O_LARGEFILE", None)
    assert known
    assert known == {name: getattr(module, name) for name in known}


def test_a_set_that_another_extends_keeps_its_own_names() -> None:
    class More(Prot):
        PROT_MORE = 0x100

    assert More.text(0x101) == "PROT_READ|PROT_MORE"
    assert Prot.text(0x101) == "PROT_READ|0x100"
