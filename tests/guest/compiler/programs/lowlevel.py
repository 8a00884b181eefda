"""Inline assembly, raw syscalls, addresses of code, symbols in assembly."""

from prelude import _start, show, show_bool

from guest.lang import (
    asm,
    export,
    fn,
    frame_address,
    i64,
    naked,
    noinline,
    ptr,
    return_address,
    syscall,
    u32,
    u64,
)
from syscalls import numbers

secret: u64 = 77


@naked
def swapped(a: u64, b: u64) -> u64:
    asm("mov rax, rsi")
    asm("sub rax, rdi")
    asm("ret")


@naked
def read_secret() -> u64:
    asm("""
        mov rax, qword ptr [rip + {secret}]
        lea rcx, [rip + {bump}]
        jmp {bump}
    """)


def bump() -> u64:
    global secret
    secret += 1
    return secret


@export("known_name")
def exported(x: u32) -> u32:
    return x + 1


@noinline
def caller() -> u64:
    return return_address()


def main() -> i64:
    show(i64(swapped(3, 10)))  # => 7
    show(i64(read_secret()))  # => 78
    show(i64(asm[u64]("lea $0, [$1 + 2*$2]", "=r,r,r", u64(5), u64(6))))  # => 17
    asm("nop")
    show(syscall(numbers.write, 99, b"x".ptr, 1))  # => -9
    show_bool(syscall(numbers.getpid) > 0)  # => true
    show_bool(frame_address() % 16 == 0)  # => true
    entry = u64(fn[[], i64](main))
    show_bool(caller() > 0x400000 and entry > 0x400000)  # => true
    show(exported(1))  # => 2
    negative: i64 = -1
    show(syscall(numbers.close, negative))  # => -9
    show_bool(ptr[u64](frame_address())[0] != 0)  # => true
    return 7
