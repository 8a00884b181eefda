from guest.lang import u32


class Parser:
    position: u32
