"""A call's arguments and result as strace writes them, from the data of its record."""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from emu.trace.schema import ERRORS, EXITS
from emu.trace.text import Palette, call_line, event_line
from syscalls import numbers
from syscalls.args import Arg, FdNumber, Flags
from syscalls.data import Cut, Data
from syscalls.table import Syscall, lookup
from syscalls.text import NO_TEXTS, abridged
from syscalls.text import described as described_text

BYTE_MEMBERS = frozenset(
    {"d_name", "iov_base", "sun_path", "sa_data", "cmsg_data", "msg_control"}
    | {"sysname", "nodename", "release", "version", "machine", "domainname"}
)
"""Members of structures whose text is bytes; all other text in structures is names."""


class ArgText(NamedTuple):
    """One argument as it is shown. `is_filled`: the call writes there, so that the text is known when it is over."""

    name: str
    text: str
    is_filled: bool


class CallText(NamedTuple):
    """The arguments that are shown, and what stands behind the equals sign."""

    args: list[ArgText]
    result: str

    @property
    def inside(self) -> str:
        """What stands between the parentheses."""
        return ", ".join([arg.text for arg in self.args])


def call_text(
    entry: Syscall,
    args: Mapping[str, Any],
    fds: Mapping[str, Any] | None,
    result: int | None,
    limit: int | None = None,
) -> CallText:
    """The texts of a call from its record's "args", "fds" and "result".

    `limit` is strace's -s: how many bytes of a string and elements of an array are shown; None: all there are.
    """
    described = fds or {}
    shown: list[ArgText] = []
    places: list[int] = []
    asides: list[str] = []
    for name, value in args.items():
        arg = entry.args.get(name)
        if arg is None:  # written by another version: show the plain data
            shown.append(ArgText(name, json.dumps(value), False))
            continue
        data = abridged(revived(arg, value), limit) if arg.is_cut else revived(arg, value)
        try:
            text = _argument(arg, data, args, described.get(name))
            if result is not None and result >= 0:
                asides.append(arg.aside(data, result))
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            text = json.dumps(value, default=str)  # another version's, or damaged
        if text:
            shown.append(ArgText(name, arg.label + text, arg.phase == "out"))
            places.append(arg.place)
    if any(places):
        shown = [shown[index] for index in sorted(range(len(places)), key=places.__getitem__)]
    return CallText(shown, _result(entry, args, described.get("result"), result, asides))


def text_of(record: Mapping[str, Any], limit: int | None = None) -> CallText:
    """The texts of a saved call."""
    return call_text(entry_of(record), record["args"], record.get("fds"), record["result"], limit)


def line(record: Mapping[str, Any], palette: Palette, limit: int | None = None) -> str:
    """A record as the live trace would have shown it. `limit` as in `call_text`."""
    if record["event"] != "syscall":
        return event_line(palette, dict(record))
    return call_line(
        palette,
        tid=record["tid"],
        name=record["name"],
        text=text_of(record, limit),
        result=record["result"],
        blocked=record["blocked"],
    )


def entry_of(record: Mapping[str, Any]) -> Syscall:
    """The table's entry; for a call that this emu names differently, one that is only its name."""
    entry = lookup(record["number"])
    if entry.name != record["name"]:
        entry = lookup(getattr(numbers, record["name"], -1))
    return entry


def _argument(arg: Arg, data: Data, args: Mapping[str, Any], described: Any) -> str:
    if arg.holds_fds:
        return arg.text(data, _texts(described))  # type: ignore[call-arg]
    text = arg.text_among(data, args)
    return f"{text}<{_end(described)}>" if described and isinstance(arg, FdNumber) else text


def _end(described: Any) -> str:
    return described_text(described) if isinstance(described, str) else str(described)


def _texts(described: Any) -> Mapping[int, str]:
    if not isinstance(described, dict):
        return NO_TEXTS
    return {int(fd): text for fd, text in described.items() if text and fd.removeprefix("-").isdecimal()}


_INTERRUPTED = {
    -512: "To be restarted if SA_RESTART is set",
    -513: "To be restarted",
    -514: "To be restarted if no handler",
    -516: "Interrupted by signal",
}
"""What strace says of a call that a signal has interrupted."""


def _result(
    entry: Syscall, args: Mapping[str, Any], described: Any, result: int | None, asides: list[str]
) -> str:
    if result is None:
        return "?" if entry.number in EXITS else "? <still running at the end>"
    name = ERRORS.get(result)
    if name:
        again = _INTERRUPTED.get(result)
        return f"? {name} ({again})" if again else f"-1 {name} ({os.strerror(-result)})"
    text = entry.outcome.text(result, args)
    if described:
        text += f"<{_end(described)}>"
    behind = ", ".join(filter(None, [*asides, entry.outcome.aside(result)]))
    return f"{text} ({behind})" if behind else text


def revived(arg: Arg | None, data: Any) -> Data:
    """JSON back to the data that a type gave: text that stands for bytes becomes bytes, a cut payload a `Cut`."""
    if isinstance(data, str):
        return data.encode("latin-1", "replace") if arg is not None and arg.holds_bytes else data
    if arg is not None and arg.holds_strings and isinstance(data, list):
        return [
            item.encode("latin-1", "replace") if isinstance(item, str) else _revived(item) for item in data
        ]
    return data if isinstance(arg, Flags) else _revived(data)


def _revived(data: Any) -> Data:
    if isinstance(data, list):
        return [_revived(item) for item in data]
    if isinstance(data, dict):
        if data.keys() == {"bytes", "size"}:
            size = data["size"]  # of a damaged trace it may be anything
            return Cut(str(data["bytes"]).encode("latin-1", "replace"), size if type(size) is int else 0)
        return {
            key: value.encode("latin-1", "replace")
            if isinstance(value, str) and key in BYTE_MEMBERS
            else _revived(value)
            for key, value in data.items()
        }
    return data
