"""`emu trace`: runs a program and shows, counts or writes its system calls, or hands a saved trace to `emu.cli_trace_saved`."""

import argparse
import importlib
import os
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emu import cli_trace_options as options
from emu.failure import NOT_RUNNABLE, Failure
from emu.trace.layout import COLUMN, Form
from emu.trace.live import Live, Screen
from emu.trace.sniff import is_saved, what_neither
from emu.trace.text import Palette
from syscalls.args import PAYLOAD_LIMIT

if TYPE_CHECKING:
    from emu.machine import Machine
    from emu.trace import Sink
    from emu.trace.filter import Filter
    from emu.trace.summary import Row, Summary

LOST = 1
"""The exit status under --strict when records were lost."""

_NOT_STARTED = "\nthe guest was not started"


def trace(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    options.check(arguments)
    if is_saved(arguments.program):
        saved = importlib.import_module("emu.cli_trace_saved")
        status: int = saved.show(arguments)
        return status
    return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.format is not None:
        raise Failure(
            f"--format is for a saved trace, and {arguments.program} is none\n"
            "record first: emu trace -o FILE PROGRAM; then emu trace FILE --format NAME"
        )
    run = importlib.import_module("emu.cli_run")  # a saved trace needs no machine
    elf: str | bytes = run.program(arguments.program)
    why = what_neither(elf) if isinstance(elf, str) else ""
    if why:
        raise Failure(f"{arguments.program}: neither a program nor a saved trace: {why}", NOT_RUNNABLE)
    chosen, counted = filter_of(arguments), summary_of(arguments)
    machines: list[Machine] = []
    screen = Screen(2)

    def prepare(machine: "Machine") -> None:
        machines.append(machine)
        _attach(machine, arguments, chosen, counted, screen)

    kept = max(PAYLOAD_LIMIT, arguments.strings or 0) if arguments.payload is None else arguments.payload
    status: int = run.execute(
        arguments, elf, prepare, payload_limit=kept, stacks=arguments.stacks, say=screen.lines
    )
    if counted is not None:
        if status == 128 + signal.SIGINT:
            screen.was_typed_on()
        _put_table(arguments, counted.rows(sort_of(arguments)), screen)
    if arguments.strict and machines[0].lost_records:
        return status or LOST
    return status


def _attach(
    machine: "Machine",
    arguments: argparse.Namespace,
    chosen: "Filter | None",
    counted: "Summary | None",
    screen: Screen,
) -> None:
    """Gives the machine the sinks that the options ask for."""
    for one in (chosen, counted):
        if one is not None:
            one.begin(machine.about())

    def through(sink: "Sink") -> "Sink":
        if counted is not None and counted is not sink:
            sink = importlib.import_module("emu.trace.filtered").Both(sink, counted)
        if chosen is not None:
            sink = importlib.import_module("emu.trace.filtered").Filtered(sink, chosen, machine.locate)
        return sink

    if counted is not None and not arguments.both:
        if arguments.output is not None:  # said now, not when the run is over
            _check_output(arguments)
        machine.trace_to(through(counted))
    elif arguments.output is not None:
        _check_output(arguments)
        try:
            machine.trace_to_file(arguments.output, through)
        except OSError as error:
            raise _unwritable(arguments.output, error) from None
    else:
        form = form_of(
            arguments, palette(2, not arguments.no_color), started=machine.started_at, header=machine.about()
        )
        machine.watch_output(2, screen.others_wrote)
        machine.trace_to(through(Live(screen, form=form, locate=machine.locate)))


def _check_output(arguments: argparse.Namespace) -> None:
    name, program = arguments.output, arguments.program
    try:
        if os.path.exists(program) and os.path.exists(name) and os.path.samefile(name, program):
            raise Failure(f"trace file {name}: that is the program itself{_NOT_STARTED}")
        if not arguments.both and arguments.summary:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o666))
    except OSError as error:
        raise _unwritable(name, error) from None


def _unwritable(name: str, error: OSError) -> Failure:
    return Failure(f"trace file {name}: cannot be written: {error.strerror}{_NOT_STARTED}")


def _put_table(arguments: argparse.Namespace, rows: "list[Row]", screen: Screen) -> None:
    """The summary of a run: on stderr, as strace has it, or in the file of -o."""
    tables = importlib.import_module("emu.trace.table")
    by = arguments.by or "call"
    if arguments.output is not None and not arguments.both:
        write_file(arguments.output, "\n".join(tables.table(rows, by)) + "\n")
        return
    for line in tables.table(rows, by, palette(2, not arguments.no_color)):
        screen.line(line)
    screen.close()


def write_file(name: str, text: str) -> None:
    """Writes a text to a file; raises `Failure`."""
    try:
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"{name}: cannot be written: {error.strerror}") from None


def filter_of(arguments: argparse.Namespace) -> "Filter | None":
    """The filter that the options say; None when they say none. Raises `Failure`."""
    expressions = list(arguments.expressions)
    expressions += [f"pid={word}" for word in arguments.pids]
    expressions += ["status=successful"] * arguments.successful + ["status=failed"] * arguments.failed
    if not expressions and not arguments.paths and not arguments.where:
        return None
    filters = importlib.import_module("emu.trace.filter")
    try:
        found: Filter = filters.Filter(expressions, paths=arguments.paths, where=arguments.where)
    except filters.FilterError as error:
        option = "--" if str(error).startswith("where") else "-e "
        raise Failure(f"{option}{error}") from None
    return found or None


def summary_of(arguments: argparse.Namespace) -> "Summary | None":
    """What counts for -c and -C."""
    if not arguments.summary and not arguments.both:
        return None
    found: Summary = importlib.import_module("emu.trace.summary").Summary(arguments.by or "call")
    return found


def sort_of(arguments: argparse.Namespace) -> str:
    """The column of -S."""
    word = arguments.sort or "time"
    return options.COLUMN_SYNONYMS.get(word, word)


def form_of(
    arguments: argparse.Namespace, colours: Palette, *, started: int, header: Mapping[str, Any]
) -> Form:
    """What the options say of lines; `started` is nanoseconds since the epoch at the start of the run."""
    times = ("start", "clock", "clock us", "epoch")[min(arguments.clock, 3)]
    if arguments.relative:
        times = "previous"
    return Form(
        colours,
        times="" if arguments.no_times else times,
        durations=arguments.durations,
        column=COLUMN if arguments.column is None else arguments.column,
        limit=options.STRING_LIMIT if arguments.strings is None else arguments.strings,
        quiet=arguments.quiet,
        started=started,
        header=header,
    )


def palette(fd: int, wanted: bool) -> Palette:
    """The colours for an open file: none unless it is a terminal."""
    if not wanted or not os.isatty(fd):
        return Palette()
    colours = importlib.import_module("emu.trace.colours")  # loads rich, which takes a while
    found = colours.terminal_palette(fd)
    assert isinstance(found, Palette)
    return found
