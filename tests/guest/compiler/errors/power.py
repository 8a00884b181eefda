from guest.lang import u32


def f(x: u32) -> u32:
    return x**2
