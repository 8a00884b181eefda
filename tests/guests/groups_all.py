"""Process groups and sessions: setpgid, getpgid, getpgrp, setsid, getsid, getppid, between parents, children and others."""

from gates import Gate
from process_tools import ended, fork, leave
from say import check, result

from guest.lang import addr, array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

NOBODY = 0x3FFFFF


def alone() -> None:
    """What needs no second process."""
    pid = syscall(numbers.getpid)
    result(b"setpgid, negative group", syscall(numbers.setpgid, 0, -1))
    result(b"setpgid, negative process", syscall(numbers.setpgid, -1, 0))
    result(b"setpgid of nobody", syscall(numbers.setpgid, NOBODY, 0))
    result(b"setpgid of the parent", syscall(numbers.setpgid, syscall(numbers.getppid), 0))
    result(b"setpgid to a group that is not there", syscall(numbers.setpgid, 0, NOBODY))
    result(b"getpgid of nobody", syscall(numbers.getpgid, NOBODY))
    result(b"getsid of nobody", syscall(numbers.getsid, NOBODY))
    result(b"getpgid of -1", syscall(numbers.getpgid, -1))
    result(b"a group of its own", syscall(numbers.setpgid, 0, 0))
    check(b"led by itself", syscall(numbers.getpgrp) == pid and syscall(numbers.getpgid, pid) == pid)
    result(b"once more", syscall(numbers.setpgid, pid, pid))
    result(b"a leader makes no session", syscall(numbers.setsid))
    check(b"the session is another's", syscall(numbers.getsid, 0) != pid)


def inherits() -> None:
    """A child's group, session and parent."""
    pid, group, session = syscall(numbers.getpid), syscall(numbers.getpgrp), syscall(numbers.getsid, 0)
    gate = Gate()
    gate.make()
    child = fork()
    if child == 0:
        own = syscall(numbers.getpid)
        check(b"its parent", syscall(numbers.getppid) == pid)
        check(b"its group", syscall(numbers.getpgrp) == group)
        check(b"its session", syscall(numbers.getsid, 0) == session)
        check(b"the parent's group", syscall(numbers.getpgid, pid) == group)
        result(b"of the parent", syscall(numbers.setpgid, pid, 0))
        result(b"its own", syscall(numbers.setpgid, 0, 0))
        check(b"now it leads", syscall(numbers.getpgrp) == own)
        result(b"back", syscall(numbers.setpgid, 0, group))
        check(b"it is back", syscall(numbers.getpgrp) == group)
        result(b"by its number", syscall(numbers.setpgid, own, own))
        result(b"a leader makes no session", syscall(numbers.setsid))
        gate.wait()
        leave(3)
    gate.open()
    ended(b"child", child)
    result(b"of a child that was reaped", syscall(numbers.setpgid, child, 0))
    result(b"its group", syscall(numbers.getpgid, child))
    gate.close()


