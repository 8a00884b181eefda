from guest.lang import u32


def f(c: bool) -> u32:
    while c:
        return 1
