from guest.lang import struct, u32


@struct
class Parser(object):
    position: u32
    LIMIT = 5
