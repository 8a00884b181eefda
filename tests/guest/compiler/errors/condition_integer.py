from guest.lang import u32


def f(x: u32) -> None:
    if x:
        pass
    while x & 1:
        pass
    assert not x
