from guest.lang import array, struct, u8, u32


@struct
class Point:
    x: u32


def f() -> Point:
    p = Point(1)
    return p


def g() -> bytes:
    a = array[u8, 4]()
    return a
