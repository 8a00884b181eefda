from guest.lang import null


def f() -> None:
    p = null
