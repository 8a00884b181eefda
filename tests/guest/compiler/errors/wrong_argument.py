from guest.lang import i64, u32


def f(a: u32, b: bytes) -> None:
    pass


def g(x: i64) -> None:
    f(x, b"")
    f(1, x)
    f(1)
    f(1, b"", 2)
    f(1, c=b"")
    f(1, a=2, b=b"")
