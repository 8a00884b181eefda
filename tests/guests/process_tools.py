"""Processes for test guests: forking, waiting, status words in words, and gates that put processes in order."""

from say import result, say, say_error, say_number
from signal_tools import Action

from guest.lang import addr, array, asm, fn, i32, i64, naked, ptr, syscall, u8, u32, u64, unreachable
from syscalls import numbers
from syscalls.flags.signals import Signal

WNOHANG = 1
WUNTRACED = 2
WSTOPPED = 2
WEXITED = 4
WCONTINUED = 8
WNOWAIT = 0x01000000
WNOTHREAD = 0x20000000
WALL = 0x40000000
WCLONE = 0x80000000
P_ALL = 0
P_PID = 1
P_PGID = 2
P_PIDFD = 3


def leave(status: i64) -> None:
    """exit_group(2)."""
    syscall(numbers.exit_group, status)
    unreachable()


def getpid() -> i64:
    """getpid(2)."""
    return syscall(numbers.getpid)


def getppid() -> i64:
    """getppid(2)."""
    return syscall(numbers.getppid)


def fork() -> i64:
    """fork(2)."""
    return syscall(numbers.fork)


def child(entry: fn[[u64], i64], argument: u64) -> i64:
    """A forked process that calls `entry(argument)` and exits with what it returns; its pid."""
    pid = syscall(numbers.fork)
    if pid == 0:
        leave(entry(argument))
    return pid


@naked
def vfork_to(entry: fn[[u64], i64], argument: u64) -> i64:
    """vfork(2); the child calls `entry(argument)` on the parent's stack, below what the parent needs, and exits."""
    asm(
        "mov eax, 58\n"
        "syscall\n"
        "test rax, rax\n"
        "jz 1f\n"
        "ret\n"
        "1: mov rax, rdi\n"
        "mov rdi, rsi\n"
        "sub rsp, 8\n"
        "call rax\n"
        "mov rdi, rax\n"
        "mov eax, 231\n"
        "syscall\n"
        "ud2"
    )


def kill(pid: i64, number: i64) -> i64:
    """kill(2)."""
    return syscall(numbers.kill, pid, number)


def wait4(pid: i64, options: i64) -> tuple[i64, i64]:
    """wait4(2) until it is not interrupted: its result, and the status word (-1: untouched)."""
    word = i32(-1)
    value = syscall(numbers.wait4, pid, addr(word), options, 0)
    while value == -4:
        value = syscall(numbers.wait4, pid, addr(word), options, 0)
    return value, i64(word)


def reap(pid: i64) -> i64:
    """Wait for the end of a child of whatever kind; its status word, or minus an errno."""
    value, word = wait4(pid, WALL)
    return value if value < 0 else word


def say_status(word: i64) -> None:
    """A status word as words, and as the number that it is."""
    if word < 0:
        say(b"-")
        say_error(-word)
    elif word == 0xFFFF:
        say(b"continued")
    elif word & 0xFF == 0x7F:
        say(b"stopped by ")
        say_number(word >> 8)
    elif word & 0x7F != 0:
        say(b"killed by ")
        say_number(word & 0x7F)
        if word & 0x80 != 0:
            say(b" with a core")
    else:
        say(b"exited ")
        say_number(word >> 8)
    say(b"\n")


def status(label: bytes, word: i64) -> i64:
    """Print `label: what the status word says`."""
    say(label)
    say(b": ")
    say_status(word)
    return word


def ended(label: bytes, pid: i64) -> i64:
    """Reap a child, and say how it ended."""
    return status(label, reap(pid))


def waited(label: bytes, pid: i64, options: i64, expected: i64) -> i64:
    """wait4; say whether it gave the expected pid, and the status."""
    value, word = wait4(pid, options)
    say(label)
    say(b": ")
    if value < 0:
        say(b"-")
        say_error(-value)
        say(b"\n")
    elif value == 0:
        say(b"nothing yet\n")
    else:
        say(b"the child, " if value == expected else b"ANOTHER, ")
        say_status(word)
    return value


def whose(label: bytes, pid: i64, me: i64, parent: i64, of: i64) -> None:
    """Print a pid as what it is to somebody: itself, its parent, the child `of`."""
    say(label)
    if pid < 0:
        say(b": -")
        say_error(-pid)
        say(b"\n")
    elif pid == 0:
        say(b": 0\n")
    elif pid == me:
        say(b": me\n")
    elif pid == of:
        say(b": the child\n")
    elif pid == parent:
        say(b": the parent\n")
    else:
        say(b": another\n")


