"""Handlers: what they are given, under which mask and on which stack they run, and how the thread goes on after them."""

from say import check, result, say, say_hex, say_number
from signal_tools import bit, install, mask_of

from guest.lang import addr, array, asm, i32, i64, naked, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Map, Prot
from syscalls.flags.signals import SigAction, SigMask, Signal, SigStack


@struct
class Stack:
    """stack_t."""

    address: u64
    flags: u32
    padding: u32
    size: u64


RT = 34
R12 = 9  # 8-byte words of a ucontext
RIP = 21
ERR = 24
TRAP = 25
CR2 = 27
stack_bytes: array[u8, 16384]
page: ptr[u8]
depth: i64
seen: i64


@naked
def divide() -> i64:
    """Divides by zero, in two bytes."""
    asm("xor ecx, ecx\nmov eax, 1\ncdq\nidiv ecx\nret")


@naked
def undefined() -> i64:
    """An instruction that is none, of two bytes."""
    asm("mov eax, 7\nud2\nret")


@naked
def breakpoint_() -> i64:
    """int3."""
    asm("mov eax, 8\nint3\nret")


@naked
def keeps(pid: i64, number: i64) -> i64:
    """Raises a signal while registers, flags, SSE and x87 hold values; 0 if all of them come back."""
    asm(
        "push rbx\npush r12\npush rbp\n"
        "sub rsp, 16\n"
        "mov rbx, 0x1122334455667788\n"
        "movq xmm3, rbx\n"
        "movq xmm15, rdi\n"
        "mov rbp, rdi\n"
        "fninit\n"
        "fldpi\nfld1\n"
        "mov dword ptr [rsp], 0x1fa0\n"
        "ldmxcsr [rsp]\n"
        "mov r12, 77\n"
        "mov eax, 62\n"
        "stc\nstd\n"
        "syscall\n"
        "setc cl\n"
        "pushfq\npop rdx\n"
        "cld\n"
        "shr edx, 10\nand edx, 1\n"
        "xor eax, eax\n"
        "cmp r12, 77\nje 1f\nor eax, 1\n"
        "1: movq rsi, xmm3\ncmp rsi, rbx\nje 2f\nor eax, 2\n"
        "2: movq rsi, xmm15\ncmp rsi, rbp\nje 3f\nor eax, 4\n"
        "3: cmp edx, 1\nje 4f\nor eax, 8\n"
        "4: stmxcsr [rsp]\ncmp dword ptr [rsp], 0x1fa0\nje 5f\nor eax, 16\n"
        "5: fistp qword ptr [rsp]\ncmp qword ptr [rsp], 1\nje 6f\nor eax, 32\n"
        "6: fistp qword ptr [rsp]\ncmp qword ptr [rsp], 3\nje 7f\nor eax, 64\n"
        "7: mov dword ptr [rsp], 0x1f80\nldmxcsr [rsp]\n"
        "add rsp, 16\n"
        "pop rbp\npop r12\npop rbx\n"
        "ret"
    )


@naked
def spoils() -> None:
    """Overwrites what a handler may overwrite."""
    asm("xorps xmm3, xmm3\nxorps xmm15, xmm15\nfninit\nfldz\nldmxcsr [rip + 1f]\nret\n1: .long 0x1f80")


def send(number: i64) -> None:
    """tgkill to oneself."""
    syscall(numbers.tgkill, syscall(numbers.getpid), syscall(numbers.gettid), number)


