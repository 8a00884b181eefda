"""What goes on over execve(2), and what does not: descriptors, signals, limits, the working directory, threads, memory."""

from exec_tools import say_end
from process_tools import child, getpid, leave, nap, pipe, set_action
from say import result

from guest.lang import addr, array, asm, i32, i64, naked, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open
from syscalls.flags.signals import Signal

words: array[u64, 8]
environment: array[u64, 4]
stack: array[u8, 65536]
second: array[u8, 65536]
path: array[u8, 64]


def show() -> None:
    """Execute the program that shows everything."""
    words[0] = u64(b"zero\0".ptr)
    words[1] = u64(b"full\0".ptr)
    words[2] = 0
    environment[0] = u64(b"A=1\0".ptr)
    environment[1] = u64(b"B\0".ptr)
    environment[2] = u64(b"\0".ptr)
    environment[3] = 0
    result(b"execve", syscall(numbers.execve, b"shows\0".ptr, words.ptr, environment.ptr))
    leave(99)


def handler(number: i64) -> None:
    """Never called."""


def descriptors(argument: u64) -> i64:
    """Some are to be closed; the working directory goes on."""
    syscall(numbers.openat, At.AT_FDCWD, b"shows\0".ptr, Open.O_RDONLY, 0)
    syscall(numbers.openat, At.AT_FDCWD, b"shows\0".ptr, Open.O_RDONLY | Open.O_CLOEXEC, 0)
    ends = array[i32, 2]()
    pipe(ends.ptr)
    syscall(numbers.fcntl, i64(ends[0]), 2, 1)
    syscall(numbers.dup3, 3, 10, Open.O_CLOEXEC)
    syscall(numbers.dup2, 4, 11)
    syscall(numbers.chdir, b"folder\0".ptr)
    words[0] = u64(b"zero\0".ptr)
    words[1] = u64(b"full\0".ptr)
    words[2] = 0
    result(b"execve", syscall(numbers.execve, b"../shows\0".ptr, words.ptr, 0))
    return 99


def signals(argument: u64) -> i64:
    """Ignored stays ignored, handlers go, the mask and what is pending stay, the alternative stack goes."""
    set_action(Signal.SIGUSR1, 1, 0)
    set_action(Signal.SIGUSR2, u64(addr(stack[0])), 0)
    bits = u64(1) << (Signal.SIGUSR2 - 1) | u64(1) << (Signal.SIGTERM - 1)
    syscall(numbers.rt_sigprocmask, 0, addr(bits), 0, 8)
    syscall(numbers.kill, getpid(), Signal.SIGUSR2)
    area = array[u64, 3]()
    area[0] = u64(addr(stack[0]))
    area[2] = 65536
    result(b"sigaltstack", syscall(numbers.sigaltstack, area.ptr, 0))
    syscall(numbers.prctl, 15, b"another name\0".ptr, 0, 0, 0)
    show()
    return 99


@naked
def clone_to(entry: u64, top: u64) -> i64:
    """A thread that calls `entry` and never returns."""
    asm(
        "mov r8, rdi\n"
        "mov edi, 0x10f00\n"
        "xor edx, edx\n"
        "xor r10d, r10d\n"
        "push r8\n"
        "pop r9\n"
        "mov eax, 56\n"
        "syscall\n"
        "test rax, rax\n"
        "jz 1f\n"
        "ret\n"
        "1: and rsp, -16\n"
        "call r9\n"
        "ud2"
    )


def sleeper() -> None:
    """A thread that would never end."""
    while True:
        nap(10_000)


def executor() -> None:
    """A thread that is not the first one executes a program."""
    show()


def from_first(argument: u64) -> i64:
    """The other threads end."""
    clone_to(u64(sleeper), u64(addr(stack[0])) + 65536)
    clone_to(u64(sleeper), u64(addr(second[0])) + 65536)
    show()
    return 99


def from_other(argument: u64) -> i64:
    """A thread that is not the first one becomes it."""
    clone_to(u64(executor), u64(addr(stack[0])) + 65536)
    sleeper()
    return 99


def limits(argument: u64) -> i64:
    """RLIMIT_NOFILE, umask: as they were; memory: gone."""
    show()
    return 99


def dies(argument: u64) -> i64:
    """A program whose segments cannot be placed ends the process by SIGSEGV."""
    limit = array[u64, 2]()
    syscall(numbers.setrlimit, 4, limit.ptr)
    result(b"execve", syscall(numbers.execve, path.ptr, 0, 0))
    return 99


def broken(label: bytes, name: bytes) -> None:
    """Execute a program that dies at once."""
    path[0 : len(name)] = name
    pid = child(dies, 0)
    say_end(label, pid)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Each in a child."""
    say_end(b"descriptors", child(descriptors, 0))
    say_end(b"signals", child(signals, 0))
    say_end(b"from the first thread", child(from_first, 0))
    say_end(b"from another thread", child(from_other, 0))
    say_end(b"nothing special", child(limits, 0))
    broken(b"no segments", b"unloaded\0")
    broken(b"odd offset", b"skewed\0")
    broken(b"over the stack", b"high\0")
    broken(b"entry nowhere", b"lost-entry\0")
    broken(b"cut off", b"short\0")
    show()
    return 1
