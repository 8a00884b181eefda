from guest.lang import array, u32


K = array[u32, 2]([1, 2])


def f() -> None:
    K[0] = 5
