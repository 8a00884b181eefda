"""A small buffer at a fixed host address, for arguments of raw host calls that are not in the guest's memory."""

import ctypes

SIZE = 4096

NAME = 0
"""Offset of room for one socket address (struct sockaddr_storage, 128 bytes)."""

NAME_LENGTH = 256
"""Offset of the socklen_t that belongs to it."""

WORK = 512
"""Offset of the free rest."""

NAME_SIZE = 128


class Scratch:
    """One per process, as two benches may run in one interpreter. Nothing in it outlives a handler's step.

    `view` are its bytes, `words` the same as unsigned 32-bit numbers, `address` where the host's kernel finds them.
    """

    __slots__ = ("_pin", "address", "name", "name_length", "view", "words")

    def __init__(self) -> None:
        store = bytearray(SIZE)
        self._pin = ctypes.c_char.from_buffer(store)
        self.address = ctypes.addressof(self._pin)
        self.view = memoryview(store)
        self.words = self.view.cast("I")
        self.name = self.address + NAME
        self.name_length = self.address + NAME_LENGTH

    def put_name(self, name: bytes) -> int:
        """Stores a socket address of at most 128 bytes; returns its host address."""
        self.view[NAME : NAME + len(name)] = name
        return self.name

    def pass_name(self, name: bytes | None) -> tuple[int, int]:
        """Address and length of a socket address for a host call; (0, 0) for None."""
        return (0, 0) if name is None else (self.put_name(name), len(name))

    def expect_name(self) -> None:
        """Makes room for an address that a host call is to fill in."""
        self.words[NAME_LENGTH // 4] = NAME_SIZE

    def got_name(self) -> bytes:
        """The address that a host call has filled in."""
        return bytes(self.view[NAME : NAME + min(self.words[NAME_LENGTH // 4], NAME_SIZE)])
