from guest.lang import u32


def f(n: u32) -> u32:
    return n >> -1
