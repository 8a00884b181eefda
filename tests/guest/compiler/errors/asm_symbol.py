from guest.lang import asm, naked


LIMIT = 5


@naked
def f() -> None:
    asm("call {nowhere}")
    asm("mov rax, {LIMIT}")
