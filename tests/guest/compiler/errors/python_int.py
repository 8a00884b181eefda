def f(x: int) -> float:
    pass
