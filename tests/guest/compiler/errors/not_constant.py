from guest.lang import u32


def f() -> u32:
    return 1


X = f()
Y: u32 = f()
Z = X + 1
