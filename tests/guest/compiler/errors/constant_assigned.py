LIMIT = 5


def f() -> None:
    global LIMIT
    LIMIT = 6
