from guest.lang import u8


def f(b: bytes, x: u8) -> bool:
    return x in b
