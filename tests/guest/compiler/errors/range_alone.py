def f() -> None:
    x = range(3)
    for i in range(1, 2, 3, 4):
        pass
