"""User and group ids, supplementary groups, capabilities: of somebody without privileges, or of root ("root")."""

from process_tools import ended, fork, leave
from say import check, result, say, say_number
from spawn import join, spawn_in

from guest.lang import addr, array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

UNMAPPED = 0x10000
NOBODY = 0x3FFFFF
OTHER = 12345
ids: array[u32, 3]
header: array[u32, 2]
sets: array[u32, 6]
list: array[u32, 8]
text: array[u8, 4096]


def ids_are(label: bytes, base: i64) -> None:
    """The three user and the three group ids, as what they are to `base`."""
    say(label)
    syscall(numbers.getresuid, addr(ids[0]), addr(ids[1]), addr(ids[2]))
    for i in range(3):
        say(b" ")
        say_number(i64(ids[i]) - base)
    say(b" /")
    syscall(numbers.getresgid, addr(ids[0]), addr(ids[1]), addr(ids[2]))
    for i in range(3):
        say(b" ")
        say_number(i64(ids[i]) - base)
    say(b"\n")
    check(
        b" getuid, getgid", syscall(numbers.getgid) == i64(ids[0]) and syscall(numbers.getegid) == i64(ids[1])
    )


def plain() -> None:
    """Without privileges, all ids the same."""
    uid = syscall(numbers.getuid)
    gid = syscall(numbers.getgid)
    check(b"not root", uid != 0 and syscall(numbers.geteuid) == uid)
    result(b"setuid to itself", syscall(numbers.setuid, uid))
    result(b"setuid to another", syscall(numbers.setuid, OTHER))
    result(b"setuid to root", syscall(numbers.setuid, 0))
    result(b"setuid to -1", syscall(numbers.setuid, -1))
    result(b"setgid to itself", syscall(numbers.setgid, gid))
    result(b"setgid to another", syscall(numbers.setgid, OTHER))
    result(b"setgid to -1", syscall(numbers.setgid, -1))
    result(b"setreuid to nothing", syscall(numbers.setreuid, -1, -1))
    result(b"setreuid to itself", syscall(numbers.setreuid, uid, uid))
    result(b"setreuid, real to another", syscall(numbers.setreuid, OTHER, -1))
    result(b"setreuid, effective to another", syscall(numbers.setreuid, -1, OTHER))
    result(b"setregid to itself", syscall(numbers.setregid, gid, -1))
    result(b"setregid to another", syscall(numbers.setregid, -1, 0))
    result(b"setresuid to nothing", syscall(numbers.setresuid, -1, -1, -1))
    result(b"setresuid, saved to another", syscall(numbers.setresuid, -1, -1, 0))
    result(b"setresgid, saved to another", syscall(numbers.setresgid, -1, -1, 0))
    check(b"setfsuid tells", syscall(numbers.setfsuid, -1) == uid)
    check(b"setfsuid to another", syscall(numbers.setfsuid, OTHER) == uid)
    check(b"was not done", syscall(numbers.setfsuid, uid) == uid)
    check(b"setfsgid tells", syscall(numbers.setfsgid, OTHER) == gid)
    check(b"was not done", syscall(numbers.setfsgid, -1) == gid)
    list[0] = 5
    result(b"setgroups", syscall(numbers.setgroups, 1, list.ptr))
    result(b"setgroups, too many", syscall(numbers.setgroups, 65537, list.ptr))
    result(b"getgroups, how many", syscall(numbers.getgroups, 0, 0))
    result(b"getgroups, negative", syscall(numbers.getgroups, -1, list.ptr))
    result(b"getgroups, into nowhere", syscall(numbers.getgroups, 4, UNMAPPED))
    capabilities()
    child = fork()
    if child == 0:
        result(b"a child, too", syscall(numbers.setuid, 0))
        result(b"itself", syscall(numbers.setuid, uid))
        leave(0)
    ended(b"child", child)


def version(label: bytes, number: u32, pid: i64, data: u64) -> None:
    """capget."""
    header[0] = number
    header[1] = u32(pid & 0xFFFFFFFF)
    result(label, syscall(numbers.capget, header.ptr, data))


