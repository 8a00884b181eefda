from guest.lang import u8, u32


def f(a: u32) -> u8:
    return a
