def f(x: u32) -> None:
    pass
