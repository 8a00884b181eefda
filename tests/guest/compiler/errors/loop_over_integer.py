from guest.lang import u32


def f(n: u32) -> None:
    for i in n:
        pass
    for i, j in range(3):
        pass
    for k in range(0, 10, n):
        pass
    for m in range(0, 10, 0):
        pass
