from guest.lang import struct, u32


@struct
class Parser:
    position: u32


def f(p: Parser) -> None:
    p.feed(1)
