from guest.lang import extern


@extern
def missing() -> None: ...


def body() -> None: ...
