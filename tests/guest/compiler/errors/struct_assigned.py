from guest.lang import struct, u32


@struct
class Inner:
    x: u32


@struct
class Outer:
    inner: Inner


def f(o: Outer, i: Inner) -> None:
    o.inner = i
