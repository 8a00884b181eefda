from guest.lang import asm, naked


@naked
def _start() -> None:
    asm("""
        xor ebp, ebp
        bogus rax, rbx
        ud2
    """)
