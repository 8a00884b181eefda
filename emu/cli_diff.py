"""`emu diff`: compares two saved traces, or a program's run on the bare kernel with its run under emu."""

import argparse
import importlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from emu.failure import Failure
from emu.streams import put
from emu.trace import diff, diff_text
from emu.trace.filter import Filter, FilterError
from emu.trace.per_thread import ByThread
from emu.trace.read import TraceError
from emu.trace.text import Palette

DIFFERENT = 1
"""The exit status when there is a divergence."""

_NATIVE_ONLY = ("stdin", "drive", "time_limit", "keep", "root", "rw", "env")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    options = diff.Options(
        exact=arguments.exact,
        every=arguments.all,
        context=_context(arguments.context),
        filter=_filter(arguments.filters),
    )
    if arguments.native:
        if len(arguments.files) != 1:
            raise Failure("--native compares two runs of one program: emu diff --native ELF -- ARGUMENTS")
        twin = importlib.import_module("emu.native.twin")  # forks and traces: nobody else needs it
        status: int = twin.run(arguments, lambda paths, names: _compare(arguments, paths, options, names))
        return status
    _check_files(arguments)
    return _compare(arguments, arguments.files, options)


def _check_files(arguments: argparse.Namespace) -> None:
    given = [name for name in _NATIVE_ONLY if getattr(arguments, name)]
    if given:
        raise Failure(f"--{given[0].replace('_', '-')} is for --native only: emu diff --native ELF")
    if arguments.arguments:
        raise Failure(
            "two saved traces take nothing after --; to run a program: emu diff --native ELF -- ARGUMENTS"
        )
    if len(arguments.files) != 2:
        raise Failure("two saved traces are expected: emu diff A B, or a program: emu diff --native ELF")


def _context(count: int) -> int:
    if not 0 <= count <= 1000:
        raise Failure(f"-C {count}: a number of calls from 0 to 1000 is expected")
    return count


def _filter(expressions: Sequence[str]) -> Filter | None:
    try:
        return Filter(expressions) if expressions else None
    except FilterError as error:
        raise Failure(str(error)) from None


def _compare(
    arguments: argparse.Namespace,
    paths: Sequence[str | Path],
    options: diff.Options,
    names: tuple[str, str] | None = None,
) -> int:
    """Shows how two traces differ; the exit status."""
    try:
        with ByThread(paths[0]) as a, ByThread(paths[1]) as b:
            found = diff.compare(a, b, options)
            damage = [str(trace.damage) for trace in (a, b) if trace.damage is not None]
    except TraceError as error:
        raise Failure(str(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(f"{error.filename or paths[0]}: {error.strerror}") from None
    _show(found, names or (str(paths[0]), str(paths[1])), arguments, options)
    if damage:
        raise Failure("\n".join(damage), DIFFERENT)
    return DIFFERENT if found.divergences else 0


def _show(
    found: diff.Outcome, names: tuple[str, str], arguments: argparse.Namespace, options: diff.Options
) -> None:
    style = _style(not arguments.no_color)
    if not found.divergences:
        put(f"no divergence: {diff_text.summary(found)}")
        return
    put(f"A {names[0]}\nB {names[1]}\n")
    chosen = found.divergences if options.every else found.divergences[:1]
    for number, divergence in enumerate(chosen):
        put("\n".join([*([""] if number else []), *diff_text.lines(divergence, style)]))
    rest = len(found.divergences) - len(chosen)
    if rest:
        others = "one other thread differs" if rest == 1 else f"{rest} other threads differ"
        put(f"\n{others}, later (--all shows every difference)")
    put(f"\n{diff_text.summary(found)}")


def _style(coloured: bool) -> diff_text.Style:
    """The terminal's width and colours; 80 columns and none elsewhere."""
    if not os.isatty(1):
        return diff_text.Style(shutil.get_terminal_size().columns if "COLUMNS" in os.environ else 80)
    if coloured:
        colours = importlib.import_module("emu.trace.colours").terminal_palette(
            1
        )  # loads rich, which takes a while
    else:
        colours = Palette()
    first, second = colours.threads[0], colours.threads[min(2, len(colours.threads) - 1)]
    return diff_text.Style(shutil.get_terminal_size().columns, first, second, colours.dim, colours.name)
