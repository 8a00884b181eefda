from guest.lang import copy, u32


def f(a: u32, b: u32) -> None:
    copy(a, b)
