"""`emu trace`: runs a program and shows or writes its system calls, or shows a trace that was written before."""

import argparse
import importlib
import os
from typing import TYPE_CHECKING

from emu.failure import Failure
from emu.streams import flush, put
from emu.trace.live import Live
from emu.trace.read import Reader, TraceError, line
from emu.trace.sniff import is_saved
from emu.trace.text import Palette

if TYPE_CHECKING:
    from emu.machine import Machine

DAMAGED = 1
"""The exit status for a saved trace that cannot be read to its end."""


def trace(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    if is_saved(arguments.program):
        return _show(arguments)
    run = importlib.import_module("emu.cli_run")  # a saved trace needs no machine
    elf: str | bytes = run.program(arguments.program)

    def prepare(machine: "Machine") -> None:
        if arguments.output is not None:
            _trace_to_file(machine, arguments.output, arguments.program)
        else:
            machine.trace_to(Live(2, palette(2, not arguments.no_color)))

    status: int = run.execute(arguments, elf, prepare)
    return status


def _trace_to_file(machine: "Machine", name: str, program: str) -> None:
    try:
        if os.path.exists(program) and os.path.exists(name) and os.path.samefile(name, program):
            raise Failure(f"trace file {name}: that is the program itself\nthe guest was not started")
        machine.trace_to_file(name)
    except OSError as error:
        raise Failure(
            f"trace file {name}: cannot be written: {error.strerror}\nthe guest was not started"
        ) from None


def palette(fd: int, wanted: bool) -> Palette:
    """The colours for an open file: none unless it is a terminal."""
    if not wanted or not os.isatty(fd):
        return Palette()
    colours = importlib.import_module("emu.trace.colours")  # loads rich, which takes a while
    found = colours.terminal_palette(fd)
    assert isinstance(found, Palette)
    return found


def _show(arguments: argparse.Namespace) -> int:
    if arguments.output is not None or arguments.arguments:
        raise Failure(
            f"{arguments.program} is a saved trace: it is shown, and takes neither -o nor arguments"
        )
    colours = palette(1, not arguments.no_color)
    try:
        reader = Reader(arguments.program)
        for record in reader:
            put(line(record, colours))
    except TraceError as error:
        flush()
        raise Failure(str(error), DAMAGED) from None
    except BrokenPipeError:  # our reader's affair, not the file's
        raise
    except OSError as error:
        raise Failure(f"{arguments.program}: {error.strerror}") from None
    if reader.damage is not None:
        flush()
        raise Failure(str(reader.damage), DAMAGED)
    return 0
