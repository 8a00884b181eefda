from guest.lang import u32


def f() -> u32:
    x = y + 1
    y = 2
    return x
