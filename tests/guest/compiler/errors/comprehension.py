from guest.lang import i64


def f(n: i64) -> i64:
    values = [i for i in range(n)]
    return {1: 2}[1]
