from guest.lang import u32


def f(x: u32) -> None
    pass
