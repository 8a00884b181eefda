from guest.lang import suspend


async def g() -> None:
    pass


def f() -> None:
    await g()
    suspend()
    g()
