from guest.lang import u32


def pair() -> tuple[u32, bool]:
    return 1, True


def f() -> u32:
    t = pair()
    a, b, c = pair()
    d, e = 5
    return pair()[0]
