from guest.lang import u32


def f(length: u32) -> u32:
    return lenght + 1
