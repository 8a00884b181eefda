from guest.lang import u32, u64


def f(n: u32) -> u64:
    return 1 << n
