from guest.lang import array, ptr, u8, u32, u64


def f(p: ptr[u8], b: bytes, a: array[u8, 4], q: ptr[u32], flag: bool, n: u32) -> None:
    f(b, b, a, q, flag, n)
    f(a, b, a, q, flag, n)
    f(q, b, a, q, flag, n)
    f(p, b, a, q, n, n)
    f(p, b, a, q, flag, flag)
    x: u64 = p
    y = b"abc"[3]
