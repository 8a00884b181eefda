from guest.lang import fn, u32


def add(a: u32, b: u32) -> u32:
    return a + b


def f(g: fn[[u32], u32]) -> u32:
    return g(1, 2)


def main() -> u32:
    return f(add)
