def f(b: bytes) -> bytes:
    return b[0:10:2]
