from guest.lang import asm, naked, u64


@naked
def _start() -> None:
    asm("call {begin}")


def begin() -> None:
    x = asm[u64]("nop", "={nowhere}")