def tells(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that says what it was given."""
    say(b"  handler ")
    say_number(number)
    say(b" signo ")
    say_number(i64(info[0]))
    say(b" errno ")
    say_number(i64(info[1]))
    say(b" code ")
    say_number(i64(info[2]))
    say(b" own ")
    say_number(i64(i64(info[4]) == syscall(numbers.getpid)))
    say(b" mask ")
    say_hex(mask_of(SigMask.SIG_BLOCK, 0))
    say(b" before ")
    say_hex(context[37])
    say(b"\n")


def with_value(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler of queued signals."""
    say(b"  queued ")
    say_number(number)
    say(b" code ")
    say_number(i64(info[2]))
    say(b" value ")
    say_number(i64(info[6]))
    say(b"\n")


def again(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that raises its own signal."""
    global depth
    depth += 1
    say(b"  in, depth ")
    say_number(depth)
    say(b"\n")
    if seen < 2:
        raise_once_more(number)
    depth -= 1
    say(b"  out\n")


def raise_once_more(number: i64) -> None:
    """Count and send."""
    global seen
    seen += 1
    send(number)


def on_stack(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that looks where it runs."""
    here = u64(0)
    at = u64(addr(here))
    low = u64(addr(stack_bytes[0]))
    check(b"  on the alternate stack", at >= low and at < low + 16384)
    check(b"  aligned frame", u64(context) % 16 == 0)
    now = Stack()
    result(b"  sigaltstack", syscall(numbers.sigaltstack, 0, addr(now)))
    say(b"  flags ")
    say_hex(u64(now.flags))
    say(b"\n")
    result(b"  change it", syscall(numbers.sigaltstack, addr(now), 0))
    say(b"  uc_stack flags ")
    say_hex(context[3] & 0xFFFFFFFF)
    say(b"\n")


def skips(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that steps over two bytes."""
    say(b"  fault ")
    say_number(number)
    say(b" code ")
    say_number(i64(info[2]))
    say(b" at pc ")
    address = ptr[u64](u64(info) + 16)
    say_number(i64(address[0] == context[RIP]))
    say(b" trap ")
    say_number(i64(context[TRAP]))
    say(b" err ")
    say_number(i64(context[ERR]))
    say(b" cs ")
    say_hex(context[23] & 0xFFFF)
    say(b" ss ")
    say_hex(context[23] >> 48)
    say(b"\n")
    if number != Signal.SIGTRAP:
        context[RIP] += 2


def unlocks(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that makes the page accessible, so that the instruction can be done again."""
    address = ptr[u64](u64(info) + 16)
    say(b"  fault ")
    say_number(number)
    say(b" code ")
    say_number(i64(info[2]))
    say(b" offset ")
    say_number(i64(address[0] - u64(page)))
    say(b" cr2 offset ")
    say_number(i64(context[CR2] - u64(page)))
    say(b" trap ")
    say_number(i64(context[TRAP]))
    say(b" err ")
    say_number(i64(context[ERR]))
    say(b"\n")
    syscall(numbers.mprotect, u64(page), 4096, Prot.PROT_READ | Prot.PROT_WRITE)


def spoiling(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that uses all registers."""
    spoils()


def changes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that changes a register of the thread and its mask."""
    context[R12] = 5
    context[37] = bit(Signal.SIGUSR2)


def plain() -> None:
    """Own signals, masks, order."""
    flags = i64(SigAction.SA_SIGINFO)
    install(Signal.SIGUSR1, tells, flags, 0)
    install(Signal.SIGUSR2, tells, flags, bit(Signal.SIGHUP))
    install(RT, with_value, flags, 0)
    send(Signal.SIGUSR1)
    result(b"kill", syscall(numbers.kill, syscall(numbers.getpid), Signal.SIGUSR2))
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGUSR1) | bit(Signal.SIGUSR2) | bit(RT))
    send(Signal.SIGUSR2)
    send(Signal.SIGUSR1)
    send(Signal.SIGUSR1)
    info = array[i32, 32]()
    for value in range(3):
        info[2] = -1
        info[6] = i32(value)
        pid = syscall(numbers.getpid)
        result(b"queue", syscall(numbers.rt_sigqueueinfo, pid, RT, addr(info[0])))
    pending = u64(0)
    syscall(numbers.rt_sigpending, addr(pending), 8)
    say_hex(pending)
    say(b" pending\n")
    mask_of(SigMask.SIG_SETMASK, 0)
    say(b"unblocked\n")
    syscall(numbers.rt_sigpending, addr(pending), 8)
    say_hex(pending)
    say(b" pending\n")


def flags_of_actions() -> None:
    """SA_NODEFER, SA_RESETHAND, SA_ONSTACK."""
    global seen
    install(Signal.SIGUSR1, again, SigAction.SA_SIGINFO, 0)
    say(b"deferred\n")
    send(Signal.SIGUSR1)
    seen = 0
    install(Signal.SIGUSR1, again, SigAction.SA_SIGINFO | SigAction.SA_NODEFER, 0)
    say(b"not deferred\n")
    send(Signal.SIGUSR1)
    install(Signal.SIGCHLD, tells, SigAction.SA_SIGINFO | SigAction.SA_RESETHAND, 0)
    say(b"once\n")
    send(Signal.SIGCHLD)
    send(Signal.SIGCHLD)
    stack = Stack()
    stack.address = u64(addr(stack_bytes[0]))
    stack.size = 16384
    result(b"sigaltstack", syscall(numbers.sigaltstack, addr(stack), 0))
    install(Signal.SIGUSR1, on_stack, SigAction.SA_SIGINFO | SigAction.SA_ONSTACK, 0)
    send(Signal.SIGUSR1)
    stack.flags = u32(SigStack.SS_AUTODISARM)
    result(b"autodisarm", syscall(numbers.sigaltstack, addr(stack), 0))
    send(Signal.SIGUSR1)
    result(b"sigaltstack", syscall(numbers.sigaltstack, 0, addr(stack)))
    say_hex(u64(stack.flags))
    say(b"\n")
    stack.flags = u32(SigStack.SS_DISABLE)
    result(b"disable", syscall(numbers.sigaltstack, addr(stack), 0))
    send(Signal.SIGUSR1)


def faults() -> None:
    """Exceptions that a handler repairs."""
    global page
    install(Signal.SIGFPE, skips, SigAction.SA_SIGINFO, 0)
    install(Signal.SIGILL, skips, SigAction.SA_SIGINFO, 0)
    install(Signal.SIGTRAP, skips, SigAction.SA_SIGINFO, 0)
    result(b"divide", divide())
    result(b"undefined", undefined())
    result(b"breakpoint", breakpoint_())
    page = ptr[u8](
        u64(syscall(numbers.mmap, 0, 4096, Prot.PROT_NONE, Map.MAP_PRIVATE | Map.MAP_ANONYMOUS, -1, 0))
    )
    install(Signal.SIGSEGV, unlocks, SigAction.SA_SIGINFO, 0)
    page[100] = 42
    result(b"written", i64(page[100]))
    syscall(numbers.mprotect, u64(page), 4096, Prot.PROT_NONE)
    result(b"read", i64(page[100]))
    memfd = syscall(numbers.memfd_create, b"m\0".ptr, 0)
    syscall(numbers.ftruncate, memfd, 4096)
    page = ptr[u8](u64(syscall(numbers.mmap, 0, 4096, Prot.PROT_READ, Map.MAP_PRIVATE, memfd, 0)))
    result(b"held by a file's page", i64(page[100]))
    page[100] = 43
    result(b"written to a file's page", i64(page[100]))
    syscall(numbers.close, memfd)


def states() -> None:
    """What comes back, and what a handler may change."""
    install(Signal.SIGUSR1, spoiling, SigAction.SA_SIGINFO, 0)
    result(b"kept", keeps(syscall(numbers.getpid), Signal.SIGUSR1))
    install(Signal.SIGUSR1, changes, SigAction.SA_SIGINFO, 0)
    result(b"changed", keeps(syscall(numbers.getpid), Signal.SIGUSR1))
    say_hex(mask_of(SigMask.SIG_SETMASK, 0))
    say(b" mask\n")


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    plain()
    flags_of_actions()
    faults()
    states()
    return 0
