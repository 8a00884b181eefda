from guest.lang import i64, syscall


def f(b: bytes) -> i64:
    return syscall(1, 1, b, len(b))
