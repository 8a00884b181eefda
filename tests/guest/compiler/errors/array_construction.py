from guest.lang import array, u8


def f() -> None:
    a = array[u8, 2]([1, 2, 3])
    b = array[u8, 2](5)
    c = array[u8](1)
    n = 4
    d = array[u8, n]()
    e = [1, 2]
