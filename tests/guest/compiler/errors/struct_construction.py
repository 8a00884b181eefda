from guest.lang import struct, u32


@struct
class Point:
    x: u32
    y: u32


def f() -> None:
    a = Point(1, 2, 3)
    b = Point(z=1)
    c = Point(1, x=2)
    d = Point(b"")
