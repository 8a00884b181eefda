def f(x: u33) -> None:
    pass
