from guest.lang import u32


def g() -> None:
    pass


def f() -> u32:
    x = g()
    return None
