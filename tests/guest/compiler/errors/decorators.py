from guest.lang import export


@property
def f() -> None:
    pass


@export
def g() -> None:
    pass


@export("9 lives")
def h() -> None:
    pass