def from_outside() -> None:
    """The parent moves its children."""
    pid = syscall(numbers.getpid)
    gate = Gate()
    gate.make()
    first = fork()
    if first == 0:
        gate.wait()
        check(b"it was moved", syscall(numbers.getpgrp) == syscall(numbers.getpid))
        gate.wait()
        leave(0)
    result(b"a group for the first", syscall(numbers.setpgid, first, 0))
    check(b"it has it", syscall(numbers.getpgid, first) == first)
    second = fork()
    if second == 0:
        result(b"into the sibling's", syscall(numbers.setpgid, 0, first))
        check(b"it is in", syscall(numbers.getpgrp) == first)
        result(b"the sibling is none of its children", syscall(numbers.setpgid, first, 0))
        made = syscall(numbers.setsid)
        check(b"a session", made == syscall(numbers.getpid))
        check(b"with a group", syscall(numbers.getpgrp) == made and syscall(numbers.getsid, 0) == made)
        result(b"a session's leader stays", syscall(numbers.setpgid, 0, 0))
        result(b"also for another group", syscall(numbers.setpgid, 0, first))
        result(b"a second session", syscall(numbers.setsid))
        check(b"another session is seen", syscall(numbers.getsid, pid) != made)
        third = fork()
        if third == 0:
            check(b"inherited session", syscall(numbers.getsid, 0) == made)
            check(b"inherited group", syscall(numbers.getpgrp) == made)
            result(b"into a group of another session", syscall(numbers.setpgid, 0, first))
            result(b"of its own", syscall(numbers.setpgid, 0, 0))
            result(b"a leader still makes no session", syscall(numbers.setsid))
            leave(5)
        ended(b"third", third)
        leave(4)
    ended(b"second", second)
    gate.open()
    gate.open()
    zombie = array[u64, 16]()
    result(
        b"its end is awaited", syscall(numbers.waitid, 1, first, zombie.ptr, 0x1000004, 0)
    )  # WNOWAIT | WEXITED
    check(b"a zombie keeps its group", syscall(numbers.getpgid, first) == first)
    check(b"and its session", syscall(numbers.getsid, first) == syscall(numbers.getsid, 0))
    result(b"setpgid of a zombie", syscall(numbers.setpgid, first, pid))
    check(b"it has moved", syscall(numbers.getpgid, first) == pid)
    ended(b"first", first)
    result(b"its group is gone", syscall(numbers.setpgid, 0, first))
    gate.close()


def of_another_session() -> None:
    """A child that has made a session of its own."""
    ready = Gate()
    gate = Gate()
    ready.make()
    gate.make()
    child = fork()
    if child == 0:
        syscall(numbers.setsid)
        ready.open()
        gate.wait()
        leave(0)
    ready.wait()
    result(b"of a child in another session", syscall(numbers.setpgid, child, 0))
    result(b"into its group", syscall(numbers.setpgid, 0, child))
    check(b"getsid", syscall(numbers.getsid, child) == child)
    gate.open()
    ended(b"child", child)
    ready.close()
    gate.close()


def after_exec() -> None:
    """A child that has executed a program is not moved any more."""
    ready = Gate()
    gate = Gate()
    ready.make()
    gate.make()
    syscall(numbers.dup2, ready.outside, 60)
    syscall(numbers.dup2, gate.inside, 61)
    words = array[u64, 4]()
    name = b"/proc/self/exe\0"
    role = b"executed\0"
    words[0] = u64(name.ptr)
    words[1] = u64(role.ptr)
    child = fork()
    if child == 0:
        result(b"execve", syscall(numbers.execve, name.ptr, words.ptr, addr(words[2])))
        leave(1)
    ready.wait()
    result(b"after its exec", syscall(numbers.setpgid, child, 0))
    result(
        b"after its exec, to the group that it has", syscall(numbers.setpgid, child, syscall(numbers.getpgrp))
    )
    gate.open()
    ended(b"executed", child)


def orphan() -> None:
    """A grandchild whose parent has ended gets another one."""
    told = Gate()
    ready = Gate()
    gate = Gate()
    told.make()
    ready.make()
    gate.make()
    child = fork()
    if child == 0:
        own = syscall(numbers.getpid)
        if fork() == 0:
            check(b"before", syscall(numbers.getppid) == own)
            ready.open()
            gate.wait()
            check(b"after", syscall(numbers.getppid) != own)
            told.open()
            leave(0)
        ready.wait()
        leave(0)
    ended(b"middle", child)
    gate.open()
    told.wait()
    result(b"not a child", syscall(numbers.wait4, -1, 0, 0, 0))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    if argc > 1:
        gate = Gate(61, 60)
        gate.open()
        gate.wait()
        result(b"after an exec its own may be changed", syscall(numbers.setpgid, 0, 0))
        return 9
    alone()
    inherits()
    from_outside()
    of_another_session()
    after_exec()
    orphan()
    return 0
