from guest.lang import u32


count: u32


def f() -> None:
    count += 1
