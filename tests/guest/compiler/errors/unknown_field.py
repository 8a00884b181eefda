from guest.lang import struct, u32


@struct
class Parser:
    position: u32


def f(p: Parser) -> u32:
    return p.positoin
