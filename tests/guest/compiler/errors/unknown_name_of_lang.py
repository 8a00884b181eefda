def f() -> None:
    fence()
