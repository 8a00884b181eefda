from guest.lang import ptr, u8


def f(p: ptr[u8]) -> bool:
    return p is None
