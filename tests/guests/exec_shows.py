"""What a program finds when it begins: arguments, environment, auxiliary vector, descriptors, signals, names, registers."""

from process_tools import action_of, pending
from say import check, result, say, say_number

from guest.lang import addr, array, i64, null, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Fcntl, Open
from syscalls.flags.signals import Signal

AT_PHDR = 3
AT_PHENT = 4
AT_PHNUM = 5
AT_PAGESZ = 6
AT_BASE = 7
AT_ENTRY = 9
AT_PLATFORM = 15
AT_SECURE = 23
AT_RANDOM = 25
AT_EXECFN = 31

room: array[u8, 4096]


def say_string(text: ptr[u8]) -> None:
    """Print a C string in quotes; of a long one how long it is."""
    size = i64(0)
    while text[size] != 0:
        size += 1
    if size > 200:
        say_number(size)
        say(b" bytes\n")
        return
    say(b'"')
    syscall(numbers.write, 1, text, size)
    say(b'"\n')


def last_part(label: bytes, size: i64) -> None:
    """What stands behind the last slash in `room`."""
    if size < 0:
        result(label, size)
        return
    begin = i64(0)
    for i in range(size):
        if room[i] == 0x2F:
            begin = i + 1
    say(label)
    say(b": ")
    syscall(numbers.write, 1, addr(room[begin]), size - begin)
    say(b"\n")


def auxiliary(vector: ptr[u64]) -> None:
    """What the auxiliary vector says, as far as it is the same in every run."""
    values = array[u64, 64]()
    count = i64(0)
    while vector[count] != 0:
        if vector[count] < 64:
            values[i64(vector[count])] = vector[count + 1]
        count += 2
    headers = values[AT_PHDR]
    check(b"AT_PHDR is in the first page of the program", (headers & 0xFFF) == 64)
    check(b"an ELF begins there", ptr[u8](headers - 64)[1] == 0x45)
    check(b"AT_PHNUM is the file's", values[AT_PHNUM] == u64(ptr[u8](headers - 64)[56]))
    check(b"AT_ENTRY is the file's", values[AT_ENTRY] == ptr[u64](headers - 64)[3])
    result(b"AT_PHENT", i64(values[AT_PHENT]))
    result(b"AT_PAGESZ", i64(values[AT_PAGESZ]))
    result(b"AT_BASE", i64(values[AT_BASE]))
    result(b"AT_SECURE", i64(values[AT_SECURE]))
    check(b"AT_RANDOM", values[AT_RANDOM] != 0)
    say(b"AT_EXECFN: ")
    say_string(ptr[u8](values[AT_EXECFN]))
    say(b"AT_PLATFORM: ")
    say_string(ptr[u8](values[AT_PLATFORM]))


def surroundings() -> None:
    """Descriptors, signals, names."""
    for fd in range(3, 12):
        flags = syscall(numbers.fcntl, fd, Fcntl.F_GETFD, 0)
        if flags >= 0:
            say(b"open: ")
            say_number(fd)
            say(b"\n")
    check(b"SIGUSR1 is ignored", action_of(Signal.SIGUSR1) == 1)
    check(b"SIGUSR2 has its default action", action_of(Signal.SIGUSR2) == 0)
    blocked = u64(0)
    syscall(numbers.rt_sigprocmask, 0, 0, addr(blocked), 8)
    result(b"blocked", i64(blocked))
    result(b"pending", i64(pending()))
    stack = array[u64, 3]()
    syscall(numbers.sigaltstack, 0, stack.ptr)
    result(b"alternative stack", i64(stack[1]))
    name = array[u8, 16]()
    syscall(numbers.prctl, 16, name.ptr, 0, 0, 0)
    say(b"name: ")
    say_string(name.ptr)
    last_part(b"exe", syscall(numbers.readlink, b"/proc/self/exe\0".ptr, addr(room[0]), 4096))
    fd = syscall(numbers.openat, At.AT_FDCWD, b"/proc/self/cmdline\0".ptr, Open.O_RDONLY, 0)
    size = syscall(numbers.read, fd, addr(room[0]), 4096)
    result(b"cmdline", size)
    check(b"the thread is the process", syscall(numbers.gettid) == syscall(numbers.getpid))
    now = syscall(numbers.brk, 0)
    check(b"the heap is empty and grows", syscall(numbers.brk, now + 4096) == now + 4096)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Show it all; the exit status is the number of arguments."""
    result(b"argc", argc)
    for i in range(argc):
        say_string(argv[i])
    check(b"argv ends", argv[argc] == null)
    count = i64(0)
    while envp[count] != null:
        say(b"environment: ")
        say_string(envp[count])
        count += 1
    if argc < 2 or argv[1][0] != 0x73:  # "short"
        auxiliary(ptr[u64](addr(envp[count + 1])))
        surroundings()
    return argc