def capabilities() -> None:
    """capget and capset, without any."""
    here = u64(sets.ptr)
    for i in range(6):
        sets[i] = 7
    version(b"capget", 0x20080522, 0, here)
    check(b"none", sets[0] == 0 and sets[1] == 0 and sets[2] == 0 and sets[3] == 0 and sets[4] == 0)
    version(b"of itself", 0x20080522, syscall(numbers.gettid), here)
    version(b"of nobody", 0x20080522, NOBODY, here)
    version(b"of -1", 0x20080522, -1, here)
    sets[3] = 7
    version(b"version 1", 0x19980330, 0, here)
    check(b"is shorter", sets[3] == 7)
    version(b"version 2", 0x20071026, 0, here)
    version(b"version 0", 0, 0, here)
    check(b"the preferred one", header[0] == 0x20080522)
    version(b"version 0 to nowhere", 0, 0, 0)
    version(b"to nowhere", 0x20080522, 0, 0)
    version(b"bad pointer", 0x20080522, 0, UNMAPPED)
    result(b"bad header", syscall(numbers.capget, UNMAPPED, here))
    for i in range(6):
        sets[i] = 0
    header[0] = 0x20080522
    header[1] = 0
    result(b"capset nothing", syscall(numbers.capset, header.ptr, here))
    sets[1] = 0x20
    result(b"permitted", syscall(numbers.capset, header.ptr, here))
    sets[1] = 0
    sets[0] = 0x20
    result(b"effective", syscall(numbers.capset, header.ptr, here))
    sets[0] = 0
    sets[2] = 0x20
    result(b"inheritable", syscall(numbers.capset, header.ptr, here))
    header[1] = 1
    result(b"of another", syscall(numbers.capset, header.ptr, here))
    header[1] = 0
    result(b"capset, bad pointer", syscall(numbers.capset, header.ptr, UNMAPPED))
    header[0] = 1
    result(b"capset, bad version", syscall(numbers.capset, header.ptr, here))


def changes(unused: u64) -> i64:
    """A thread that gives up its rights: it alone."""
    result(b"a thread", syscall(numbers.setresuid, OTHER, OTHER, OTHER))
    ids_are(b"its ids", 0)
    say_status()
    result(b"to root again", syscall(numbers.setuid, 0))
    return 0


def can_setuid() -> bool:
    """Whether CAP_SETUID is effective."""
    header[0] = 0x20080522
    header[1] = 0
    syscall(numbers.capget, header.ptr, sets.ptr)
    return sets[0] & 0x80 != 0


def with_groups() -> None:
    """Supplementary groups."""
    list[0] = 30
    list[1] = 10
    list[2] = 20
    result(b"three groups", syscall(numbers.setgroups, 3, list.ptr))
    list[0] = 0
    result(b"getgroups", syscall(numbers.getgroups, 8, list.ptr))
    check(b"in order", list[0] == 10 and list[1] == 20 and list[2] == 30)
    result(b"too small", syscall(numbers.getgroups, 2, list.ptr))
    result(b"none", syscall(numbers.setgroups, 0, 0))
    result(b"bad pointer", syscall(numbers.setgroups, 2, UNMAPPED))
    result(b"too many", syscall(numbers.setgroups, 65537, list.ptr))


def in_child(way: i64) -> None:
    """One way for root to become somebody else, in a child."""
    child = fork()
    if child != 0:
        ended(b"child", child)
        return
    if way == 0:
        result(b"setuid", syscall(numbers.setuid, OTHER))
        result(b"and back", syscall(numbers.setuid, 0))
    elif way == 1:
        result(b"setreuid, effective", syscall(numbers.setreuid, -1, OTHER))
        ids_are(b"then", 0)
        check(b"no capability", not can_setuid())
        result(b"to a third", syscall(numbers.setreuid, -1, OTHER + 1))
        result(b"and back", syscall(numbers.setreuid, -1, 0))
        check(b"capabilities again", can_setuid())
    elif way == 2:
        result(b"setresuid", syscall(numbers.setresuid, 1, 2, 3))
        ids_are(b"then", 0)
        result(b"in turns", syscall(numbers.setresuid, 2, 3, 1))
        ids_are(b"then", 0)
        result(b"setuid to the real one", syscall(numbers.setuid, 2))
        ids_are(b"then", 0)
        result(b"setreuid exchanges", syscall(numbers.setreuid, 2, 1))
        ids_are(b"then", 0)
        result(b"the saved one is gone", syscall(numbers.setresuid, 3, -1, -1))
    elif way == 3:
        result(b"setgid", syscall(numbers.setgid, 7))
        result(b"setresgid", syscall(numbers.setresgid, 1, 2, 3))
        result(b"setregid", syscall(numbers.setregid, 4, 5))
        ids_are(b"then", 0)
        list[0] = 77
        list[1] = 66
        syscall(numbers.setgroups, 2, list.ptr)
        result(b"setfsgid", syscall(numbers.setfsgid, 9))
        result(b"setfsgid", syscall(numbers.setfsgid, -1))
        result(b"setfsuid", syscall(numbers.setfsuid, 9))
        result(b"setfsuid", syscall(numbers.setfsuid, -1))
        syscall(numbers.prctl, 38, 1, 0, 0, 0)
        say_status()
    elif way == 4:
        result(b"keep capabilities", syscall(numbers.prctl, 8, 1, 0, 0, 0))
        result(b"setuid", syscall(numbers.setuid, OTHER))
        syscall(numbers.capget, header.ptr, sets.ptr)
        check(b"permitted is kept", sets[1] & 0x80 != 0)
        check(b"effective is not", sets[0] & 0x80 == 0)
        sets[0] = 0x80
        sets[3] = 0
        result(b"effective again", syscall(numbers.capset, header.ptr, sets.ptr))
        result(b"to root", syscall(numbers.setuid, 0))
    else:
        syscall(numbers.capget, header.ptr, sets.ptr)
        sets[0] = sets[0] & 0x7F
        result(b"drop from the effective set", syscall(numbers.capset, header.ptr, sets.ptr))
        result(b"setuid", syscall(numbers.setuid, OTHER))
    leave(0)


