"""Does what the script on stdin says: system calls with given arguments, jumps, threads, code. For the bench alone, where nothing can be hurt.

stdin: how many steps, then the steps, then an image; all of it stands at SCRIPT, and can be written and executed. A step that is taken leaves
its result in its place at RESULTS, and at TOLD, which children share. At PLACES stand addresses of this program that a script may use.
"""

from spawn import MOST, clone_onto, prepared_stack

from guest.lang import array, asm, i32, i64, naked, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

SCRIPT = 0x20000000
SIZE = 0x400000
RESULTS = 0x30000000
RESULTS_SIZE = 0x20000
PLACES = 0x31000000
TOLD = 0x32000000

CALL = 0  # number, six arguments
GOTO_IF = 1  # to the step `number`, when the first argument equals the second
END = 2  # the process exits with the first argument
THREAD = 3  # a thread goes on with the step `number`, on the stack of the first argument, with clone flags of the second
ENTER = 4  # calls the address of the first argument with the second
STORE = 5  # the second argument at the address of the first, so many bytes as the third says: 1, 2, 4, 8
LOOP = 6  # counts the word at the first argument down, and goes to the step `number` while it is not 0
LEAVE = 7  # the thread exits

LITERAL = 0
RESULT = 1  # of a step
WORD = 2  # the i32 at an address
LONG = 3  # the u64 at an address
OWN_PID = 4
OWN_TID = 5


@struct
class Argument:
    kind: u64
    value: u64


@struct
class Step:
    kind: u64
    number: u64
    arguments: array[Argument, 6]


received: i64


def handler(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Counts."""
    global received
    received += 1


def forking(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that makes a process, which ends, and waits for whom it can."""
    pid = syscall(numbers.fork)
    if pid == 0:
        syscall(numbers.exit_group, 0)
    syscall(numbers.wait4, -1, 0, 1, 0)


def spoiling(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that leaves a frame of its own making behind."""
    noise = ptr[u64](SCRIPT + SIZE - 4096)
    for at in range(100):
        if noise[at] & 3 == 1:
            context[at] = noise[at]


@naked
def restorer() -> None:
    """What a handler returns to."""
    asm("mov eax, 15\nsyscall\nud2")


@naked
def enter(where: u64, argument: u64) -> i64:
    """Goes to bytes that may be code."""
    asm("push rbx\npush rbp\nmov rax, rdi\nmov rdi, rsi\ncall rax\npop rbp\npop rbx\nret")


def value_of(argument: Argument) -> u64:
    """What an argument means now."""
    if argument.kind == RESULT:
        return u64(ptr[i64](RESULTS)[argument.value & 0x3FFF])
    if argument.kind == WORD:
        return u64(i64(ptr[i32](argument.value)[0]))
    if argument.kind == LONG:
        return ptr[u64](argument.value)[0]
    if argument.kind == OWN_PID:
        return u64(syscall(numbers.getpid))
    if argument.kind == OWN_TID:
        return u64(syscall(numbers.gettid))
    return argument.value


def keep(here: u64, number: u64, value: i64) -> None:
    """The result of a step; a child does not tell that it has been made."""
    ptr[i64](RESULTS)[here] = value
    makes = number == numbers.fork or number == numbers.clone or number == numbers.clone3
    if value != 0 or not makes:
        ptr[i64](TOLD)[here] = value


def store(where: u64, value: u64, size: u64) -> None:
    """So many bytes of a value."""
    if size == 1:
        ptr[u8](where)[0] = u8(value)
    elif size == 4:
        ptr[u32](where)[0] = u32(value)
    else:
        ptr[u64](where)[0] = value


def take(start: u64) -> i64:
    """Takes steps, until one of them ends it; also the life of a thread."""
    steps = ptr[Step](SCRIPT + 8)
    at = start
    while True:
        step = steps[at]
        a = value_of(step.arguments[0])
        b = value_of(step.arguments[1])
        c = value_of(step.arguments[2])
        here = at & 0x3FFF
        at += 1
        if step.kind == CALL:
            d = value_of(step.arguments[3])
            e = value_of(step.arguments[4])
            f = value_of(step.arguments[5])
            keep(here, step.number, syscall(step.number, a, b, c, d, e, f))
        elif step.kind == GOTO_IF:
            if a == b:
                at = step.number
        elif step.kind == END:
            syscall(numbers.exit_group, a)
        elif step.kind == THREAD:
            stack = prepared_stack(i64(a % MOST), take, step.number)
            keep(here, 0, clone_onto(b, stack, SCRIPT + SIZE - 64, SCRIPT + SIZE - 64, 0))
        elif step.kind == ENTER:
            keep(here, 0, enter(a, b))
        elif step.kind == STORE:
            store(a, b, c)
        elif step.kind == LOOP:
            count = ptr[u64](a)[0] - 1
            ptr[u64](a)[0] = count
            if count != 0:
                at = step.number
        else:
            return i64(a)


def map_at(where: u64, length: u64, protection: i64, flags: i64) -> None:
    """mmap(2) of anonymous memory."""
    syscall(numbers.mmap, where, length, protection, flags | 0x30, -1, 0)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Reads the script and takes its steps from the first; answers what the step says that leaves."""
    if syscall(numbers.getpid) != 1000:
        return 1  # not on the bench
    map_at(SCRIPT, SIZE, 7, 2)
    map_at(RESULTS, RESULTS_SIZE, 3, 2)
    map_at(TOLD, RESULTS_SIZE, 3, 1)
    map_at(PLACES, 4096, 3, 2)
    places = ptr[u64](PLACES)
    places[0] = u64(handler)
    places[1] = u64(forking)
    places[2] = u64(spoiling)
    places[3] = u64(restorer)
    places[4] = u64(ptr[u64](argv))
    places[5] = u64(ptr[u64](envp))
    done = u64(0)
    while True:
        got = syscall(numbers.read, 0, SCRIPT + done, SIZE - done)
        if got <= 0:
            break
        done += u64(got)
    return take(0)
