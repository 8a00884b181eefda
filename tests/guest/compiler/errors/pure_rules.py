from guest.lang import addr, ptr, pure, syscall, u8, u32


counter: u32


def helper() -> u32:
    return 1


@pure
def f(p: ptr[u8], b: bytes) -> u32:
    syscall(1)
    x = counter
    q = b.ptr
    y = helper()
    return p[0]


@pure
def g(x: u32) -> u32:
    return addr(x)[0]
