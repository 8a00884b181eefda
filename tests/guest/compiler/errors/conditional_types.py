from guest.lang import u32


def f(c: bool, a: u32, b: bytes) -> None:
    x = a if c else b
