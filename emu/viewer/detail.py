"""All that a trace knows of one record, as painted lines: what the detail pane shows."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from emu.trace.call_text import entry_of, revived, text_of
from emu.trace.layout import safe
from emu.trace.schema import ERRORS
from emu.viewer.hexdump import LARGEST, hexdump
from emu.viewer.html_sources import lines as source_lines
from emu.viewer.lines import Parts
from emu.viewer.rows import event_words
from emu.viewer.theme import ACCENT, DIM, ERROR, FAINT, TEXT, WAIT, colour_of
from emu.viewer.words import lasting, plural
from syscalls.args import CString
from syscalls.data import Cut

BUNDLED = Path(__file__).parents[2]
"""Below which the sources of the bundled guests are."""

AROUND = 2
"""Lines of source before and after that of the call."""

STRINGS = 1024
"""Bytes of a string, and elements of an array, among the arguments; payloads have their hexdumps."""

LONGEST = 4000
"""Characters of one argument that are shown."""

REGISTERS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")


class Link(NamedTuple):
    """What a call has to do with: a word on how, the sequence number of the other call (None: no call), and words."""

    word: str
    sequence: int | None
    text: str


class Detail:
    """Makes the lines for a pane `width` columns wide. `folders` is where relative names of sources are looked for."""

    def __init__(self, width: int, folders: Sequence[Path] = ()) -> None:
        self._width = max(20, width)
        self._folders = tuple(folders)
        self._lines: list[Parts] = []
        self._who = ""

    def lines(self, record: Mapping[str, Any], links: Sequence[Link] = (), process: str = "") -> list[Parts]:
        """All lines of a record; `process` is of which one it is, where there are several: `1001 sh`."""
        self._lines = []
        tid = record.get("tid") or record.get("pid")
        thread = f"  thread {tid} of" if tid != record.get("pid") else " "
        self._who = f"{thread} process {safe(process)}" if process else ""
        if record["event"] == "syscall":
            self._call(record, links)
        else:
            self._event(record)
        return self._lines

    def _call(self, record: Mapping[str, Any], links: Sequence[Link]) -> None:
        tid = record["tid"]
        self._put(
            (record["name"], f"bold {ACCENT}"),
            (f"  #{record['sequence']}", DIM),
            (self._who or f"  thread {tid}", colour_of(tid)),
        )
        self._times(record)
        text = text_of(record, STRINGS)
        failed = record.get("result") in ERRORS
        self._field(
            "result", safe(text.result), ERROR if failed else WAIT if record.get("unfinished") else TEXT
        )
        for link in links:
            self._field(
                link.word, f"#{link.sequence} {link.text}" if link.sequence is not None else link.text, ACCENT
            )
        if text.args:
            self._section("arguments")
            indent = min(16, max(len(argument.name) for argument in text.args) + 4)
            for argument in text.args:
                self._field(argument.name, safe(argument.text), indent=indent)
        self._descriptors(record)
        self._place(record)
        self._payloads(record)
        self._stack(record)
        self._section("registers")
        for at in range(0, 6, 2 if self._width >= 46 else 1):
            pair = list(zip(REGISTERS, record["registers"], strict=True))[
                at : at + (2 if self._width >= 46 else 1)
            ]
            parts: list[tuple[str, str]] = []
            for name, value in pair:
                parts += [(f"  {name:<4}", DIM), (f"{value:#018x}", TEXT if value else FAINT)]
            self._put(*parts)
        self._put(("  pc  ", DIM), (f"{record['pc']:#018x}", TEXT))

    def _event(self, record: Mapping[str, Any]) -> None:
        tid = record.get("tid") or record.get("pid") or 0
        who = self._who or f"  thread {tid}"
        self._put((record["event"].replace("_", " "), f"bold {WAIT}"), (who, colour_of(tid)))
        self._field("at", f"{record['time'] / 1e9:.9f} s")
        self._field("what", event_words(record), WAIT)
        for name, value in record.items():
            if name not in ("event", "time", "tid", "file", "line", "function") and value is not None:
                words = hex(value) if name in ("pc", "address") and type(value) is int else str(value)
                self._field(name, safe(words))
        self._place(record)

    def _times(self, record: Mapping[str, Any]) -> None:
        duration, blocked = record["duration"], record["blocked"]
        self._put(
            (f"  {'at':<8}", DIM),
            (f"{record['time'] / 1e9:.9f} s", TEXT),
            ("   took ", DIM),
            (lasting(duration), TEXT),
        )
        if blocked:
            self._put((f"  {'waited':<8}", DIM), (f"{lasting(blocked)} of that", WAIT))

    def _descriptors(self, record: Mapping[str, Any]) -> None:
        found = list(descriptors(record))
        if found:
            self._section("descriptors")
        for one in found:
            number = "" if one.object is None else f"object {one.object}"
            fd = "?" if one.fd is None else str(one.fd)
            self._put((f"  {fd:>4} ", TEXT), (f"{number:<9} ", DIM), (safe(one.text), ACCENT))

    def _place(self, record: Mapping[str, Any]) -> None:
        function, file, line = record.get("function"), record.get("file"), record.get("line")
        if not function and not file:
            return
        self._section("source")
        place = f"{file}:{line}" if file else ""
        self._put(("  ", ""), (safe(str(function or "")), TEXT), ("  ", ""), (safe(place), DIM))
        if type(file) is not str or type(line) is not int:
            return
        near = _source(file, line, self._folders)
        for number in range(line - AROUND, line + AROUND + 1):
            if number in near:
                here = number == line
                words = safe(near[number].replace("\t", "    ").rstrip())
                self._put(
                    (f" {'▸' if here else ' '}{number:>5} ", ACCENT if here else FAINT),
                    (words, TEXT if here else DIM),
                )

    def _payloads(self, record: Mapping[str, Any]) -> None:
        entry = entry_of(record)
        for name, value in record["args"].items():
            argument = entry.args.get(name)
            if isinstance(argument, CString):
                continue
            for path, data, size in _buffers(name, revived(argument, value)):
                if not data:
                    continue
                more = f" of {size:,}" if size > len(data) else ""
                self._section(f"{path}: {len(data):,}{more} byte{'s' * (size != 1)}")
                for offset, words, shown in hexdump(data, self._width - 2):
                    self._put(("  " + offset, FAINT), (words, TEXT), (shown, DIM))
                if len(data) > LARGEST:
                    self._put((f"  and {plural(len(data) - LARGEST, 'byte')} more in the trace", DIM))
                if size > len(data):
                    self._put(("  the rest was not kept: record with -s", DIM))

    def _stack(self, record: Mapping[str, Any]) -> None:
        frames = record.get("stack")
        if not isinstance(frames, list) or not frames:
            return
        self._section("call chain")
        for frame in frames:
            if isinstance(frame, dict):
                pc = frame.get("pc")
                name = frame.get("function") or (hex(pc) if type(pc) is int else "?")
                file = str(frame.get("file") or "").rpartition("/")[2]
                self._put(
                    ("  ", ""),
                    (safe(str(name)), TEXT),
                    (f"  {safe(file)}:{frame.get('line')}" if file else "", DIM),
                )

    # Lines

    def _put(self, *parts: tuple[str, str]) -> None:
        self._lines.append(parts)

    def _section(self, title: str) -> None:
        self._put()
        self._put((f"{title} ", DIM), ("─" * max(0, self._width - len(title) - 1), FAINT))

    def _field(self, name: str, value: str, look: str = TEXT, indent: int = 10) -> None:
        """A name and a value, which is broken where it is longer than the pane is wide."""
        if len(value) > LONGEST:
            value = f"{value[:LONGEST]}… ({len(value):,} characters)"
        indent = max(10, indent) if self._width >= 40 else 4
        parts = textwrap.wrap(value, max(8, self._width - indent), break_on_hyphens=False) or [""]
        if indent < len(name) + 3:
            self._put((f"  {name}", DIM))
            name = ""
        for number, part in enumerate(parts):
            self._put((f"  {name if not number else '':<{indent - 2}}", DIM), (part, look))


class Descriptor(NamedTuple):
    """A descriptor that a call was about; `object` is the number of the open file description behind it."""

    argument: str
    fd: int | None
    text: str
    object: int | None


def descriptors(record: Mapping[str, Any]) -> Iterator[Descriptor]:
    """The open descriptors of a call, those in sets included."""
    fds, objects = record.get("fds") or {}, record.get("objects") or {}
    for name, text in fds.items():
        number = objects.get(name)
        if isinstance(text, dict):
            numbers = number if isinstance(number, dict) else {}
            for fd, words in text.items():
                if words:
                    yield Descriptor(
                        name, int(fd) if fd.isdecimal() else None, str(words), _whole(numbers.get(fd))
                    )
        elif text:
            fd = record.get("result") if name == "result" else record["args"].get(name)
            yield Descriptor(name, fd if type(fd) is int else None, str(text), _whole(number))


def talking(found: Iterable[Descriptor]) -> list[Descriptor]:
    """Of some descriptors those on which somebody talks: connections, else sockets and pipes, else all."""
    every = list(found)
    connections = [one for one in every if "->" in one.text or "<-" in one.text]
    return connections or [one for one in every if one.text.startswith(_SOCKETS)] or every


_SOCKETS = ("TCP", "UDP", "UNIX", "IP", "pipe")


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None


def _buffers(path: str, data: Any) -> Iterator[tuple[str, bytes, int]]:
    """All the bytes in an argument's data: where they stand in it, what was kept, and the size of the whole."""
    if isinstance(data, bytes):
        yield path, data, len(data)
    elif isinstance(data, Cut):
        yield path, data.head, data.size
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield from _buffers(f"{path}[{number}]", item)
    elif isinstance(data, dict):
        for name, item in data.items():
            yield from _buffers(f"{path}.{name}", item)


@lru_cache(512)
def _source(file: str, line: int, folders: tuple[Path, ...]) -> dict[int, str]:
    """The text of the lines near a place, by number; empty when the file is not found."""
    found = source_lines([(file, line)], folders).get(file, {})
    return {int(number): text for number, text in found.items()}


def folders_of(header: Mapping[str, Any], path: str) -> list[Path]:
    """Where sources are looked for: here, beside the trace, beside the program, and among the bundled guests."""
    return [Path(), Path(path).parent, Path(str(header.get("program", ""))).parent, BUNDLED]
