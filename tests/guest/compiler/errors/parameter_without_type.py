from guest.lang import u32


def f(x, *rest):
    return x


def g(x) -> None:
    pass


def h(x: u32):
    pass
