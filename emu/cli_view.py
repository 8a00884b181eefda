"""`emu view FILE`: looks at a saved trace in the terminal, or writes it as a page for a browser."""

import argparse
import contextlib
import importlib
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from emu import cli_trace_options
from emu.cli_trace import filter_of
from emu.failure import BENCH, Failure, say
from emu.trace.read import Reader, TraceError

if TYPE_CHECKING:
    from emu.viewer.document import Document

DAMAGED = 1
"""The exit status for a trace that cannot be read whole, or not at all."""

SMALLEST = (40, 10)
"""Columns and lines that the viewer needs."""

_DUMB = frozenset({"", "dumb", "unknown"})


def view(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    if os.path.isdir(arguments.program):
        raise Failure(f"{arguments.program}: a folder, not a trace")
    if arguments.html is not None:
        return _page(arguments)
    filter_of(arguments)  # a wrong one is said before the screen is taken
    why = unfit()
    if why:
        _readable(arguments.program)
        say(f"{why}: here is the text form, as of `emu trace`")
        return _text(arguments)
    document = _opened(arguments)
    return _look(document, arguments)


def unfit() -> str:
    """What keeps the terminal from showing the viewer, in words; empty when nothing does."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "the viewer needs a terminal, and this is none"
    if os.environ.get("TERM", "") in _DUMB:
        return "the viewer needs a terminal that can move its cursor (TERM says that this one cannot)"
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    if (columns, lines) != (0, 0) and (columns < SMALLEST[0] or lines < SMALLEST[1]):
        return f"the viewer needs {SMALLEST[0]} columns and {SMALLEST[1]} lines, and there are {columns} and {lines}"
    return ""


def _readable(path: str) -> None:
    """Raises `Failure` for a file that can be seen to be no trace (a FIFO can be read only once)."""
    with _told(path):
        if not stat.S_ISFIFO(os.stat(path).st_mode):
            Reader(path).close()


def _opened(arguments: argparse.Namespace) -> "Document":
    module = importlib.import_module("emu.viewer.document")
    with _told(arguments.program):
        found: Document = module.Document(arguments.program, follow=arguments.follow)
    return found


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Tells in one line why a trace cannot be read."""
    try:
        yield
    except TraceError as error:
        raise Failure(str(error), DAMAGED) from None
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None


def _look(document: "Document", arguments: argparse.Namespace) -> int:
    if arguments.no_color:
        os.environ["NO_COLOR"] = "1"
    terminal = importlib.import_module("emu.viewer.terminal")
    failure = terminal.show(document, follow=arguments.follow, words=" ".join(_words(arguments)))
    if failure is not None:
        if arguments.debug:
            raise failure
        say(f"internal error: {type(failure).__name__}: {failure}\nrun again with --debug for the traceback")
        return BENCH
    if document.index.changed:
        raise Failure(f"{arguments.program}: {document.index.changed}", DAMAGED)
    if document.index.damage is not None:
        raise Failure(str(document.index.damage), DAMAGED)
    return 0


def _words(arguments: argparse.Namespace) -> list[str]:
    """The filters of the command line as they would be typed into the filter bar."""
    found = [*arguments.expressions, *(f"path={path}" for path in arguments.paths)]
    found += [f"where={text}" for text in arguments.where]
    found += [f"pid={word}" for word in arguments.pids]
    found += ["status=successful"] * arguments.successful + ["status=failed"] * arguments.failed
    return [word if "=" in word and shlex.quote(word) == word else shlex.quote(word) for word in found]


def _text(arguments: argparse.Namespace) -> int:
    """The trace as `emu trace FILE` shows it."""
    words = ["trace", *(part for text in arguments.expressions for part in ("-e", text))]
    words += [part for path in arguments.paths for part in ("-P", path)]
    words += [part for text in arguments.where for part in ("--where", text)]
    words += [part for pid in arguments.pids for part in ("-p", pid)]
    words += ["-z"] * arguments.successful + ["-Z"] * arguments.failed + ["--no-color"] * arguments.no_color
    cli = importlib.import_module("emu.cli")
    saved = importlib.import_module("emu.cli_trace_saved")
    options = cli.parse([*words, arguments.program])
    cli_trace_options.check(options)
    status: int = saved.show(options)
    return status


def _page(arguments: argparse.Namespace) -> int:
    html = importlib.import_module("emu.viewer.html")
    output = importlib.import_module("emu.trace.export.output")
    try:
        with _told(arguments.program):
            notes = html.write(arguments.program, arguments.html, filter_of(arguments))
    except output.ExportError as error:
        raise Failure(str(error)) from None
    for note in notes:
        print(f"emu: {note}", file=sys.stderr)
    return DAMAGED if any("damaged" in note for note in notes) else 0