def say_status() -> None:
    """The lines of /proc/thread-self/status that tell the ids."""
    fd = syscall(numbers.open, b"/proc/thread-self/status\0".ptr, 0, 0)
    size = syscall(numbers.read, fd, text.ptr, 4096)
    syscall(numbers.close, fd)
    start = i64(0)
    for at in range(size):
        if text[at] == 0x0A:
            line = text[start : at + 1]
            if (
                line[0:4] == b"Uid:"
                or line[0:4] == b"Gid:"
                or line[0:7] == b"Groups:"
                or line[0:11] == b"NoNewPrivs:"
            ):
                say(line)
            start = at + 1


def root() -> None:
    """What root may."""
    ids_are(b"root", 0)
    with_groups()
    header[0] = 0x20080522
    header[1] = 0
    for way in range(6):
        in_child(way)
    spawn_in(0, changes, 0)
    join(0)
    ids_are(b"the others keep theirs", 0)


def refused() -> None:
    """A signal to somebody of another user."""
    child = fork()
    if child == 0:
        while True:
            syscall(numbers.pause)
    other = fork()
    if other == 0:
        syscall(numbers.setresuid, OTHER, OTHER, OTHER)
        result(b"another user's", syscall(numbers.kill, child, 0))
        result(b"queued", syscall(numbers.kill, child, 15))
        result(b"SIGCONT within the session", syscall(numbers.kill, child, 18))
        result(b"tgkill", syscall(numbers.tgkill, child, child, 0))
        fd = syscall(numbers.pidfd_open, child, 0)
        result(b"by descriptor", syscall(numbers.pidfd_send_signal, fd, 15, 0, 0))
        result(b"its descriptors", syscall(numbers.pidfd_getfd, fd, 1, 0))
        result(b"its limits", syscall(numbers.prlimit64, child, 7, 0, addr(sets[0])))
        result(b"its robust list", syscall(numbers.get_robust_list, child, addr(text[0]), addr(text[8])))
        result(b"its priority", syscall(numbers.getpriority, 0, child))
        result(b"its priority, changed", syscall(numbers.setpriority, 0, child, 5))
        result(b"its policy", syscall(numbers.sched_getscheduler, child))
        result(b"its group", syscall(numbers.getpgid, child) - syscall(numbers.getpgrp))
        result(b"it is not moved", syscall(numbers.setpgid, child, 0))
        syscall(numbers.setsid)
        result(b"SIGCONT from another session", syscall(numbers.kill, child, 18))
        leave(0)
    ended(b"other user", other)
    syscall(numbers.kill, child, 9)
    ended(b"child", child)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """As one of them."""
    if argc > 1:
        root()
        refused()
        return 0
    if syscall(numbers.getuid) == 0:
        syscall(numbers.setgroups, 0, 0)
        syscall(numbers.setresgid, 1000, 1000, 1000)
        syscall(numbers.setresuid, 1000, 1000, 1000)
    plain()
    return 0
