from guest.lang import u32


def f() -> u32:
    return
