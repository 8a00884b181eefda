from guest.lang import ptr, u8


def f(p: ptr[u8], b: bytes) -> bool:
    if p and b:
        return True
    return False
