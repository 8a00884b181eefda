"""Data as strace prints them: C strings, structures in braces, arrays in brackets, all of it up to a limit."""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from syscalls.data import Cut, Data, Deferred

_ESCAPES = {ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r", ord("\v"): "\\v", ord("\f"): "\\f"}
_ESCAPES |= {ord('"'): '\\"', ord("\\"): "\\\\"}


def quote(data: bytes) -> str:
    """A C string literal as strace writes it: octal escapes, as short as the next character allows."""
    out = []
    for index, byte in enumerate(data):
        known = _ESCAPES.get(byte)
        if known:
            out.append(known)
        elif 32 <= byte < 127:
            out.append(chr(byte))
        else:
            digit_follows = data[index + 1 : index + 2].isdigit()
            out.append(f"\\{byte:03o}" if digit_follows else f"\\{byte:o}")
    return '"' + "".join(out) + '"'


def strace_text(data: Data) -> str:
    """Data as strace prints it."""
    if data is None:
        return "NULL"
    if isinstance(data, bytes):
        return quote(data)
    if isinstance(data, Cut):
        return quote(data.head) + "..."
    if isinstance(data, dict):
        return "{" + ", ".join(f"{key}={strace_text(value)}" for key, value in data.items()) + "}"
    if isinstance(data, list):
        return array_text(data, strace_text)
    if isinstance(data, Deferred):
        return strace_text(data.data())
    return str(data)


class Abridged(list[Data]):
    """The first elements of a longer array."""


UNCUT = frozenset(
    {"d_name", "sun_path", "sysname", "nodename", "release", "version", "machine", "domainname"}
)
"""Members of structures that are names: never cut."""


def abridged(data: Data, limit: int | None) -> Data:
    """Data with no more than `limit` bytes of each string and elements of each array, as strace's -s has it; None: all."""
    if limit is None:
        return data
    if isinstance(data, bytes):
        return data if len(data) <= limit else Cut(data[:limit], len(data))
    if isinstance(data, Cut):
        return Cut(data.head[:limit], data.size)
    if isinstance(data, list):
        shown = [abridged(item, limit) for item in data[:limit]]
        return shown if len(data) <= limit else Abridged(shown)
    if isinstance(data, dict):
        return {key: value if key in UNCUT else abridged(value, limit) for key, value in data.items()}
    return data


def array_text(data: Sequence[Data], text: Callable[[Data], str], between: str = ", ") -> str:
    """An array in brackets, each element by `text`; `...` for elements that are not shown."""
    parts = [text(item) for item in data]
    if type(data) is Abridged:
        parts.append("...")
    return "[" + between.join(parts) + "]"


NO_TEXTS: Mapping[int, str] = MappingProxyType({})
"""Nothing is known of any descriptor."""


def fd_text(fd: int, texts: Mapping[int, str]) -> str:
    """`4<eventfd>`, as `strace -y` writes it."""
    found = texts.get(fd)
    return f"{fd}<{described(found)}>" if found else str(fd)


_PLAIN_PATH = re.compile(r"[ !#-;=?-\[\]-~]*")


def described(text: str) -> str:
    """What a descriptor stands on, as it is written between `<` and `>`: of a path, what could be mistaken is escaped."""
    if not text.startswith(("/", "memfd:")) or _PLAIN_PATH.fullmatch(text):
        return text
    return quote(path_bytes(text))[1:-1].replace("<", "\\074").replace(">", "\\076")


def path_bytes(text: str) -> bytes:
    """The bytes of a path or a name; lone surrogates stand for bytes that are no UTF-8 (PEP 383)."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair: in no path, but a damaged trace can have it
        return text.encode("utf-8", "surrogatepass")
