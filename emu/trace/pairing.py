"""Compares two renamed calls: what is the same thing in two traces, and where two records differ."""

import re
from collections.abc import Hashable
from typing import Any, NamedTuple

from emu.trace.canonical import Canonical
from emu.trace.symbol import Symbol, Text

Data = Any

_EPHEMERAL = 32768
"""The first port that Linux hands out by itself (ip_local_port_range): such are used again for something else."""

_WEAK = frozenset({"inode", "data"})
"""Kinds whose values the kernel or the program uses again: the latest pairing counts."""

_DIGITS = re.compile(r"(\d+)")


class Difference(NamedTuple):
    """Where two calls differ: "name", "result", "error", or an argument with the members and indices below it.

    `byte` is the first byte that differs in a payload, else None.
    """

    where: tuple[str, ...]
    a: Data
    b: Data
    byte: int | None = None


class Pairs:
    """Which value of B stands for which of A, one to one for each kind of symbol."""

    def __init__(self) -> None:
        self._there: dict[tuple[str, Hashable], Hashable] = {}
        self._back: dict[tuple[str, Hashable], Hashable] = {}
        self._new: list[tuple[str, Hashable, Hashable]] = []
        self._drift = 0  # how much longer A's payloads are that are equal but for renamed numbers

    def bind(self, kind: str, a: Hashable, b: Hashable) -> bool:
        """Notes that two values are the same thing; False when one of them is already something else."""
        there, back = self._there.get((kind, a)), self._back.get((kind, b))
        if there is None and back is None:
            self._there[kind, a] = b
            self._back[kind, b] = a
            self._new.append((kind, a, b))
            return True
        if there == b and back == a:
            return True
        if kind in _WEAK or (kind == "port" and _is_ephemeral(a) and _is_ephemeral(b)):
            self._there[kind, a] = b
            self._back[kind, b] = a
            return True
        return False

    def differences(self, a: Canonical, b: Canonical) -> list[Difference]:
        """What is different in two calls. Pairs that only this comparison would have made are kept when nothing is."""
        self._new.clear()
        self._drift = 0
        found: list[Difference] = []
        if a.name != b.name:
            return [Difference(("name",), a.name, b.name)]
        for name in [*a.args, *(name for name in b.args if name not in a.args)]:
            self._compare((name,), a.args.get(name), b.args.get(name), found)
        if a.error != b.error:
            found.append(Difference(("error",), a.error or a.result, b.error or b.result))
        elif a.finished != b.finished:
            found.append(Difference(("unfinished",), not a.finished, not b.finished))
        elif not a.error:
            self._compare(("result",), a.result, b.result, found)
        if self._drift:  # a payload has numbers of another width: so have its sizes
            found = [one for one in found if not _is_off_by(one, self._drift)]
        if found:
            self._undo()
        return found

    def _compare(self, where: tuple[str, ...], a: Data, b: Data, found: list[Difference]) -> None:
        if type(a) is not type(b):
            found.append(Difference(where, a, b))
        elif isinstance(a, Symbol):
            if not self._match(a, b):
                found.append(Difference(where, a, b))
        elif isinstance(a, Text):
            if not self._match_texts(a, b):
                found.append(Difference(where, a, b))
        elif isinstance(a, dict):
            if a.keys() == b.keys() == {"bytes", "size"}:
                self._compare_cut(where, a, b, found)
                return
            for key in [*a, *(key for key in b if key not in a)]:
                self._compare((*where, key), a.get(key), b.get(key), found)
        elif isinstance(a, list):
            for index, (left, right) in enumerate(zip(a, b, strict=False)):
                self._compare((*where, str(index)), left, right, found)
            if len(a) != len(b):
                found.append(Difference((*where, "length"), len(a), len(b)))
        elif isinstance(a, str) and a != b and self._same_but_for_numbers(a, b):
            self._drift += len(a) - len(b)
        elif a != b:
            found.append(Difference(where, a, b, first_difference(a, b) if isinstance(a, str) else None))

    def _compare_cut(self, where: tuple[str, ...], a: Data, b: Data, found: list[Difference]) -> None:
        """Payloads of which only the beginning was kept: as far as both are known."""
        left, right = str(a["bytes"]), str(b["bytes"])
        known = min(len(left), len(right))
        if left[:known] != right[:known] and not self._same_but_for_numbers(left[:known], right[:known]):
            found.append(Difference(where, left, right, first_difference(left, right)))
        elif a["size"] != b["size"]:
            found.append(Difference((*where, "size"), a["size"], b["size"]))

    def _match(self, a: Symbol, b: Symbol) -> bool:
        if a.kind != b.kind:
            return a.value is None and b.value is None and {a.kind, b.kind} <= {"fd", "closed"}
        if a.value is None or b.value is None:
            return True
        if a.kind == "region":
            return self._match_places(a.value, b.value)
        return self.bind(a.kind, a.value, b.value)

    def _match_places(self, a: Any, b: Any) -> bool:
        """Regions with the offsets in them."""
        return bool(a[1] == b[1]) and self.bind("region", a[0], b[0])

    def _match_texts(self, a: Text, b: Text) -> bool:
        if len(a.parts) != len(b.parts):
            return False
        for left, right in zip(a.parts, b.parts, strict=True):
            if isinstance(left, Symbol) and isinstance(right, Symbol):
                if not self._match(left, right):
                    return False
            elif left != right:
                return False
        return True

    def _same_but_for_numbers(self, a: str, b: str) -> bool:
        """Whether two texts differ only in numbers that are known to be the same process or port."""
        if len(a) == len(b) and self._same_but_for_words(a, b):
            return True
        left, right = _DIGITS.split(a), _DIGITS.split(b)
        if len(left) != len(right) or left[::2] != right[::2]:
            return False
        for one, other in zip(left[1::2], right[1::2], strict=True):
            if one != other and len(one) < 20 and len(other) < 20:
                value, wanted = int(one), int(other)
                if self._there.get(("pid", value)) != wanted and self._there.get(("port", value)) != wanted:
                    return False
            elif one != other:
                return False
        return True

    def _same_but_for_words(self, a: str, b: str) -> bool:
        """The same for process ids as C integers."""
        at = 0
        while (step := first_difference(a[at:], b[at:])) < len(a) - at:
            at += step
            for start in range(max(at - 3, 0), at + 1):
                if self._there.get(("pid", _word(a, start))) == (_word(b, start) or -1):
                    at = start + 4
                    break
            else:
                return False
        return True

    def _undo(self) -> None:
        for kind, a, b in self._new:
            del self._there[kind, a], self._back[kind, b]
        self._new.clear()


def first_difference(a: str, b: str) -> int:
    """The index of the first character in which two texts differ; the length of the shorter when it begins the longer."""
    low, high = 0, min(len(a), len(b))
    while low < high:  # the longest common beginning, by halves
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _word(text: str, at: int) -> int:
    data = text[at : at + 4].encode("latin-1", "replace")
    return int.from_bytes(data, "little") if len(data) == 4 else 0


def _is_ephemeral(port: Hashable) -> bool:
    return type(port) is int and port >= _EPHEMERAL


def _is_off_by(found: Difference, drift: int) -> bool:
    return type(found.a) is int and type(found.b) is int and found.a - found.b == drift
