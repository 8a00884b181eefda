"""`emu trace FILE`: shows a saved trace, counts its calls, or writes them in another form."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any

from emu import cli_trace_options as options
from emu.cli_trace import filter_of, form_of, palette, sort_of, summary_of, write_file
from emu.failure import Failure, say
from emu.streams import flush, put
from emu.trace import strace, table
from emu.trace.call_text import entry_of, text_of
from emu.trace.export import STEP, export
from emu.trace.export.output import ExportError, opened, wrong_target
from emu.trace.export.progress import shown
from emu.trace.filter import Filter
from emu.trace.layout import Layout
from emu.trace.read import Brief, Reader, TraceError, projected
from emu.trace.summary import Summary
from emu.trace.text import Palette

_WORD = 1 << 63

DAMAGED = 1
"""The exit status for a saved trace that cannot be read whole."""

_BY_SUFFIX = {
    ".csv": "csv",
    ".db": "sqlite",
    ".sqlite": "sqlite",
    ".pcapng": "pcapng",
    ".pcap": "pcapng",
    ".txt": "text",
}


def show(arguments: argparse.Namespace) -> int:
    """Runs the command on a saved trace; the exit status is 1 when it is damaged."""
    options.check_saved(arguments)
    chosen, counted = filter_of(arguments), summary_of(arguments)
    try:
        reader = Reader(arguments.program)
        if counted is not None and not arguments.both:
            _count(reader, chosen, counted)
        else:
            records, form = _chosen(reader, chosen, counted), _format(arguments)
            if form == "text":
                colours = palette(1, not arguments.no_color and arguments.output is None)
                _put_lines(reader, arguments, _lines(reader, arguments, records, colours))
            elif form == "strace":
                limit = strace.STRING_LIMIT if arguments.strings is None else arguments.strings
                _put_lines(reader, arguments, strace.lines(records, reader.header, limit=limit))
            else:
                _export(reader, form, arguments, records)
        if counted is not None:
            _put_table(arguments, counted)
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


def _chosen(
    reader: Reader, chosen: Filter | None, counted: Summary | None = None
) -> Iterator[dict[str, Any]]:
    if chosen is not None:
        chosen.begin(reader.header)
    if counted is not None:
        counted.begin(reader.header)
    for record in reader:
        if chosen is None or chosen.matches(record):
            if counted is not None:
                counted.add(record)
            yield record
        elif counted is not None and record["event"] != "syscall":
            counted.event(record)  # what is filtered out tells of processes, too


def _count(reader: Reader, chosen: Filter | None, counted: Summary) -> None:
    if chosen is None and counted.by in ("call", "thread"):
        add, decode = counted.add_brief, projected(Brief)

        def counted_at_once(line: bytes) -> None:
            brief = decode(line)
            if not (
                brief.time >= 0 <= brief.duration < _WORD and 0 <= brief.blocked < _WORD > (brief.result or 0)
            ):
                raise ValueError("not a syscall record: a number is too large or negative")
            add(brief)

        for _ in reader.each(counted_at_once):
            pass
        return
    for _ in _chosen(reader, chosen, counted):
        pass


def _format(arguments: argparse.Namespace) -> str:
    """What is to be written: what --format says, or the name of the file."""
    if arguments.format is not None or arguments.output is None:
        return arguments.format or "text"
    return _BY_SUFFIX.get(PurePath(arguments.output).suffix.lower(), "json")


def _lines(
    reader: Reader, arguments: argparse.Namespace, records: Iterable[dict[str, Any]], colours: Palette
) -> Iterator[str]:
    started = reader.header.get("started")
    if started is None and arguments.clock:
        raise Failure(
            f"{arguments.program} does not say when the run began, which -t needs; without -t, times count from there"
        )
    layout = Layout(form_of(arguments, colours, started=started or 0, header=reader.header))
    chains = calls = 0
    for record in records:
        if record["event"] == "syscall":
            calls += 1
            chains += "stack" in record
            line: str | None = _line(layout, record, arguments.stacks)
        else:
            line = layout.event(record)
        if line is not None:
            yield line
    if arguments.stacks and calls and not chains:
        flush()
        say(f"{arguments.program} has no call chains: record with --stacks")


def _put_lines(reader: Reader, arguments: argparse.Namespace, lines: Iterable[str]) -> None:
    """Prints lines, or writes them to the file of -o."""
    if arguments.output is None:
        for line in lines:
            put(line)
        return
    path = Path(arguments.output)
    wrong = wrong_target(path, "text", arguments.program)
    if wrong:
        raise Failure(f"{path}: {wrong}")
    try:
        with shown(reader) as progress, opened(path) as stream:
            for count, line in enumerate(lines):
                stream.write(line.encode("ascii", "backslashreplace") + b"\n")
                if not count % STEP:
                    progress(count)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(f"{path}: cannot be written: {error.strerror}") from None


def _line(layout: Layout, record: dict[str, Any], stacks: bool) -> str:
    return layout.call(
        pid=record["pid"],
        tid=record["tid"],
        began=record["time"],
        duration=record["duration"],
        blocked=record["blocked"],
        entry=entry_of(record),
        text=text_of(record, layout.form.limit),
        result=record.get("result"),
        stack=record.get("stack") or () if stacks else (),
    )


def _export(
    reader: Reader, form: str, arguments: argparse.Namespace, records: Iterable[dict[str, Any]]
) -> None:
    out = arguments.output if arguments.output is not None else sys.stdout.buffer
    try:
        with shown(reader) as progress:
            notes = export(form, records, reader.header, out, progress, source=arguments.program)
    except ExportError as error:
        raise Failure(str(error)) from None
    for note in notes:
        say(note)


def _put_table(arguments: argparse.Namespace, counted: Summary) -> None:
    rows = counted.rows(sort_of(arguments))
    if arguments.output is not None and not arguments.both:
        write_file(arguments.output, "\n".join(table.table(rows, counted.by)) + "\n")
        return
    for line in table.table(rows, counted.by, palette(1, not arguments.no_color)):
        put(line)
