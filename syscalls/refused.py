"""The calls that are refused: those that no program in an ordinary container may make, and those that no kernel has any more.

The answers are those of an unprivileged process behind the usual seccomp filter of a container: EPERM for what needs a privilege
or is filtered, ENOSYS for what x86_64 never had or has no more. They come before any look at the arguments, as a filter's do.
"""

import errno
from typing import NamedTuple


class Refusal(NamedTuple):
    """What a call answers (an errno), and why."""

    error: int
    why: str


_GONE = "no kernel of x86_64 has it any more"
_NEVER = "x86_64 has only its number"
_ADMIN = "needs CAP_SYS_ADMIN"
_MODULES = "needs CAP_SYS_MODULE"
_FILTERED = "filtered in containers: its surface in the kernel is too large to be lent to a guest"
_BOOT = "needs CAP_SYS_BOOT"
_TIME = "needs CAP_SYS_TIME"

_EPERM: dict[str, tuple[str, ...]] = {
    _ADMIN: (
        "mount", "umount2", "pivot_root", "swapon", "swapoff", "quotactl", "quotactl_fd",
        "setns", "open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
        "fanotify_init", "fanotify_mark", "perf_event_open", "statmount", "listmount",
    ),
    _MODULES: ("init_module", "finit_module", "delete_module"),
    _BOOT: ("reboot", "kexec_load", "kexec_file_load"),
    _TIME: ("settimeofday",),
    "needs CAP_SYS_CHROOT": ("chroot",),
    "needs CAP_SYS_PACCT": ("acct",),
    "needs CAP_SYS_TTY_CONFIG": ("vhangup",),
    "needs CAP_SYS_RAWIO": ("iopl", "ioperm"),
    "needs CAP_DAC_READ_SEARCH": ("open_by_handle_at",),
    "a program is looked at from outside: by the trace, not by another guest": ("ptrace",),
    _FILTERED: (
        "bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "add_key", "request_key", "keyctl",
        "name_to_handle_at",
    ),
}  # fmt: skip

_ENOSYS: dict[str, tuple[str, ...]] = {
    _GONE: ("uselib", "_sysctl", "create_module", "get_kernel_syms", "query_module", "nfsservctl", "lookup_dcookie"),
    _NEVER: (
        "getpmsg", "putpmsg", "afs_syscall", "tuxcall", "security", "set_thread_area", "get_thread_area",
        "epoll_ctl_old", "epoll_wait_old", "vserver",
    ),
    "a kernel without CONFIG_SECURITY_LANDLOCK": (
        "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    ),
    "a kernel without security modules": ("lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules"),
    "a processor without shadow stacks": ("map_shadow_stack",),
}  # fmt: skip

REFUSED: dict[str, Refusal] = {
    **{name: Refusal(errno.EPERM, why) for why, names in _EPERM.items() for name in names},
    **{name: Refusal(errno.ENOSYS, why) for why, names in _ENOSYS.items() for name in names},
}
"""By name. What is declared in the table comes first."""
