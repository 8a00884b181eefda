"""C structures of the x86_64 ABI, declared once: layout, reading, writing and showing.

Source of the layouts: the kernel's include/uapi headers for x86_64.
"""

import struct
from typing import Any


class Layout:
    """A C structure: fields as ("format character", "name"), formats as in the `struct` module; "4x" is padding.

    A field may carry a third element, a function that turns its value into what a trace shows. `brief` names the fields
    that a line shows of a structure with many.
    """

    def __init__(self, name: str, *fields: tuple[Any, ...], brief: tuple[str, ...] = ()) -> None:
        self.name = name
        self.brief = brief
        self.fields = tuple(field[1] for field in fields if not field[0].endswith("x"))
        self._show = tuple(
            field[2] if len(field) > 2 else None for field in fields if not field[0].endswith("x")
        )
        self._struct = struct.Struct("<" + "".join(field[0] for field in fields))
        self.size = self._struct.size
        self.unpack = self._struct.unpack
        """Bytes of exactly `size` to a tuple in field order."""
        self.pack = self._struct.pack
        """Values in field order to bytes."""

        self.json_template = ""
        """For a structure of nothing but numbers: its JSON, to be filled in with `%` from the unpacked values."""
        if not any(self._show) and all(field[0][-1] in "xbBhHiIqQ" for field in fields):
            self.json_template = "{" + ",".join(f'"{field}":%d' for field in self.fields) + "}"

    def show(self, data: bytes) -> dict[str, Any]:
        """The fields by name, as a trace shows them."""
        values = self._struct.unpack(data)
        return {
            name: value if shown is None else shown(value)
            for name, value, shown in zip(self.fields, values, self._show, strict=True)
        }


Timespec = Layout("timespec", ("q", "tv_sec"), ("q", "tv_nsec"))
Timeval = Layout("timeval", ("q", "tv_sec"), ("q", "tv_usec"))
