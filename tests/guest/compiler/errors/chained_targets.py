def f() -> None:
    a = b = 1
