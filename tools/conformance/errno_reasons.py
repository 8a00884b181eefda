"""Differences of part `errnos` that are meant, each with its reason. They are not counted, on either side of the score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from syscalls.refused import REFUSED

from .errno_values import ADDRESSES, FIRST, SLOTS, Case

ANY = "*"
Test = Callable[[Sequence[int]], bool]

_NAMESPACES = 0x7E020080  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME
_DEVICES = {FIRST + SLOTS["null"], FIRST + SLOTS["zero"], 0, 1, 2, ADDRESSES["DEVICE"]}
_CHANGES = (
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat setxattr lsetxattr "
    "fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat "
    "unlink unlinkat rmdir rename renameat renameat2 link linkat"
)


def always(values: Sequence[int]) -> bool:
    """Whatever the arguments are."""
    return True


def has(place: int, *wanted: int) -> Test:
    """One argument, as an int, is one of these."""
    return lambda values: len(values) > place and values[place] & 0xFFFFFFFF in wanted


def any_of(wanted: set[int]) -> Test:
    """One of the arguments is one of these."""
    return lambda values: not wanted.isdisjoint(values)


def bits(place: int, mask: int) -> Test:
    """One argument has bits of the mask."""
    return lambda values: len(values) > place and values[place] & mask != 0


@dataclass(frozen=True)
class Design:
    """A difference that is meant: of these calls, with these answers (ANY: any), where `when` holds."""

    calls: str
    native: str
    emulated: str
    when: Test
    why: str

    def fits(self, case: Case, native: str, emulated: str) -> bool:
        """Whether it explains a case."""
        values = [value if isinstance(value, int) else 0 for value in case.values]
        return (
            case.name in self.calls.split()
            and self.native in (ANY, native)
            and self.emulated in (ANY, emulated)
            and self.when(values)
        )


DESIGNS = (
    Design("fcntl", ANY, "EINVAL", has(1, 1026), "F_NOTIFY: as a kernel without CONFIG_DNOTIFY"),
    Design("fcntl", ANY, "EINVAL", has(1, 1024), "F_SETLEASE: as on a file system without leases"),
    Design("ioctl", ANY, "ENOTTY", has(1, 0x8912), "the network interfaces of the host are not told"),
    Design("futex", ANY, "ENOSYS", has(1, 6, 7, 8, 11, 12, 13), "priority inheritance: as a kernel without CONFIG_FUTEX_PI"),
    Design("rseq", ANY, "ENOSYS", always, "as a kernel without CONFIG_RSEQ"),
    Design("prctl", "+", "0", has(0, 23), "the bounding set of a guest has what the bench can grant"),
    Design("memfd_create", ANY, "ENOSYS", bits(1, 4), "huge pages: as a kernel without hugetlbfs"),
    Design("mmap", ANY, ANY, bits(3, 0x40000), "huge pages: as a kernel without hugetlbfs"),
    Design("unshare", ANY, "EPERM", bits(0, _NAMESPACES), "namespaces: filtered in containers"),
    Design("clone", ANY, "EPERM", bits(0, _NAMESPACES), "namespaces: filtered in containers"),
    Design("socket socketpair", ANY, "EAFNOSUPPORT", always, "Internet and Unix sockets only, as in a container"),
    Design(_CHANGES, ANY, "EROFS", any_of(_DEVICES), "a guest's /dev cannot be changed"),
    Design(
        f"{_CHANGES} open openat creat openat2 access faccessat faccessat2 mkdir rename",
        ANY, ANY, any_of({ADDRESSES["ROOT"]}), "the guest's root directory is its own, here it is root's",
    ),
)  # fmt: skip
"""The first that fits is the reason."""


def reason(case: Case, native: str, emulated: str) -> str:
    """Why a case differs, in a few words; empty where nothing explains it."""
    refusal = REFUSED.get(case.name)
    if refusal is not None:
        return f"refused: {refusal.why}"
    return next((design.why for design in DESIGNS if design.fits(case, native, emulated)), "")
