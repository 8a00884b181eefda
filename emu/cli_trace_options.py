"""The options of `emu trace`, but for those of running that it shares with `emu run`."""

import argparse
import importlib
from collections.abc import Iterable

from emu.failure import Failure

FORMATS = ("text", "strace", "json", "chrome", "pcapng", "csv", "sqlite")
"""What a saved trace can be written as; the same as `emu.trace.export.FORMATS`, which takes longer to load."""

BY = ("call", "thread", "process", "fd")

COLUMNS = ("time", "total", "blocked", "calls", "errors", "min", "p50", "p95", "p99", "max", "bytes", "name")
COLUMN_SYNONYMS = {
    "self": "time",
    "count": "calls",
    "error": "errors",
    "time-total": "total",
    "syscall": "name",
}
COLUMN_SYNONYMS |= {"syscall-name": "name", "max-time": "max", "min-time": "min", "avg-time": "p50"}
"""strace's words for those."""

LARGEST = 1 << 24
"""Bytes of a string or a buffer, at most."""

STRING_LIMIT = 64
"""Bytes of a string that a line shows, unless -s says otherwise."""

EXAMPLES = """
  emu trace ./program -- ARGUMENTS             a line a call, while it runs
  emu trace -e %network -Z -T ./program        only failed calls on sockets
  emu trace --stacks -e fd=4 ./program         where each call is made
  emu trace -o calls.jsonl server.elf -- 4     keep all in a file
  emu trace calls.jsonl -e status=unfinished   show the file, or some of it
  emu trace calls.jsonl -c -S blocked          a table, longest waits first
  emu trace calls.jsonl --format csv -o calls.csv
"""
NOTES = """filters:
  -e accept4,close  -e %network  -e '!%memory'  -e /^epoll/    by name or class
  -e status=failed  -e status=EAGAIN  -e fd=7  -e thread=2
  -e time=0.5..2s   -e duration=10ms..  -e blocked=1s..
  --where "name == 'sendto' and ret < 0"
  --where "'GET' in args.buf and args.size > 100"

Lines go to stderr, as strace's do; a call that waits is shown while it waits.
The file of -o has JSON lines (docs/trace-format.md). Filters are strace's
words; they choose what is shown, counted or written. docs/commands.md has them
all.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    parser.usage = "emu trace [OPTIONS] ELF [-- ARGUMENTS]\n       emu trace [OPTIONS] FILE"
    add = parser.add_argument
    add("program", metavar="ELF|FILE", help="a program, as for run; or a trace that -o has written")
    add(
        "-o",
        dest="output",
        metavar="FILE",
        help="write to FILE: JSON lines, the summary of -c, or what --format says",
    )
    add_filters(parser.add_argument_group("filters"))
    _add_lines(parser.add_argument_group("lines"))
    _add_summary(parser.add_argument_group("summary"))
    _add_recording(parser.add_argument_group("recording and writing"))


def add_filters(group: "argparse._ArgumentGroup") -> None:
    """Adds those that choose calls; `emu view` has them, too."""
    add = group.add_argument
    add(
        "-e",
        dest="expressions",
        metavar="EXPR",
        action="append",
        default=[],
        help="which calls: [trace=|status=|fd=|thread=|pid=|time=...]WORDS",
    )
    add(
        "-P",
        dest="paths",
        metavar="PATH",
        action="append",
        default=[],
        help="calls on this path, or below it if it ends in /",
    )
    add(
        "-p",
        dest="pids",
        metavar="PID",
        action="append",
        default=[],
        help="only this process: its pid (1001), or the name of a program",
    )
    add("-z", dest="successful", action="store_true", help="only calls that succeeded")
    add("-Z", dest="failed", action="store_true", help="only calls that failed")
    add(
        "--where",
        metavar="EXPRESSION",
        action="append",
        default=[],
        help="only calls for which this holds (see docs/commands.md)",
    )


def _add_lines(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add(
        "-r",
        dest="relative",
        action="store_true",
        help="times since the call before, instead of since the start",
    )
    add(
        "-t",
        dest="clock",
        action="count",
        default=0,
        help="wall clock; -tt with microseconds; -ttt since the epoch",
    )
    add("--no-times", action="store_true", help="no times at the beginning of lines")
    add("-T", dest="durations", action="store_true", help="how long each call took, at the end of its line")
    add(
        "-s",
        dest="strings",
        metavar="N",
        type=int,
        help=f"bytes of a string to show (default {STRING_LIMIT}), and to record",
    )
    add("-a", dest="column", metavar="N", type=int, help="align results in this column (default 48; 0: not)")
    add(
        "-q",
        dest="quiet",
        action="store_true",
        help="no lines for the beginning and the end of threads and processes",
    )
    add("--stacks", action="store_true", help="the chain of functions under each call")
    add("--no-color", action="store_true", help="no colours, also on a terminal")
    add("--syscalls", action="store_true", help="nothing: system calls are shown in any case")
    add("-f", action="store_true", help="nothing: threads and processes are always followed")
    add("-y", action="store_true", help="nothing: what descriptors are is always shown")


def _add_summary(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add(
        "-c",
        dest="summary",
        action="store_true",
        help="a table of calls, errors, times and bytes instead of lines",
    )
    add("-C", dest="both", action="store_true", help="lines (or the file of -o), and the table at the end")
    add(
        "-S",
        dest="sort",
        metavar="COLUMN",
        help="sort the table: time, total, blocked, calls, errors, max, p99, bytes, name...",
    )
    add("--by", metavar="WHAT", help="a row for each call (default), thread, process or fd")


def _add_recording(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add("--payload", metavar="N", type=int, help="bytes of each buffer to record (default 1024)")
    add("--strict", action="store_true", help="exit status 1 when records were lost, a full disk for one")
    add("--format", metavar="NAME", help=f"write a saved trace as {', '.join(FORMATS)}")


def check(arguments: argparse.Namespace) -> None:
    """Refuses options that are wrong by themselves or together. Raises `Failure`."""
    if arguments.successful and arguments.failed:
        raise Failure("-z and -Z together leave nothing: give one of them")
    if arguments.relative and arguments.clock:
        raise Failure("-r and -t each say what the times at the beginning of lines are: give one of them")
    if arguments.no_times and (arguments.relative or arguments.clock):
        raise Failure(f"--no-times and {'-r' if arguments.relative else '-t'} contradict each other")
    if arguments.summary and arguments.both:
        raise Failure("-c shows the table only, -C lines and the table: give one of them")
    if not arguments.summary and not arguments.both:
        for option, value in (("-S", arguments.sort), ("--by", arguments.by)):
            if value is not None:
                raise Failure(f"{option} is about the summary: it needs -c or -C")
    if arguments.summary and arguments.format is not None:
        raise Failure("-c makes a table and --format a file of calls: give one of them, or -C")
    _one_of("-S", arguments.sort, (*COLUMNS, *COLUMN_SYNONYMS), COLUMNS)
    _one_of("--by", arguments.by, BY, BY)
    _one_of("--format", arguments.format, FORMATS, FORMATS)
    for option, value in (
        ("-s", arguments.strings),
        ("--payload", arguments.payload),
        ("-a", arguments.column),
    ):
        if value is not None and not 0 <= value <= LARGEST:
            raise Failure(f"{option} {value}: a number from 0 to {LARGEST} is expected")


def _one_of(option: str, word: str | None, known: Iterable[str], told: Iterable[str]) -> None:
    if word is not None and word not in known:
        near = importlib.import_module("difflib").get_close_matches(word, list(known), 1)  # rarely needed
        hint = f"did you mean {near[0]}? " if near else ""
        raise Failure(f"{option} {word}: there is no such thing\n{hint}there are {', '.join(told)}")


_OF_RUNNING: tuple[tuple[str, str, object], ...] = (
    ("--root", "root", None), ("--rw", "rw", []), ("--env", "env", []), ("--net", "net", "loopback"),
    ("--user", "user", "1000"),
    ("--memory", "memory", "4G"), ("--threads", "threads", 1024),
    ("--processes", "processes", 512), ("--kernel", "kernel", None), ("--seed", "seed", 0),
    ("--time-limit", "time_limit", None), ("--payload", "payload", None), ("--strict", "strict", False),
)  # fmt: skip


def check_saved(arguments: argparse.Namespace) -> None:
    """Refuses options that mean nothing for a saved trace. Raises `Failure`."""
    name = arguments.program
    if arguments.arguments:
        raise Failure(f"{name} is a saved trace: nothing is run, so it takes no arguments after --")
    for option, member, usual in _OF_RUNNING:
        if getattr(arguments, member) != usual:
            raise Failure(f"{name} is a saved trace: {option} is for running a program")
