from guest.lang import i64, u32


def f(total: u32, length: i64) -> i64:
    total = total + length
    return length
