from guest.lang import addr, ptr, u32


def f(x: u32) -> ptr[u32]:
    p = addr(x + 1)
    g = addr(f)
    return addr(5)
