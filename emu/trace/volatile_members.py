"""What differs from run to run in structures, by the names of their members."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from emu.trace.regions import Locate
from emu.trace.symbol import Symbol, Text

Data = Any


class Context(NamedTuple):
    """What the rules may look at beside the value."""

    record: dict[str, Any]
    objects: dict[str, Any]
    locate: Locate
    cwd: str


def symbol(kind: str, alike: bool = False) -> Callable[[Data, Context], Data]:
    def rule(data: Data, context: Context) -> Data:
        return Symbol(kind, data if alike and type(data) is int else None, data)

    return rule


def number(kind: str) -> Callable[[Data, Context], Data]:
    """Numbers above zero have an identity; 0 and negative ones mean something by themselves."""

    def rule(data: Data, context: Context) -> Data:
        return Symbol(kind, data, data) if type(data) is int and data > 0 else data

    return rule


def pointer(data: Data, context: Context) -> Data:
    """An address, as a number or in hexadecimal; what is no address (NULL, SIG_DFL) stays."""
    if isinstance(data, str):
        if not data.startswith("0x"):
            return data
        data = int(data, 16)
    if type(data) is not int or not data:
        return data
    return context.locate(data) or Symbol("addr", None, data)


def _unreadable(data: Data, context: Context) -> Data:
    """A number where something else would show is an address that could not be read."""
    return pointer(data, context) if type(data) is int else data


_AUTOBOUND = re.compile(r"\0[0-9a-f]{5}")
"""What the kernel names a Unix socket that was bound to nothing (unix(7), "Autobind feature")."""

_EPHEMERAL = 32768


def _autobound(data: Data, context: Context) -> Data:
    if isinstance(data, str) and _AUTOBOUND.fullmatch(data):
        return Symbol("autobind", data, data)
    return data


def _unknown_address(data: Data, context: Context) -> Data:
    """An address of a family that is not known: where it begins as one with a port, that of an ephemeral one."""
    if not isinstance(data, str) or not data or max(data[:2]) > "\xff":
        return data
    if len(data) == 1:  # half a port
        return Symbol("port", None, data)
    port = int.from_bytes(data[:2].encode("latin-1"), "big")
    return Text((Symbol("port", port, port), data[2:])) if port >= _EPHEMERAL else data


_STAMPS = ("st_atim", "st_mtim", "st_ctim")
_MEMBERS: dict[str, Callable[[Data, Context], Data]] = {
    **dict.fromkeys(("sin_port", "sin6_port"), number("port")),
    **dict.fromkeys(("pid", "l_pid", "si_pid", "sigev_notify_thread_id"), number("pid")),
    **dict.fromkeys(("sival_ptr", "sigev_notify_function", "sigev_notify_attributes"), pointer),
    **dict.fromkeys(
        ("sa_handler", "sa_restorer", "ss_sp", "pidfd", "child_tid", "parent_tid", "tls"), pointer
    ),
    **dict.fromkeys(("stack", "list", "list_op_pending", "sigmask", "si_addr", "si_call_addr"), pointer),
    **dict.fromkeys(("msg_name", "msg_iov", "msg_control", "iov_base"), _unreadable),
    **dict.fromkeys(("st_ino", "d_ino"), symbol("inode", alike=True)),
    "d_off": symbol("machine"),
    **dict.fromkeys(("si_utime", "si_stime"), symbol("machine")),
    "sun_path": _autobound,
    "sa_data": _unknown_address,
    **dict.fromkeys(("st_dev", "st_rdev", "st_blksize", "st_blocks"), symbol("machine")),
    **dict.fromkeys(_STAMPS, symbol("time")),
    **dict.fromkeys(("nodename", "release", "version", "domainname"), symbol("machine")),
}


def members(data: Data, context: Context) -> Data:
    """A structure, an array, or what stands in one."""
    if isinstance(data, dict):
        if "S_IFDIR" in str(
            data.get("st_mode")
        ):  # how a file system counts its directories is its own affair
            data = {**data, "st_nlink": Symbol("machine", None, data.get("st_nlink"))}
            data["st_size"] = Symbol("machine", None, data.get("st_size"))
        return {key: member(key, value, context) for key, value in data.items()}
    if isinstance(data, list):
        return [members(item, context) for item in data]
    return data


def member(key: str, value: Data, context: Context) -> Data:
    rule = _MEMBERS.get(key)
    if rule is None or (isinstance(value, dict | list) and key not in _STAMPS):
        return members(value, context)
    return rule(value, context)
