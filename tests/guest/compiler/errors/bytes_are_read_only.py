def f(b: bytes) -> None:
    b[0] = 1
    b[0:2] = b"ab"
