"""What a type shows: plain values, bytes, or raw memory that is taken apart only when somebody looks; and how JSON has them."""

import json
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from syscalls.describe import Shown

Data = Any
"""int, str, bytes, bool, None, Cut, or lists and dicts of these."""

Described = tuple[dict[str, str | None], dict[str, int | None]]
"""Texts and numbers of descriptions by descriptor."""


class Cut(NamedTuple):
    """A payload of `size` bytes of which only the first were kept."""

    head: bytes
    size: int


class Deferred:
    """Data that was captured as raw bytes and is taken apart only when somebody looks at it."""

    __slots__ = ()

    def data(self) -> Data:
        """The plain data."""
        raise NotImplementedError

    def json(self) -> str:
        """The data as JSON; may be faster than `json_text(self.data())`."""
        return json_text(self.data())


class Holding(Deferred):
    """Data that names descriptors: also what the trace says of each, as for a descriptor argument."""

    __slots__ = ("shown",)

    def __init__(self, shown: "tuple[Shown, ...]") -> None:
        self.shown = shown

    def fds(self) -> Sequence[int]:
        """The numbers, in the order of `shown`."""
        raise NotImplementedError

    def texts(self) -> dict[int, str]:
        """What those are that are open."""
        return {fd: shown.text for fd, shown in zip(self.fds(), self.shown, strict=True) if shown.text}

    def described(self) -> "Described":
        """The values in the record's "fds" and "objects": by the number as text."""
        pairs = list(zip(self.fds(), self.shown, strict=True))
        return (
            {str(fd): shown.text or None for fd, shown in pairs},
            {str(fd): shown.number for fd, shown in pairs},
        )


class WithFds(Holding):
    """Plain data in which descriptor numbers stand somewhere."""

    __slots__ = ("numbers", "shape")

    def __init__(self, shape: Data, numbers: Sequence[int], shown: "tuple[Shown, ...]") -> None:
        super().__init__(shown)
        self.shape = shape
        self.numbers = numbers

    def fds(self) -> Sequence[int]:
        return self.numbers

    def data(self) -> Data:
        return self.shape


def plain(data: Data) -> Data:
    """Data with what was captured as raw bytes taken apart."""
    return data.data() if isinstance(data, Deferred) else data


def jsonable(data: Data) -> Data:
    """Data as values of JSON, but for `Deferred` ones inside: bytes become text with one code point (0 to 255) a byte."""
    kind = type(data)
    if kind is bytes:
        return data.decode("latin-1")
    if kind is dict:
        return {name: jsonable(value) for name, value in data.items()}
    if kind is list:
        return [jsonable(value) for value in data]
    if kind is Cut:
        return {"bytes": data[0].decode("latin-1"), "size": data[1]}
    return data


def json_text(data: Data) -> str:
    """Data as JSON. Bytes become a string with one code point (0 to 255) a byte; a cut payload an object."""
    kind = type(data)
    if kind is int:
        return str(data)
    if kind is bytes:
        return encode_basestring_ascii(data.decode("latin-1"))
    if kind is str:
        return encode_basestring_ascii(data)
    if data is None:
        return "null"
    if kind is Cut:
        return f'{{"bytes":{encode_basestring_ascii(data[0].decode("latin-1"))},"size":{data[1]}}}'
    if kind is dict:
        return "{" + ",".join([f"{encode_basestring_ascii(k)}:{json_text(v)}" for k, v in data.items()]) + "}"
    if kind is list:
        return "[" + ",".join([json_text(item) for item in data]) + "]"
    if isinstance(data, Deferred):
        return data.json()
    return json.dumps(data, separators=(",", ":"))


UNUSED = ""
"""What is shown of an argument that the operation does not look at; left out of the text."""
