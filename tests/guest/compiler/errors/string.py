def f() -> bytes:
    return "text"
