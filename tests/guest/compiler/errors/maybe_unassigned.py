from guest.lang import i64


def f(c: bool) -> i64:
    if c:
        x = 1
    return x