def pipe(ends: ptr[i32]) -> i64:
    """pipe2(2)."""
    return syscall(numbers.pipe2, ends, 0)


def tell(fd: i64) -> None:
    """Let one pass who waits at the other end of a pipe."""
    byte = array[u8, 1]()
    byte[0] = 1
    syscall(numbers.write, fd, byte.ptr, 1)


def hear(fd: i64) -> i64:
    """Wait until somebody tells (1), or nobody can any more (0)."""
    byte = array[u8, 1]()
    while True:
        value = syscall(numbers.read, fd, byte.ptr, 1)
        if value != -4:
            return value


def nap(milliseconds: i64) -> None:
    """Sleep so long, whatever interrupts."""
    time = array[i64, 2]()
    time[0] = milliseconds // 1000
    time[1] = milliseconds % 1000 * 1000000
    while syscall(numbers.nanosleep, time.ptr, time.ptr) == -4:
        pass


def await_sleep(pid: i64) -> None:
    """Wait until a process waits for something itself or has ended, as /proc/PID/stat says (proc_pid_stat(5)); two seconds at most."""
    path = array[u8, 32]()
    path[0:6] = b"/proc/"
    digits = array[u8, 12]()
    count = i64(0)
    rest = pid
    while rest > 0:
        digits[count] = u8(0x30 + rest % 10)
        rest //= 10
        count += 1
    for i in range(count):
        path[6 + i] = digits[count - 1 - i]
    path[6 + count : 11 + count] = b"/stat"
    text = array[u8, 256]()
    for _ in range(2000):
        fd = syscall(numbers.openat, -100, path.ptr, 0, 0)
        size = syscall(numbers.read, fd, text.ptr, 256)
        syscall(numbers.close, fd)
        for i in range(size - 2):
            state = text[i + 2]  # S and D: it sleeps, Z: it has ended
            if text[i] == 0x29 and (state == 0x53 or state == 0x44 or state == 0x5A):
                return
        nap(1)


def shared(size: i64) -> u64:
    """Anonymous memory that children share."""
    return u64(syscall(numbers.mmap, 0, size, 3, 0x21, -1, 0))


def action_of(number: i64) -> u64:
    """The handler of a signal: SIG_DFL 0, SIG_IGN 1, or an address."""
    action = Action()
    syscall(numbers.rt_sigaction, number, 0, addr(action), 8)
    return action.handler


def set_action(number: i64, handler: u64, flags: u64) -> i64:
    """SIG_DFL 0 or SIG_IGN 1 for a signal."""
    action = Action()
    action.handler = handler
    action.flags = flags
    return syscall(numbers.rt_sigaction, number, addr(action), 0, 8)


def pending() -> u64:
    """rt_sigpending(2)."""
    bits = u64(0)
    syscall(numbers.rt_sigpending, addr(bits), 8)
    return bits


def await_stop(label: bytes, pid: i64) -> None:
    """Wait until a child has stopped, and say by what."""
    value, word = wait4(pid, WUNTRACED)
    status(label, value if value < 0 else word)


def await_continue(label: bytes, pid: i64) -> None:
    """Wait until a child has gone on."""
    value, word = wait4(pid, WCONTINUED)
    status(label, value if value < 0 else word)


def finish(label: bytes, pid: i64) -> None:
    """SIGKILL a child, and say how it ended."""
    kill(pid, Signal.SIGKILL)
    ended(label, pid)


def in_session(body: fn[[u64], i64], argument: u64) -> i64:
    """Run `body` in a session of its own: what it does to groups reaches nobody else. Its status word."""
    pid = syscall(numbers.fork)
    if pid == 0:
        syscall(numbers.setsid)
        leave(body(argument))
    return reap(pid)


def no_core() -> None:
    """RLIMIT_CORE 0: who dies leaves no file behind."""
    limit = array[u64, 2]()
    syscall(numbers.setrlimit, 4, limit.ptr)


def word_at(address: u64) -> u32:
    """A word of memory as it is now."""
    return ptr[u32](address)[0]


def put_word(address: u64, value: u32) -> None:
    """Store a word."""
    ptr[u32](address)[0] = value


def refused(label: bytes, value: i64) -> None:
    """A call that should fail: its error; a child that was made after all leaves at once and is reaped."""
    if value == 0:
        leave(0)
    if value > 0:
        say(label)
        say(b": works, ")
        say_status(reap(value))
    else:
        result(label, value)
