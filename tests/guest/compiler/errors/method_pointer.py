from guest.lang import struct, u32


@struct
class Counter:
    n: u32

    def bump(self) -> None:
        self.n += 1


def f(c: Counter) -> None:
    g = c.bump
