"""Says in words in what two calls differ, and what the likely cause is."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from emu.trace.pairing import Difference
from emu.trace.schema import ERRORS
from emu.trace.symbol import Symbol, Text
from emu.trace.walk import Divergence, Item, Passed
from syscalls.flags.signals import Signal
from syscalls.text import quote

_NUMBERS = {name: -number for number, name in ERRORS.items()}
_SHOWN = 60
"""Characters of a value that are shown."""

_BEFORE = 16
"""Bytes of a payload that are shown before the first one that differs."""


def differences(divergence: Divergence) -> Iterator[tuple[str, str, str]]:
    """What differs, one line each: where, in A, in B."""
    for one in divergence.differences:
        where = _where(one.where)
        if one.byte is not None and isinstance(one.a, str) and isinstance(one.b, str):
            yield f"{where}, from byte {one.byte} on", _excerpt(one.a, one.byte), _excerpt(one.b, one.byte)
        elif one.where == ("error",):
            yield "result", _answer(one.a), _answer(one.b)
        elif one.where == ("unfinished",):
            waiting, returned = "still waiting at the end", "returned"
            yield "result", waiting if one.a else returned, waiting if one.b else returned
        else:
            yield where, shown(one.a), shown(one.b)


def cause(divergence: Divergence) -> list[str]:
    """The likely cause: one sentence, and what may have led to it; each is a line."""
    lines = [next(text for rule in _RULES if (text := rule(divergence)))]
    lines += list(_history(divergence.passed))
    return lines


def call_name(item: Item) -> str:
    """`accept4`, or what else a record is: `thread end`."""
    return str(item.record["name"] if item.is_call else item.record["event"].replace("_", " "))


def shown(data: Any) -> str:
    """A value as a person reads it; cut to a reasonable length."""
    text = _shown(data)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _shown(data: Any) -> str:
    if data is None:
        return "NULL"
    if isinstance(data, Symbol):
        return _symbol(data)
    if isinstance(data, Text):
        return "".join(part if isinstance(part, str) else str(part.shown) for part in data.parts)
    if isinstance(data, str):
        return quote(data.encode("latin-1", "replace"))
    if isinstance(data, dict):
        return "{" + ", ".join(f"{key}={_shown(value)}" for key, value in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(_shown, data)) + "]"
    return str(data)


def _symbol(symbol: Symbol) -> str:
    if symbol.kind == "fd":
        return f"descriptor {symbol.shown}" + (
            f" (open file {symbol.value})" if symbol.value is not None else ""
        )
    if symbol.kind in ("addr", "region"):
        return hex(symbol.shown) if type(symbol.shown) is int else str(symbol.shown)
    if symbol.kind == "closed":
        return f"{symbol.shown} (not open)"
    return _shown(symbol.shown)


def _excerpt(text: str, byte: int) -> str:
    start = max(0, byte - _BEFORE)
    piece = text[start : byte + 32]
    dots = "..." if start else ""
    rest = "..." if byte + 32 < len(text) else ""
    return f"{dots}{quote(piece.encode('latin-1', 'replace'))}{rest}" if piece else f"{dots}(ends here)"


def _where(where: tuple[str, ...]) -> str:
    if where[0] in ("name", "result", "error", "unfinished") and len(where) == 1:
        return {"name": "call"}.get(where[0], where[0])
    text = where[0]
    for part in where[1:]:
        text += f"[{part}]" if part.isdigit() else f".{part}"
    return f"argument {text}"


def _answer(value: Any) -> str:
    if isinstance(value, str):
        return f"-1 {value} ({os.strerror(_NUMBERS[value])})" if value in _NUMBERS else f"-1 {value}"
    return shown(value)


# The causes, the surest first


def _ended(divergence: Divergence) -> str:
    """One side has no call there."""
    if divergence.a is not None and divergence.b is not None:
        return ""
    side, item = ("B", divergence.a) if divergence.b is None else ("A", divergence.b)
    assert item is not None
    if not divergence.before:
        return f"{divergence.thread} did nothing in {side}, or was never started"
    index = 1 if side == "B" else 0
    last = next((pair[index] for pair in reversed(divergence.before) if pair[index] is not None), None)
    if last is None:
        return f"{divergence.thread} ended earlier in {side}"
    if last.record.get("unfinished"):
        return f"in {side} the run ended while {divergence.thread} was still waiting in {call_name(last)}"
    return f"{divergence.thread} ended earlier in {side}: its last call there was {call_name(last)}{_exit_code(last)}"


def _exits(divergence: Divergence) -> str:
    """One side leaves, dies or is killed where the other goes on."""
    for side, item, other in (("A", divergence.a, divergence.b), ("B", divergence.b, divergence.a)):
        if item is None or other is None or call_name(item) == call_name(other):
            continue
        if item.is_call and item.record["name"] in ("exit", "exit_group"):
            return f"the thread ended earlier in {side}: {call_name(item)}{_exit_code(item)}"
        if item.record["event"] == "fault" and "handler" not in item.record:
            signal = Signal.text(item.record.get("signal") or 0)
            return f"the program crashed in {side}: {signal}{_place(item)}"
        if item.record["event"] in ("thread_end", "signal") and "handler" not in item.record:
            return f"the thread ended in {side} where it goes on in the other"
    return ""


def _endings(divergence: Divergence) -> str:
    """The whole process ended differently."""
    a, b = divergence.a, divergence.b
    if a is None or b is None or a.is_call or b.is_call or a.record["event"] != b.record["event"]:
        return ""
    if "handler" in a.record and "handler" in b.record:  # both go on
        return ""
    return f"A {_end_of(a)}, B {_end_of(b)}"


def _end_of(item: Item) -> str:
    record = item.record
    if record.get("signal") is not None:
        return f"was ended by {Signal.text(record['signal'])}"
    status = record.get("code", record.get("status"))
    return f"ended with status {status}"


def _other_call(divergence: Divergence) -> str:
    a, b = divergence.a, divergence.b
    if a is None or b is None or call_name(a) == call_name(b):
        return ""
    if divergence.skips is not None:
        more, other = divergence.skips
        if more and not other:
            return f"A makes {_count(more)} more here, then both go on alike: {_listed(divergence, 0, more)}"
        if other and not more:
            return (
                f"B makes {_count(other)} more here, then both go on alike: {_listed(divergence, 1, other)}"
            )
    return f"A goes on with {call_name(a)}, B with {call_name(b)}: what came before led them different ways"


def _count(number: int) -> str:
    return "one call" if number == 1 else f"{number} calls"


def _listed(divergence: Divergence, side: int, count: int) -> str:
    first = (divergence.a, divergence.b)[side]
    items = [*([first] if first is not None else []), *divergence.after[side]][:count]
    names = []
    for item in items[:4]:
        error = item.record.get("error")
        names.append(call_name(item) + (f" ({error})" if error else ""))
    return ", ".join(names) + (", ..." if count > len(names) else "")


def _failed(divergence: Divergence) -> str:
    a, b = divergence.a, divergence.b
    one = _found(divergence, "error")
    if a is None or b is None or one is None:
        return ""
    name = call_name(a)
    if isinstance(one.a, str) and isinstance(one.b, str):
        return f"{name} failed on both sides, with {one.a} in A and {one.b} in B"
    side, error, item = ("A", one.a, a) if isinstance(one.a, str) else ("B", one.b, b)
    why = f"{side}'s {name} failed with {error}"
    if error == "ENOSYS":
        why += ": that kernel does not have the call"
    if len(divergence.differences) > 1:
        arguments = ", ".join(
            dict.fromkeys(_where(other.where) for other in divergence.differences if other is not one)
        )
        why += f"; it was also asked something else ({arguments})"
    return why + (_place(item) if "argument" not in why else "")


def _waited(divergence: Divergence) -> str:
    one = _found(divergence, "unfinished")
    if one is None or divergence.a is None:
        return ""
    side, other = ("A", "B") if one.a else ("B", "A")
    name = call_name(divergence.a)
    return f"{side}'s {name} was still waiting when the run ended; {other}'s returned"


def _asked(divergence: Divergence) -> str:
    """The arguments differ: the program itself decided otherwise, or its input was another."""
    a = divergence.a
    found = [
        one for one in divergence.differences if one.where[0] not in ("name", "result", "error", "unfinished")
    ]
    if a is None or not found:
        return ""
    one, name = found[0], call_name(a)
    if isinstance(one.a, Symbol) and one.a.kind == "fd":
        return f"{name} is about another open file: {_file(divergence, one, 0)} in A, {_file(divergence, one, 1)} in B"
    if _is_filled(a, one.where[0]):
        what = (
            f"{name} gave the program other bytes"
            if one.byte is not None
            else f"{name} told the program something else"
        )
        return f"{what}: {_where(one.where)} differs" + (
            f" from byte {one.byte} on" if one.byte is not None else ""
        )
    if one.byte is not None:
        return f"the arguments of {name} differ: {one.where[0]} from byte {one.byte} on"
    return f"the arguments of {name} differ: {', '.join(dict.fromkeys(_where(each.where)[9:] for each in found))}"


def _is_filled(item: Item, name: str) -> bool:
    """Whether an argument is what the call has filled in, not what it was given."""
    from_kernel = {
        "read",
        "readv",
        "recvfrom",
        "recvmsg",
        "pread64",
        "preadv",
        "fstat",
        "stat",
        "lstat",
        "newfstatat",
    }
    from_kernel |= {
        "uname",
        "getcwd",
        "readlink",
        "readlinkat",
        "getsockname",
        "getpeername",
        "getsockopt",
        "sysinfo",
    }
    return item.record["name"] in from_kernel and name not in (
        "fd",
        "count",
        "size",
        "flags",
        "pathname",
        "level",
    )


def _file(divergence: Divergence, one: Difference, side: int) -> str:
    item = (divergence.a, divergence.b)[side]
    symbol = (one.a, one.b)[side]
    fds = (item.record.get("fds") or {}) if item is not None else {}
    text = fds.get(one.where[0])
    number = symbol.shown if isinstance(symbol, Symbol) else symbol
    return f"{number}<{text}>" if isinstance(text, str) else str(number)


def _answered(divergence: Divergence) -> str:
    one = _found(divergence, "result")
    if one is None or divergence.a is None:
        return ""
    return (
        f"{call_name(divergence.a)} answered {shown(one.a)} in A and {shown(one.b)} in B to the same question"
    )


def _anything(divergence: Divergence) -> str:
    return "the two runs differ here for the first time"


_RULES: tuple[Callable[[Divergence], str], ...] = (
    _ended, _endings, _exits, _other_call, _failed, _waited, _asked, _answered, _anything,
)  # fmt: skip


def _found(divergence: Divergence, where: str) -> Difference | None:
    return next((one for one in divergence.differences if one.where == (where,)), None)


def _exit_code(item: Item) -> str:
    status = item.record.get("args", {}).get("status") if item.is_call else item.record.get("status")
    return f"({status})" if status is not None else ""


def _place(item: Item) -> str:
    record = item.record
    if record.get("file"):
        return f", at {record['file']}:{record.get('line')}"
    return f", in {record['function']}" if record.get("function") else ""


def _history(passed: list[Passed]) -> Iterator[str]:
    """What was passed over shortly before, which may have led here."""
    for one in passed[-2:]:
        if one.a is not None and one.b is not None:
            where = ", ".join(_where(each.where) for each in one.differences[:2])
            yield f"before it, {call_name(one.a)} (call {one.a.number} of A, {one.b.number} of B) differed in {where}"
        elif (item := one.a or one.b) is not None:
            error = f" ({item.record['error']})" if item.is_call and item.record.get("error") else ""
            yield f"before it, {'A' if one.b is None else 'B'} has one {call_name(item)} more{error}: its call {item.number}"
