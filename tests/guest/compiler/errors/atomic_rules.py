from guest.lang import acquire, atomic, ptr, release, u32


def f(p: ptr[u32], q: u32, b: ptr[bool]) -> None:
    atomic.load(q)
    atomic.load(p, release)
    atomic.store(p, 1, acquire)
    atomic.add(b, 1)
    atomic.swap(p, 1)
    atomic.load(p, 5)
    atomic.add(p, -1)
