def f() -> None:
    try:
        pass
    except OSError:
        pass
    with open("x") as g:
        pass
    raise ValueError
    del f
    import os
    match 1:
        case 1:
            pass
