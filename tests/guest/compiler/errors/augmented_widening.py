from guest.lang import u8, u32


def f(a: u8, b: u32) -> None:
    a += b
