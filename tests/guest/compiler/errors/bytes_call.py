from guest.lang import i64


def f(n: i64) -> bytes:
    return bytes(n)


def g(n: i64) -> bool:
    return bool(n)
