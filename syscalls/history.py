"""Since which version of Linux there is a call, or a flag of one: for guests that are to meet an older kernel.

Only what is newer than Linux 3.2 is listed: an older kernel is not offered. Sources: the VERSIONS sections of the man pages,
syscalls(2), and the kernel's own history.
"""

import errno
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
    """Bits of a call's argument that a kernel before `since` answers with `error`."""

    call: str
    argument: int  # from 0 on
    bits: int
    since: Version
    error: int = errno.EINVAL


FLAGS: tuple[NewFlags, ...] = (
    NewFlags("memfd_create", 1, 0x4, (4, 14)),  # MFD_HUGETLB
    NewFlags("memfd_create", 1, 0x18, (6, 3)),  # MFD_NOEXEC_SEAL, MFD_EXEC
    NewFlags("getrandom", 2, 0x4, (5, 6)),  # GRND_INSECURE
    NewFlags("renameat2", 4, 0x4, (3, 18)),  # RENAME_WHITEOUT
    NewFlags("preadv2", 5, 0x8, (4, 14)),  # RWF_NOWAIT
    NewFlags("pwritev2", 5, 0x10, (4, 16), errno.EOPNOTSUPP),  # RWF_APPEND
    NewFlags("preadv2", 5, 0x6, (4, 7)),  # RWF_DSYNC, RWF_SYNC
    NewFlags("pwritev2", 5, 0x6, (4, 7)),
    NewFlags("pwritev2", 5, 0x20, (6, 9), errno.EOPNOTSUPP),  # RWF_NOAPPEND
    NewFlags("pwritev2", 5, 0x40, (6, 11), errno.EOPNOTSUPP),  # RWF_ATOMIC
    NewFlags("preadv2", 5, 0x80, (6, 14), errno.EOPNOTSUPP),  # RWF_DONTCACHE
    NewFlags("pwritev2", 5, 0x80, (6, 14), errno.EOPNOTSUPP),
    NewFlags(
        "fallocate", 1, 0x18, (3, 15), errno.EOPNOTSUPP
    ),  # FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_ZERO_RANGE
    NewFlags("fallocate", 1, 0x20, (4, 1), errno.EOPNOTSUPP),  # FALLOC_FL_INSERT_RANGE
    NewFlags("fallocate", 1, 0x40, (4, 8), errno.EOPNOTSUPP),  # FALLOC_FL_UNSHARE_RANGE
    NewFlags("mlockall", 0, 0x4, (4, 4)),  # MCL_ONFAULT
    NewFlags("unshare", 0, 0x2000000, (4, 6)),  # CLONE_NEWCGROUP
    NewFlags("unshare", 0, 0x80, (5, 6)),  # CLONE_NEWTIME
    NewFlags("waitid", 3, 0xE0000000, (4, 7)),  # __WALL, __WCLONE, __WNOTHREAD
    NewFlags("utimensat", 3, 0x1000, (5, 8)),  # AT_EMPTY_PATH
    NewFlags("pidfd_send_signal", 3, 0x7, (6, 9)),  # PIDFD_SIGNAL_THREAD, _THREAD_GROUP, _PROCESS_GROUP
    NewFlags("set_mempolicy", 0, 0x2000, (5, 12)),  # MPOL_F_NUMA_BALANCING
    NewFlags("mbind", 2, 0x2000, (5, 15)),
    NewFlags("seccomp", 1, 0x2, (4, 14)),  # SECCOMP_FILTER_FLAG_LOG
    NewFlags("seccomp", 1, 0x4, (4, 17)),  # SECCOMP_FILTER_FLAG_SPEC_ALLOW
    NewFlags("seccomp", 1, 0x10, (5, 7)),  # SECCOMP_FILTER_FLAG_TSYNC_ESRCH
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
    NewValue("madvise", 2, 16, (3, 4)),  # MADV_DONTDUMP
    NewValue("madvise", 2, 17, (3, 4)),  # MADV_DODUMP
    NewValue("madvise", 2, 8, (4, 5)),  # MADV_FREE
    NewValue("process_madvise", 3, 3, (5, 13)),  # MADV_WILLNEED
    NewValue("fcntl", 1, 36, (3, 15)),  # F_OFD_GETLK
    NewValue("fcntl", 1, 37, (3, 15)),  # F_OFD_SETLK
    NewValue("fcntl", 1, 38, (3, 15)),  # F_OFD_SETLKW
    NewValue("fcntl", 1, 1033, (3, 17)),  # F_ADD_SEALS
    NewValue("fcntl", 1, 1034, (3, 17)),  # F_GET_SEALS
    NewValue("fcntl", 1, 1035, (4, 13)),  # F_GET_RW_HINT
    NewValue("fcntl", 1, 1036, (4, 13)),  # F_SET_RW_HINT
    NewValue("fcntl", 1, 1037, (4, 13)),  # F_GET_FILE_RW_HINT
    NewValue("fcntl", 1, 1038, (4, 13)),  # F_SET_FILE_RW_HINT
    NewValue("fcntl", 1, 1027, (6, 10)),  # F_DUPFD_QUERY
    NewValue("fcntl", 1, 1028, (6, 12)),  # F_CREATED_QUERY
    NewValue("prctl", 0, 35, (3, 3)),  # PR_SET_MM
    NewValue("prctl", 0, 36, (3, 4)),  # PR_SET_CHILD_SUBREAPER
    NewValue("prctl", 0, 37, (3, 4)),  # PR_GET_CHILD_SUBREAPER
    NewValue("prctl", 0, 38, (3, 5)),  # PR_SET_NO_NEW_PRIVS
    NewValue("prctl", 0, 39, (3, 5)),  # PR_GET_NO_NEW_PRIVS
    NewValue("prctl", 0, 40, (3, 5)),  # PR_GET_TID_ADDRESS
    NewValue("prctl", 0, 41, (3, 15)),  # PR_SET_THP_DISABLE
    NewValue("prctl", 0, 42, (3, 15)),  # PR_GET_THP_DISABLE
    NewValue("prctl", 0, 47, (4, 3)),  # PR_CAP_AMBIENT
    NewValue("prctl", 0, 52, (4, 17)),  # PR_GET_SPECULATION_CTRL
    NewValue("prctl", 0, 53, (4, 17)),  # PR_SET_SPECULATION_CTRL
    NewValue("prctl", 0, 0x53564D41, (5, 17)),  # PR_SET_VMA
    NewValue("clock_gettime", 0, 11, (3, 10)),  # CLOCK_TAI
    NewValue("clock_getres", 0, 11, (3, 10)),
    NewValue("clock_nanosleep", 0, 11, (3, 10)),
    NewValue("timer_create", 0, 11, (3, 10)),
    NewValue("timerfd_create", 0, 7, (3, 15)),  # CLOCK_BOOTTIME
    NewValue("timerfd_create", 0, 8, (3, 11)),  # CLOCK_REALTIME_ALARM
    NewValue("timerfd_create", 0, 9, (3, 11)),  # CLOCK_BOOTTIME_ALARM
    NewValue("sched_setscheduler", 1, 6, (3, 14)),  # SCHED_DEADLINE
    NewValue("sched_get_priority_max", 0, 6, (3, 14)),
    NewValue("sched_get_priority_min", 0, 6, (3, 14)),
    NewValue("sched_setscheduler", 1, 7, (6, 12)),  # SCHED_EXT
    NewValue("sched_get_priority_max", 0, 7, (6, 12)),
    NewValue("sched_get_priority_min", 0, 7, (6, 12)),
    NewValue("membarrier", 0, 0x8, (4, 14)),  # MEMBARRIER_CMD_PRIVATE_EXPEDITED
    NewValue("membarrier", 0, 0x10, (4, 14)),  # MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
    NewValue("membarrier", 0, 0x2, (4, 16)),  # MEMBARRIER_CMD_GLOBAL_EXPEDITED
    NewValue("membarrier", 0, 0x4, (4, 16)),  # MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED
    NewValue("membarrier", 0, 0x20, (4, 16)),  # MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
    NewValue("membarrier", 0, 0x40, (4, 16)),  # MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
    NewValue("membarrier", 0, 0x200, (6, 3)),  # MEMBARRIER_CMD_GET_REGISTRATIONS
    NewValue("set_mempolicy", 0, 4, (3, 8)),  # MPOL_LOCAL
    NewValue("set_mempolicy", 0, 5, (5, 15)),  # MPOL_PREFERRED_MANY
    NewValue("set_mempolicy", 0, 6, (6, 9)),  # MPOL_WEIGHTED_INTERLEAVE
    NewValue("mbind", 2, 4, (3, 8)),
    NewValue("mbind", 2, 5, (5, 15)),
    NewValue("mbind", 2, 6, (6, 9)),
    NewValue("kcmp", 2, 7, (4, 13)),  # KCMP_EPOLL_TFD
    NewValue("shmctl", 1, 15, (4, 17)),  # SHM_STAT_ANY
    NewValue("semctl", 2, 20, (4, 17)),  # SEM_STAT_ANY
    NewValue("msgctl", 1, 13, (4, 17)),  # MSG_STAT_ANY
    NewValue("seccomp", 0, 2, (4, 14)),  # SECCOMP_GET_ACTION_AVAIL
    NewValue("seccomp", 0, 3, (5, 0)),  # SECCOMP_GET_NOTIF_SIZES
    NewValue("arch_prctl", 0, 0x1011, (4, 12)),  # ARCH_GET_CPUID
    NewValue("arch_prctl", 0, 0x1012, (4, 12)),  # ARCH_SET_CPUID
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
