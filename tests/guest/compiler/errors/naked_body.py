from guest.lang import asm, naked


@naked
def f() -> None:
    asm("ret")
    x = 5
