from guest.lang import u32


def f(x: u32) -> bytes:
    return f"{x}"
