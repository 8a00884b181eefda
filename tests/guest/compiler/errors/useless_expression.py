from guest.lang import u32


def f(x: u32) -> None:
    x + 1
    x
    x == 1
