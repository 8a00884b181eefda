"""What the tables (CSV, SQLite) take from a record: its first descriptor, and JSON of what has no column."""

import json
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_COMMON = frozenset({"event", "time", "pid", "tid", "function", "file", "line", "pc"})


def compact(data: Any) -> str:
    """JSON text, without spaces."""
    try:
        return _encode(data).decode()
    except (ValueError, TypeError):  # lone surrogates: paths that are no UTF-8
        return json.dumps(data, separators=(",", ":"))


def descriptor(record: dict[str, Any]) -> tuple[int | None, str | None, int | None]:
    """Number, description and object of a system call's first descriptor: an argument's, or else the one it has made."""
    fds = record.get("fds")
    if not fds:
        return None, None, None
    objects = record.get("objects") or {}
    args = record["args"]
    for name, text in fds.items():
        number = record.get("result") if name == "result" else args.get(name)
        if type(number) is int and not isinstance(text, dict):
            object_ = objects.get(name)
            return number, text, object_ if type(object_) is int else None
    return None, None, None


def rest_of(event: dict[str, Any]) -> dict[str, Any]:
    """The members of an event (no system call) that only its kind has."""
    return {name: value for name, value in event.items() if name not in _COMMON}
