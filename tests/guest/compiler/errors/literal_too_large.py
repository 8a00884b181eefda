from guest.lang import u8


def f() -> u8:
    return 256
