from guest.lang import u8


def f(b: bytes) -> u8:
    c = b[-3:]
    return b[-1]
