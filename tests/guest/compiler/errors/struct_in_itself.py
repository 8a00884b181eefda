from guest.lang import struct, u32


@struct
class Node:
    value: u32
    next: Node
