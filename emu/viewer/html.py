"""Writes a trace as one HTML page that opens from disk: lanes, list, filters and details, with nothing to fetch."""

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from emu.trace.export.output import ExportError, opened, wrong_target
from emu.trace.read import Reader
from emu.viewer.html_events import Columns
from emu.viewer.html_sources import lines
from emu.viewer.html_spool import Spool
from emu.viewer.html_stories import stories
from emu.viewer.html_survey import LIMIT, Survey
from emu.viewer.html_words import category, words

SCRIPTS = (
    *(
        "load.js",
        "words.js",
        "where.js",
        "filter.js",
        "lanes.js",
        "list.js",
        "detail.js",
        "stories.js",
        "dialogs.js",
    ),
    "page.js",
)
"""The parts of the page's script, in the order in which they are joined."""

BUNDLED = Path(__file__).parents[2]
"""Below which the sources of the bundled guests are."""


class Chooses(Protocol):
    """What a filter must be able to say (`emu.trace.filter.Filter`)."""

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the record is wanted."""

    def begin(self, header: dict[str, Any]) -> None:
        """Takes the header of the trace."""


def write(path: str, out: str, filter: Chooses | None = None, *, limit: int = LIMIT) -> list[str]:
    """Writes the trace at `path`, as far as `filter` lets it pass, to the page `out`; returns notes for the user.

    `out` is there whole or not at all. Of more than `limit` events the page lists a choice, and says so; memory is bounded
    by the limit. Raises OSError and `TraceError` when the trace cannot be read, `ExportError` when `out` cannot be written.
    """
    target = Path(out)
    wrong = wrong_target(target, "html", path)
    if wrong:
        raise ExportError(f"{target}: {wrong}")
    with Spool() as spool:
        return _write(Reader(path), path, target, filter, limit, spool)


def _write(
    reader: Reader, path: str, target: Path, filter: Chooses | None, limit: int, spool: Spool
) -> list[str]:
    """Writes the page; `spool` keeps the records that are shown one by one."""
    survey, columns = Survey(limit, reader.header), Columns()
    wanted = _Wanted(reader, filter)
    for index, record in enumerate(wanted):
        survey.add(record)
        if index < limit:
            columns.add(record)
            spool.put(record)
    chosen = survey.chosen()
    if chosen is not None:
        if not Path(path).is_file():
            raise ExportError(
                f"{path}: more than {limit:,} events, to be read twice: save it to a file first"
            )
        columns = Columns()
        spool.clear()
        for index, record in enumerate(_Wanted(Reader(path), filter)):
            if index in chosen:
                columns.add(record)
                spool.put(record)
    notes = _notes(reader, wanted.read, survey, columns)
    folders = [Path(), Path(path).parent, Path(str(reader.header.get("program", ""))).parent, BUNDLED]
    head = {
        "header": reader.header,
        "source": path,
        "notes": notes,
        "count": survey.count,
        "calls": survey.calls,
        "failed": survey.errors,
        "pending": survey.pending,
        "complete": survey.complete,
        "partial": len(columns) != wanted.read or reader.damage is not None,
        "end": survey.end,
        "threads": survey.lanes(),
        "processes": survey.processes(),
        "load": None if survey.complete else survey.load.columns(),
        "category": [category(name) for name in columns.names.texts()],
        "words": words(columns.names.texts()),
        "summary": survey.summary(),
        "files": lines(columns.lines, folders),
        **columns.head(),
    }
    try:
        with opened(target) as stream:
            _page(stream, _title(reader.header, path), head, stories(spool), columns.blocks())
    except OSError as error:
        raise ExportError(f"{target}: cannot be written: {error.strerror}") from None
    return notes


class _Wanted:
    """The records that pass a filter, and how many have been looked at."""

    def __init__(self, reader: Reader, filter: Chooses | None) -> None:
        self._reader = reader
        self._filter = filter
        self.read = 0
        if filter is not None:
            filter.begin(reader.header)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for record in self._reader:
            self.read += 1
            if self._filter is None or self._filter.matches(record):
                yield record


def _notes(reader: Reader, read: int, survey: Survey, columns: Columns) -> list[str]:
    """What a reader of the page must know: what is not in it, and why."""
    notes = []
    if reader.damage is not None:
        notes.append(f"The trace is damaged: {reader.damage}")
    if survey.count != read:
        notes.append(
            f"A filter was given when this page was written: {survey.count:,} of {read:,} events passed it."
        )
    if not survey.complete:
        notes.append(survey.words(len(columns)))
    if columns.cut:
        notes.append(f"Of {columns.cut:,} long payloads the page has only the beginning.")
    return notes


def _title(header: dict[str, Any], path: str) -> str:
    argv = header.get("argv")
    program = Path(str(header.get("program") or path)).name
    return " ".join([program, *(str(word) for word in argv[1:])] if isinstance(argv, list) else [program])


def _page(
    stream: BinaryIO, title: str, head: dict[str, Any], told: dict[str, Any], blocks: Iterator[bytes]
) -> None:
    """The whole page. Data is in base64, so that nothing in it can be taken for markup; the policy forbids any request."""
    script = "".join(_file(name) for name in SCRIPTS)
    style = _file("page.css")
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    parts = _file("page.html").split("<!-- emu: ")
    stream.write(parts[0].encode())
    for part in parts[1:]:
        name, _, rest = part.partition(" -->")
        match name:
            case "policy":
                stream.write(
                    f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">'.encode()
                )
            case "title":
                stream.write(html.escape(title[:200]).encode("utf-8", "replace"))
            case "style":
                stream.write(f"<style>{style}</style>".encode())
            case "script":
                stream.write(f"<script>{script}</script>".encode())
            case "data":
                _data(stream, "head", json.dumps(head, separators=(",", ":")).encode("ascii"))
                _data(stream, "stories", json.dumps(told, separators=(",", ":")).encode("ascii"))
                for number, block in enumerate(blocks):
                    _data(stream, f"block-{number}", block)
        stream.write(rest.encode())


def _data(stream: BinaryIO, name: str, data: bytes) -> None:
    stream.write(f'<script type="text/plain" id="{name}">'.encode())
    stream.write(base64.b64encode(zlib.compress(data, 6)))
    stream.write(b"</script>\n")


def _hash(text: str) -> str:
    """A source expression that allows exactly this text (Content Security Policy Level 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _file(name: str) -> str:
    return (resources.files("emu.viewer") / "page" / name).read_text("utf-8")
