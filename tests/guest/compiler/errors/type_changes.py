def f(b: bytes) -> None:
    x = 5
    x = b
    y = b
    y = 5
