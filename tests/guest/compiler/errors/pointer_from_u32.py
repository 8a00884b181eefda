from guest.lang import ptr, u8, u32


def f(x: u32) -> ptr[u8]:
    return ptr[u8](x)


def g(p: ptr[u8]) -> u32:
    return u32(p)
