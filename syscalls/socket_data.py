"""Socket addresses as data and as strace writes them."""

from syscalls import network
from syscalls.data import Data
from syscalls.flags.net import AddressFamily
from syscalls.text import quote

_SUN_PATH = 108  # bytes of sun_path


def address_data(name: bytes) -> Data:
    """A sockaddr by its fields. An abstract Unix name keeps its leading NUL, an unnamed one has no `sun_path`."""
    family = network.name_family(name)
    if family < 0:
        return name
    shown: dict[str, Data] = {"sa_family": AddressFamily.text(family)}
    rest = name[2:]
    if family == AddressFamily.AF_INET and len(name) >= 16:
        shown["sin_port"] = int.from_bytes(rest[:2], "big")
        shown["sin_addr"] = network.address_text(rest[2:6])
    elif family == AddressFamily.AF_INET6 and len(name) >= 24:
        shown["sin6_port"] = int.from_bytes(rest[:2], "big")
        shown["sin6_flowinfo"] = int.from_bytes(rest[2:6], "big")
        shown["sin6_addr"] = network.address_text(rest[6:22]).strip("[]")
        shown["sin6_scope_id"] = int.from_bytes(rest[22:26], "little")
    elif family == AddressFamily.AF_UNIX:
        if rest:
            shown["sun_path"] = rest[:_SUN_PATH] if rest[0] == 0 else rest.partition(b"\0")[0]
    elif rest:
        shown["sa_data"] = rest
    return shown


def address_text(data: Data) -> str:
    """What strace prints for `address_data`."""
    if data is None:
        return "NULL"
    if isinstance(data, int):
        return hex(data)
    if isinstance(data, bytes):
        return quote(data)
    parts = []
    for key, value in data.items():
        if key in ("sin_port", "sin6_port"):
            shown = f"htons({value})"
        elif key == "sin6_flowinfo":
            shown = f"htonl({value})"
        elif key == "sin_addr":
            shown = f'inet_addr("{value}")'
        elif key == "sin6_addr":
            parts.append(f'inet_pton(AF_INET6, "{value}", &sin6_addr)')
            continue
        elif key == "sun_path":
            shown = "@" + quote(value[1:]) if value[:1] == b"\0" else quote(value)
        else:
            shown = quote(value) if isinstance(value, bytes) else str(value)
        parts.append(f"{key}={shown}")
    return "{" + ", ".join(parts) + "}"


def endpoint(name: bytes) -> str:
    """A sockaddr in the short form of descriptor texts: `127.0.0.1:8080`, `[::1]:8080`, `/tmp/x`, `@name`; "" if unnamed."""
    family = network.name_family(name)
    if family == AddressFamily.AF_UNIX:
        path = name[2:]
        if path[:1] == b"\0":
            return "@" + path[1:].decode("utf-8", "surrogateescape")
        return path.partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if network.internet_address(name, family) is None:
        return ""
    return network.show(name, family)
