"""Where a program begins: `_start`, which the kernel enters with argc, argv and envp on the stack (System V ABI 3.4.1)."""

from guest.lang import asm, export, extern, i64, naked, ptr, u8, u64
from guest.rt.sys import exit_group


@extern
def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64: ...


@export("_start")
@naked
def _start() -> None:
    """Mark the outermost frame, align the stack as a call wants it, and go on in guest code with the initial stack."""
    asm("xor ebp, ebp\nmov rdi, rsp\nand rsp, -16\ncall {start_with}\nud2")


def start_with(stack: ptr[u64]) -> None:
    """Find argc, argv and envp on the initial stack, run `main` and end the process with its result."""
    argc = i64(stack[0])
    argv = ptr[ptr[u8]](stack + 1)
    envp = ptr[ptr[u8]](stack + argc + 2)
    exit_group(main(argc, argv, envp))
