from guest.lang import array, u8


def f() -> u8:
    a = array[u8, 4]()
    return a[4]
