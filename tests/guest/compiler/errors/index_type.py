from guest.lang import u8


def f(b: bytes, flag: bool) -> u8:
    return b[flag]
