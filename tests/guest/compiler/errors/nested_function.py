def f() -> None:
    def g() -> None:
        pass

    class H:
        pass
