from guest.lang import i64, u64


def f(a: u64, b: i64) -> bool:
    return a < b
