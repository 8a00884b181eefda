from guest.lang import i64


def f(n: i64) -> i64:
    for i in range(n):
        last = i
    return last + i
