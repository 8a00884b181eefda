def f() -> None:
    pass


f = 5
