def f() -> None:
    for i in range(3):
        pass
    else:
        pass
