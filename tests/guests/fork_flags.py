"""clone's and clone3's refusals: which combinations of flags give which error, when they would make a process."""

from process_tools import child, ended, leave, refused, set_action
from say import result

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.threads import Clone

SIGCHLD = 17


@struct
class CloneArgs:
    """struct clone_args of clone3(2)."""

    flags: u64
    pidfd: u64
    child_tid: u64
    parent_tid: u64
    exit_signal: u64
    stack: u64
    stack_size: u64
    tls: u64
    set_tid: u64
    set_tid_size: u64
    cgroup: u64


def tries(label: bytes, flags: i64) -> None:
    """clone with these flags."""
    word = array[i32, 2]()
    refused(label, syscall(numbers.clone, flags, 0, word.ptr, 0, 0))


def tries3(label: bytes, flags: i64, signal: u64) -> None:
    """clone3 with these flags."""
    args = CloneArgs()
    args.flags = u64(flags)
    args.exit_signal = signal
    refused(label, syscall(numbers.clone3, args, 88))


def clones() -> None:
    """clone(2)."""
    tries(b"CLONE_SIGHAND without CLONE_VM", Clone.CLONE_SIGHAND | SIGCHLD)
    tries(b"CLONE_THREAD without CLONE_SIGHAND", Clone.CLONE_THREAD | Clone.CLONE_VM)
    tries(b"CLONE_THREAD without CLONE_VM", Clone.CLONE_THREAD | Clone.CLONE_SIGHAND)
    tries(b"CLONE_PIDFD with CLONE_DETACHED", Clone.CLONE_PIDFD | Clone.CLONE_DETACHED | SIGCHLD)
    tries(b"CLONE_PIDFD with CLONE_PARENT_SETTID", Clone.CLONE_PIDFD | Clone.CLONE_PARENT_SETTID | SIGCHLD)
    tries(b"CLONE_FS with CLONE_NEWNS", Clone.CLONE_FS | Clone.CLONE_NEWNS | SIGCHLD)
    tries(b"CLONE_FS with CLONE_NEWUSER", Clone.CLONE_FS | Clone.CLONE_NEWUSER | SIGCHLD)
    tries(b"CLONE_THREAD with CLONE_NEWPID", 0x10900 | Clone.CLONE_NEWPID)
    tries(b"CLONE_NEWIPC with CLONE_SYSVSEM", Clone.CLONE_NEWIPC | Clone.CLONE_SYSVSEM | SIGCHLD)
    tries(b"CLONE_DETACHED alone", Clone.CLONE_DETACHED | SIGCHLD)
    tries(b"CLONE_PTRACE", Clone.CLONE_PTRACE | SIGCHLD)
    tries(b"CLONE_UNTRACED", Clone.CLONE_UNTRACED | SIGCHLD)
    tries(b"CLONE_IO", Clone.CLONE_IO | SIGCHLD)
    tries(b"CLONE_SYSVSEM", Clone.CLONE_SYSVSEM | SIGCHLD)
    tries(b"the low byte is no signal: 65", 65)
    tries(b"the low byte is no signal: 255", 255)
    tries(b"flags above 32 bits", 0x500000000 | SIGCHLD)
    word = array[i32, 2]()
    refused(
        b"a tls that is no address",
        syscall(numbers.clone, Clone.CLONE_SETTLS | SIGCHLD, 0, 0, 0, ~u64(0) >> 1),
    )
    refused(
        b"a stack that is not there", syscall(numbers.clone, SIGCHLD | Clone.CLONE_VFORK, 0, word.ptr, 0, 0)
    )


def clone3s() -> None:
    """clone3(2): stricter."""
    args = CloneArgs()
    args.exit_signal = 17
    result(b"null", syscall(numbers.clone3, 0, 88))
    result(b"63 bytes", syscall(numbers.clone3, args, 63))
    result(b"a page and a byte", syscall(numbers.clone3, args, 4097))
    more = array[u64, 20]()
    more[4] = 17
    refused(b"more bytes, all zero", syscall(numbers.clone3, more.ptr, 160))
    more[15] = 1
    refused(b"more bytes, one set", syscall(numbers.clone3, more.ptr, 160))
    tries3(b"unknown flag", 1 << 40, 17)
    tries3(b"CSIGNAL in the flags", 17, 17)
    tries3(b"CLONE_DETACHED", Clone.CLONE_DETACHED, 17)
    tries3(b"exit signal 65", 0, 65)
    set_action(64, 1, 0)
    tries3(b"exit signal 64", 0, 64)
    tries3(b"exit signal with high bits", 0, 0x100000011)
    tries3(b"CLONE_THREAD with an exit signal", 0x10900, 17)
    tries3(b"CLONE_PARENT with an exit signal", Clone.CLONE_PARENT, 17)
    tries3(
        b"CLONE_SIGHAND with CLONE_CLEAR_SIGHAND",
        Clone.CLONE_SIGHAND | Clone.CLONE_VM | Clone.CLONE_CLEAR_SIGHAND,
        17,
    )
    tries3(b"CLONE_SIGHAND without CLONE_VM", Clone.CLONE_SIGHAND, 17)
    tries3(b"CLONE_PIDFD and no place for it", Clone.CLONE_PIDFD, 17)
    tries3(b"CLONE_INTO_CGROUP and no cgroup", Clone.CLONE_INTO_CGROUP, 17)
    args = CloneArgs()
    args.exit_signal = 17
    args.stack = 4096
    result(b"a stack without size", syscall(numbers.clone3, args, 88))
    args.stack = 0
    args.stack_size = 4096
    result(b"a size without stack", syscall(numbers.clone3, args, 88))
    args.stack_size = 0
    args.set_tid = 1
    result(b"set_tid without size", syscall(numbers.clone3, args, 88))
    args.set_tid = 0
    args.set_tid_size = 1
    result(b"size without set_tid", syscall(numbers.clone3, args, 88))
    args.set_tid_size = 33
    result(b"too many in set_tid", syscall(numbers.clone3, args, 88))
    wanted = i32(0)
    args.set_tid = u64(addr(wanted))
    args.set_tid_size = 1
    result(b"set_tid asks for 0", syscall(numbers.clone3, args, 88))


def quits(value: u64) -> i64:
    """A child."""
    return i64(value)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    clones()
    clone3s()
    ended(b"an ordinary child", child(quits, 5))
    leave(0)
    return 0
