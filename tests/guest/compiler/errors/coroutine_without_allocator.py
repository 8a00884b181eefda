from guest.lang import asm, naked, resume


@naked
def _start() -> None:
    asm("call {run}")


async def work() -> None:
    pass


def run() -> None:
    c = work()
    resume(c)
