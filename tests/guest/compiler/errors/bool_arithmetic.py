from guest.lang import u32


def f(a: bool, b: u32) -> u32:
    return a + b
