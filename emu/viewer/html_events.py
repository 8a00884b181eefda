"""Events as the columns of a page: numbers side by side, each text once, and the rest in blocks that are loaded later."""

import json
import re
from collections.abc import Iterator
from typing import Any

from emu.trace.call_text import text_of
from emu.trace.fields import saved_fds, saved_paths
from emu.trace.text import event_words

BLOCK = 2048
"""Events whose details are packed together: a page unpacks a block in a few milliseconds."""

PAYLOAD = 4096
"""Bytes of a buffer that a page shows, at most."""

SMALL = 64
"""Bytes of a buffer that it shows once `BUDGET` is used up."""

BUDGET = 128 << 20
"""Bytes of details, before they are packed, up to which buffers are shown up to `PAYLOAD`."""

SHOWN = 64
"""Bytes of a string, and elements of an array, in the text of a call."""

SEPARATOR = "\x1f"
"""Stands between the arguments of a call in the column of texts; never in an argument."""

_IN_COLUMNS = frozenset(
    {
        "event",
        "sequence",
        "time",
        "duration",
        "blocked",
        "pid",
        "tid",
        "number",
        "name",
        "result",
        "error",
        "unfinished",
    }
    | {"pc", "function", "file", "line", "fds", "objects", "woken_by"}
)
_EXACT = 1 << 53
"""From here on, JavaScript's numbers leave out some integers."""

_LARGE = re.compile(r"\d{16}")


class Table:
    """Texts by number, each once, in the order of being first seen."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The text's number."""
        return self.numbers.setdefault(text, len(self.numbers))

    def texts(self) -> list[str]:
        """All of them."""
        return list(self.numbers)


class Columns:
    """The events that a page shows one by one."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {
            name: []
            for name in (
                "sequence", "time", "duration", "blocked", "pid", "tid", "name", "number", "result", "error",
                "text", "outcome", "fds", "place", "woken", "kind",
            )
        }  # fmt: skip
        self.kinds, self.names, self.errors, self.texts = Table(), Table(), Table(), Table()
        self.outcomes, self.fds, self.places, self.signatures = Table(), Table(), Table(), Table()
        self.lines: set[tuple[str, int]] = set()
        self.cut = 0
        self._details: list[str] = []
        self._used = 0

    def __len__(self) -> int:
        return len(self._details)

    def add(self, record: dict[str, Any]) -> None:
        """Takes the next event."""
        if record["event"] == "syscall":
            row = self._call(record)
        else:
            row = self._event(record)
        for name, value in row.items():
            self.columns[name].append(value)
        self._details.append(self._rest(record))

    def _call(self, record: dict[str, Any]) -> dict[str, Any]:
        text = text_of(record, SHOWN)
        words = [",".join([arg.name for arg in text.args]), *[arg.text for arg in text.args]]
        ending = 2 if record.get("unfinished") else 1 if record["result"] is None else 0
        return {
            "sequence": record["sequence"],
            "time": record["time"],
            "duration": record["duration"],
            "blocked": record["blocked"],
            "pid": record["pid"],
            "tid": record["tid"],
            "name": self.names.number(record["name"]),
            "number": record["number"],
            "result": exact(record["result"]),
            "error": self.errors.number(record["error"]) + 1 if "error" in record else 0,
            "text": self.texts.number(SEPARATOR.join([word.replace(SEPARATOR, "\\37") for word in words])),
            "outcome": self.outcomes.number(f"{ending}{text.result}"),
            "fds": self._descriptors(record),
            "place": self._place(record),
            "woken": record.get("woken_by", -1),
            "kind": self.kinds.number("syscall"),
        }

    def _event(self, record: dict[str, Any]) -> dict[str, Any]:
        return {
            "sequence": -1,
            "time": record["time"],
            "duration": 0,
            "blocked": 0,
            "pid": record.get("pid", 0),
            "tid": record.get("tid", -1),
            "name": self.names.number(record["event"]),
            "number": record["signal"] if type(record.get("signal")) is int else -1,
            "result": None,
            "error": 0,
            "text": self.texts.number(event_words(record)),
            "outcome": self.outcomes.number("3"),
            "fds": 0,
            "place": self._place(record) if "pc" in record else 0,
            "woken": -1,
            "kind": self.kinds.number(record["event"]),
        }

    def _descriptors(self, record: dict[str, Any]) -> int:
        """What descriptors and paths the call is about, in the forms that the page and its filters ask for."""
        fds, paths = record.get("fds") or {}, saved_paths(record)
        if not fds and not paths:
            return 0
        found = [fds, record.get("objects") or {}, saved_fds(record), paths]
        return self.fds.number(json.dumps(found)) + 1

    def _place(self, record: dict[str, Any]) -> int:
        file, line = record.get("file") or "", record.get("line") or 0
        if file and type(line) is int:
            self.lines.add((str(file), line))
        place = [
            hex(record["pc"]) if type(record["pc"]) is int else "",
            record.get("function") or "",
            file,
            line,
        ]
        return self.places.number(json.dumps(place)) + 1

    def _rest(self, record: dict[str, Any]) -> str:
        """What is shown only when asked for, as one line of JSON."""
        rest = {"args": record["args"]} if "args" in record else {}  # in front, where a search looks
        is_call = record["event"] == "syscall"
        rest |= {name: value for name, value in record.items() if not is_call or name not in _IN_COLUMNS}
        if "registers" in rest:
            rest["registers"] = [f"{value:x}" for value in record["registers"]]
        for frame in record.get("stack") or ():
            if isinstance(frame, dict) and frame.get("file") and type(frame.get("line")) is int:
                self.lines.add((str(frame["file"]), frame["line"]))
        text = json.dumps(rest)
        limit = PAYLOAD if self._used < BUDGET else SMALL
        if len(text) > limit or _LARGE.search(text):
            text = json.dumps(self._portable(rest, limit))
        self._used += len(text)
        return text

    def _portable(self, data: Any, limit: int) -> Any:
        """Data without integers that JavaScript would round, and without payloads that are too long."""
        if type(data) is int:
            return exact(data)
        if type(data) is str and len(data) > limit:
            self.cut += 1
            return {"bytes": data[:limit], "size": len(data)}
        if type(data) is list:
            return [self._portable(item, limit) for item in data]
        if type(data) is dict:
            if data.keys() == {"bytes", "size"} and type(data["bytes"]) is str:
                if len(data["bytes"]) > limit:
                    self.cut += 1
                return {"bytes": data["bytes"][:limit], "size": data["size"]}
            return {name: self._portable(value, limit) for name, value in data.items()}
        return data

    def head(self) -> dict[str, Any]:
        """Columns and tables, for JSON."""
        return {
            "columns": self.columns,
            "kinds": self.kinds.texts(),
            "names": self.names.texts(),
            "errors": self.errors.texts(),
            "texts": self.texts.texts(),
            "outcomes": self.outcomes.texts(),
            "fds": self.fds.texts(),
            "places": [json.loads(place) for place in self.places.texts()],
            "block": BLOCK,
        }

    def blocks(self) -> Iterator[bytes]:
        """The details of `BLOCK` events each, a line an event."""
        for start in range(0, len(self._details), BLOCK):
            yield "\n".join(self._details[start : start + BLOCK]).encode("ascii")


def exact(value: int | None) -> Any:
    """An integer for JSON that JavaScript reads: from 2**53 on as an object with its decimal digits."""
    if value is None or -_EXACT < value < _EXACT:
        return value
    return {"integer": str(value)}
