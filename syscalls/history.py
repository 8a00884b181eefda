"""Since which version of Linux there is a call, or a flag of one: for guests that are to meet an older kernel.

Only what is newer than Linux 3.2 is listed: an older kernel is not offered. Sources: the VERSIONS sections of the man pages,
syscalls(2), and the kernel's own history.
"""

from typing import NamedTuple

Version = tuple[int, int]

OLDEST: Version = (3, 2)

CALLS: dict[str, Version] = {
    "finit_module": (3, 8), "kcmp": (3, 5), "process_vm_readv": (3, 2), "process_vm_writev": (3, 2),
    "sched_setattr": (3, 14), "sched_getattr": (3, 14), "renameat2": (3, 15), "seccomp": (3, 17),
    "getrandom": (3, 17), "memfd_create": (3, 17), "kexec_file_load": (3, 17), "bpf": (3, 18), "execveat": (3, 19),
    "userfaultfd": (4, 3), "membarrier": (4, 3), "mlock2": (4, 4), "copy_file_range": (4, 5), "preadv2": (4, 6),
    "pwritev2": (4, 6), "pkey_mprotect": (4, 9), "pkey_alloc": (4, 9), "pkey_free": (4, 9), "statx": (4, 11),
    "io_pgetevents": (4, 18), "rseq": (4, 18), "pidfd_send_signal": (5, 1), "io_uring_setup": (5, 1),
    "io_uring_enter": (5, 1), "io_uring_register": (5, 1), "open_tree": (5, 2), "move_mount": (5, 2), "fsopen": (5, 2),
    "fsconfig": (5, 2), "fsmount": (5, 2), "fspick": (5, 2), "pidfd_open": (5, 3), "clone3": (5, 3),
    "openat2": (5, 6), "pidfd_getfd": (5, 6), "faccessat2": (5, 8), "close_range": (5, 9), "process_madvise": (5, 10),
    "epoll_pwait2": (5, 11), "mount_setattr": (5, 12), "landlock_create_ruleset": (5, 13), "landlock_add_rule": (5, 13),
    "landlock_restrict_self": (5, 13), "quotactl_fd": (5, 14), "memfd_secret": (5, 14), "process_mrelease": (5, 15),
    "futex_waitv": (5, 16), "set_mempolicy_home_node": (5, 17), "cachestat": (6, 5), "fchmodat2": (6, 6),
    "map_shadow_stack": (6, 6), "futex_wake": (6, 7), "futex_wait": (6, 7), "futex_requeue": (6, 7),
    "statmount": (6, 8), "listmount": (6, 8), "lsm_get_self_attr": (6, 8), "lsm_set_self_attr": (6, 8),
    "lsm_list_modules": (6, 8), "mseal": (6, 10), "uretprobe": (6, 11), "setxattrat": (6, 13), "getxattrat": (6, 13),
    "listxattrat": (6, 13), "removexattrat": (6, 13), "open_tree_attr": (6, 15),
}  # fmt: skip
"""From a call's name to the version that has brought it."""


class NewFlags(NamedTuple):
    """Bits of a call's argument that a kernel before `since` answers with EINVAL."""

    call: str
    argument: int  # from 0 on
    bits: int
    since: Version


FLAGS: tuple[NewFlags, ...] = (
    NewFlags("memfd_create", 1, 0x4, (4, 14)),  # MFD_HUGETLB
    NewFlags("memfd_create", 1, 0x18, (6, 3)),  # MFD_NOEXEC_SEAL, MFD_EXEC
    NewFlags("getrandom", 2, 0x4, (5, 6)),  # GRND_INSECURE
    NewFlags("renameat2", 4, 0x4, (3, 18)),  # RENAME_WHITEOUT
    NewFlags("preadv2", 5, 0x8, (4, 14)),  # RWF_NOWAIT
    NewFlags("pwritev2", 5, 0x10, (4, 16)),  # RWF_APPEND
    NewFlags("pidfd_open", 1, 0x800, (5, 10)),  # PIDFD_NONBLOCK
    NewFlags("pidfd_open", 1, 0x80, (6, 9)),  # PIDFD_THREAD
    NewFlags("close_range", 2, 0x4, (5, 11)),  # CLOSE_RANGE_CLOEXEC
    NewFlags("mremap", 3, 0x4, (5, 7)),  # MREMAP_DONTUNMAP
    NewFlags("execveat", 4, 0x10000, (6, 14)),  # AT_EXECVE_CHECK
)
"""Flags that are refused as unknown."""


class NewValue(NamedTuple):
    """One value of an argument that is an enumeration: EINVAL before `since`."""

    call: str
    argument: int
    value: int
    since: Version


VALUES: tuple[NewValue, ...] = (
    NewValue("waitid", 0, 3, (5, 4)),  # P_PIDFD
    NewValue("madvise", 2, 8, (4, 5)),  # MADV_FREE
    NewValue("madvise", 2, 18, (4, 14)),  # MADV_WIPEONFORK
    NewValue("madvise", 2, 19, (4, 14)),  # MADV_KEEPONFORK
    NewValue("madvise", 2, 20, (5, 4)),  # MADV_COLD
    NewValue("madvise", 2, 21, (5, 4)),  # MADV_PAGEOUT
    NewValue("madvise", 2, 22, (5, 14)),  # MADV_POPULATE_READ
    NewValue("madvise", 2, 23, (5, 14)),  # MADV_POPULATE_WRITE
    NewValue("madvise", 2, 24, (5, 18)),  # MADV_DONTNEED_LOCKED
)


def parse(text: str) -> Version:
    """A version as uname -r begins: "4.14", "5.10.0-8". Raises ValueError."""
    parts = text.split("-")[0].split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        raise ValueError(f"{text}: a kernel version such as 4.14 is expected")
    found = (int(parts[0]), int(parts[1]))
    if found < OLDEST:
        raise ValueError(f"{text}: the oldest kernel that can be imitated is {OLDEST[0]}.{OLDEST[1]}")
    return found
