"""Frames and handlers that make no sense, one a run: what the kernel makes of them."""

from say import result, say
from signal_tools import bit, install, mask_of

from guest.lang import addr, array, asm, i32, i64, naked, ptr, struct, syscall, u8, u32, u64
from guest.rt.cstring import cstring
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal

RIP = 21
SEGMENTS = 23
ERR = 24
TRAP = 25
FPU = 28


@struct
class Stack:
    """stack_t."""

    address: u64
    flags: u32
    padding: u32
    size: u64


@struct
class Action:
    """struct sigaction as the kernel has it."""

    handler: u64
    flags: u64
    restorer: u64
    mask: u64


small: array[u8, 4096]
count: i64


@naked
def without_stack(pid: i64, number: i64) -> i64:
    """kill with a stack pointer that points nowhere."""
    asm("mov eax, 62\nmov rsp, 0x1000\nsyscall\nud2")


@naked
def returns_from_nothing() -> i64:
    """rt_sigreturn without a frame."""
    asm("mov eax, 15\nmov rsp, 0x1000\nsyscall\nud2")


@naked
def loads_null() -> i64:
    """A null pointer."""
    asm("xor eax, eax\nmov rax, [rax]\nret")


def quiet(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Says that it ran."""
    say(b"handler\n")


def faults_again(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler of SIGSEGV that raises it again."""
    say(b"handler\n")
    loads_null()


def recurses(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Raises its own signal until the alternate stack is full."""
    global count
    count += 1
    if count > 100:
        syscall(numbers.exit_group, 77)
    syscall(numbers.tkill, syscall(numbers.gettid), number)


def wild_pc(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Goes back to where no program can be."""
    context[RIP] = 0x8000000000000000


def wild_code(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Goes back into a code segment that is none of a program's."""
    context[SEGMENTS] = (context[SEGMENTS] & ~u64(0xFFFF)) | 0x10


def says_trap(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler of SIGSEGV that ends the run."""
    result(b"code", i64(info[2]))
    result(b"error", i64(context[ERR]))
    result(b"trap", i64(context[TRAP]))
    syscall(numbers.exit_group, 5)


def wild_state(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Leaves no floating-point state that a processor takes."""
    state = ptr[u32](context[FPU])
    state[6] = 0xFFFFFFFF


def no_state(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Leaves no floating-point state."""
    context[FPU] = 0


def is_mode(argument: ptr[u8], name: bytes) -> bool:
    """Whether the run is this one."""
    text = cstring(argument)
    if len(text) != len(name):
        return False
    for i in range(len(name)):
        if text[i] != name[i]:
            return False
    return True


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The run that the argument names."""
    mode = argv[1]
    own = syscall(numbers.getpid)
    siginfo = i64(SigAction.SA_SIGINFO)
    install(Signal.SIGUSR1, quiet, siginfo, 0)
    if is_mode(mode, b"no-stack"):
        without_stack(own, Signal.SIGUSR1)
    if is_mode(mode, b"no-stack-handled"):
        install(Signal.SIGSEGV, quiet, siginfo, 0)
        without_stack(own, Signal.SIGUSR1)
    if is_mode(mode, b"no-frame"):
        returns_from_nothing()
    if is_mode(mode, b"no-restorer"):
        action = Action()
        action.handler = 0x401000
        syscall(numbers.rt_sigaction, Signal.SIGUSR1, addr(action), 0, 8)
        syscall(numbers.kill, own, Signal.SIGUSR1)
    if is_mode(mode, b"again"):
        install(Signal.SIGSEGV, faults_again, siginfo, 0)
        loads_null()
    if is_mode(mode, b"blocked"):
        install(Signal.SIGSEGV, quiet, siginfo, 0)
        mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGSEGV))
        loads_null()
    if is_mode(mode, b"full"):
        stack = Stack()
        stack.address = u64(addr(small[0]))
        stack.size = 4096
        syscall(numbers.sigaltstack, addr(stack), 0)
        install(Signal.SIGUSR1, recurses, siginfo | SigAction.SA_NODEFER | SigAction.SA_ONSTACK, 0)
        syscall(numbers.kill, own, Signal.SIGUSR1)
    if is_mode(mode, b"wild-pc"):
        install(Signal.SIGUSR1, wild_pc, siginfo, 0)
        syscall(numbers.kill, own, Signal.SIGUSR1)
    if is_mode(mode, b"wild-code"):
        install(Signal.SIGSEGV, says_trap, siginfo, 0)
        install(Signal.SIGUSR1, wild_code, siginfo, 0)
        syscall(numbers.kill, own, Signal.SIGUSR1)
    if is_mode(mode, b"no-state"):
        install(Signal.SIGUSR1, no_state, siginfo, 0)
        syscall(numbers.kill, own, Signal.SIGUSR1)
    if is_mode(mode, b"ignored"):
        mask = Action()
        mask.handler = 1
        result(b"ignore", syscall(numbers.rt_sigaction, Signal.SIGSEGV, addr(mask), 0, 8))
        loads_null()
    say(b"still here\n")
    return 0
