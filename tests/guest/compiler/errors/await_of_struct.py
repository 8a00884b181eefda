from guest.lang import struct, u32


@struct
class Timer:
    left: u32


async def f(t: Timer) -> None:
    await t
    await 5
