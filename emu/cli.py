"""The command line: `emu run`, `trace`, `view`, `diff`, `build`, `syscalls`. Options stand before `--`, the guest's arguments after it."""

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from emu import cli_trace_options, streams
from emu.failure import BENCH, Failure, say
from emu.version import VERSION

_TOP = """A test bench for freestanding x86_64 Linux programs: runs them on an emulated
processor, and shows, keeps and compares their system calls.

examples:
  emu run server.elf -- 4              run a program (here the bundled server)
  emu trace ./hello -- world           show each system call as it completes
  emu trace -o calls.jsonl ./hello     keep the calls in a file
  emu trace calls.jsonl -e fd=4        show such a file, or some of it
  emu view calls.jsonl                 look at it: lanes, list, details, search
  emu diff good.jsonl bad.jsonl        where the second run leaves the first
  emu build program.py -o program.elf  compile a guest program
"""
_TOP_NOTES = """`emu COMMAND --help` lists the options of a command. They stand before `--`,
the guest's arguments after it.

exit status: the guest's own; 128+N when signal N ended it; 125 when emu itself
failed or was used wrongly, 126 when the file is not a program that it can run,
127 when it is not found.
"""
_RUN = """
  emu run ./program
  emu run server.elf -- 4 127.0.0.1 8080
  emu run pty_server.elf --root / -- 8000
  emu run --root ./www --env LANG=C ./program -- --its-own-option
"""
_RUN_NOTES = """The guest's stdin, stdout and stderr are the terminal's. It sees a private
file system that vanishes with it (--root and --rw show it yours), reaches
loopback addresses only (--net), and has an empty environment (--env). Ctrl-C
goes to the guest; a second one stops emu. Ctrl-\\ ends it with a report of
where it was.
"""
_BUILD = """
  emu build program.py                       writes program.elf
  emu build server -o server.elf --strip     the bundled server
"""
_DIFF = """
  emu diff good.jsonl bad.jsonl
  emu diff -e trace=%network --all good.jsonl bad.jsonl
  emu diff --native ./hello -- world
  emu diff --native --drive 'curl -s $EMU_ADDRESS' server.elf -- 1 127.0.0.1 0
"""
_DIFF_NOTES = """Says where the second run parts from the first, thread by thread. Descriptors,
process ids, addresses, ports and times do not count, nor does what timing
alone decides (--exact: that does). With --native, runs ELF on the bare kernel,
with your rights and on your files, and under emu, with the same input, and
compares the two.

exit status: 0 no divergence, 1 a divergence, 125 when emu itself failed or was
used wrongly.
"""
_VIEW = """
  emu view calls.jsonl
  emu view -e %network -Z calls.jsonl
  emu view --follow calls.jsonl            while another emu still writes it
  emu view calls.jsonl --html calls.html   a page for a browser, in one file
"""
_VIEW_NOTES = """In the terminal: a lane for each thread over time, the list of calls, the
details of one. ? lists the keys, q quits. Without a terminal the calls are
printed as by `emu trace FILE`. The filters are those of `emu trace`; they can
be changed in the filter bar.
"""
_SYSCALLS = """
  emu syscalls               what is supported, by family
  emu syscalls --markdown    the table of docs/syscalls.md
"""


class _Parser(argparse.ArgumentParser):
    """Tells wrong use as a `Failure`, so that no guest's exit status is taken for it."""

    def error(self, message: str) -> NoReturn:
        raise Failure(f"{message}\n`{self.prog} --help` tells more")


def _add(
    commands: "argparse._SubParsersAction[_Parser]", name: str, summary: str, examples: str, notes: str = ""
) -> _Parser:
    return commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\nexamples:{examples}",
        epilog=notes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_run_options(parser: "_Parser | argparse._ArgumentGroup") -> None:
    parser.add_argument("--root", metavar="DIR", help="show the guest this directory as /, read-only")
    parser.add_argument(
        "--rw",
        metavar="DIR",
        action="append",
        default=[],
        help="let the guest see and change this directory, under its own path; may be repeated",
    )
    parser.add_argument(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a variable of the guest's environment (NAME alone: its value here); may be repeated",
    )
    parser.add_argument(
        "--net",
        choices=("loopback", "host", "none"),
        default="loopback",
        help="which addresses the guest reaches: loopback (default), all of the host's, none",
    )
    parser.add_argument(
        "--user",
        metavar="UID[:GID]",
        default="1000",
        help="who the guest is to itself (default 1000): 0 may change ids and signal others",
    )
    parser.add_argument(
        "--memory", metavar="SIZE", default="4G", help="the most memory it may map: 512M, 4G (default)"
    )
    parser.add_argument(
        "--threads",
        metavar="N",
        type=int,
        default=1024,
        help="the most threads that its processes may have together (default 1024)",
    )
    parser.add_argument(
        "--processes",
        metavar="N",
        type=int,
        default=512,
        help="the most processes that it may have at a time, zombies included (default 512)",
    )
    parser.add_argument(
        "--kernel",
        metavar="VERSION",
        help="a Linux to imitate, such as 4.14: newer calls are ENOSYS, newer flags EINVAL (default: the newest known)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="what scheduling and random bytes follow from (default 0)",
    )
    parser.add_argument("--time-limit", metavar="SECONDS", type=float, help="end the guest after this time")
    parser.add_argument("--debug", action="store_true", help="a traceback when emu itself fails")


def _add_diff(commands: "argparse._SubParsersAction[_Parser]") -> None:
    diff = _add(
        commands, "diff", "compare two traces, or a native run with one under emu", _DIFF, _DIFF_NOTES
    )
    diff.usage = "emu diff [OPTIONS] A B\n       emu diff --native [OPTIONS] ELF [-- ARGUMENTS]"
    add = diff.add_argument
    add("--all", action="store_true", help="show every divergence, not only the first")
    add("--exact", action="store_true", help="timing counts, too: wake-ups, EAGAIN, how a stream was cut")
    add(
        "-e",
        dest="filters",
        metavar="EXPR",
        action="append",
        default=[],
        help="compare these calls only, as for trace",
    )
    add(
        "-C",
        dest="context",
        metavar="N",
        type=int,
        default=4,
        help="calls shown around a divergence (default 4)",
    )
    add("--no-color", action="store_true", help="no colours, also on a terminal")
    add("--native", action="store_true", help="run ELF on the bare kernel and under emu, and compare")
    add("--stdin", metavar="FILE", help="what both runs read as standard input (default: nothing)")
    add(
        "--drive",
        metavar="COMMAND",
        help="a shell command for each run, once the program listens (EMU_ADDRESS)",
    )
    add("--time-limit", metavar="SECONDS", type=float, help="end each run after this time (default 30)")
    add("--keep", metavar="DIR", help="keep the two traces there: native.jsonl, emu.jsonl")
    add(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a variable of both runs' environment",
    )
    add("--root", metavar="DIR", help="under emu: show the guest this directory as /, read-only")
    add(
        "--rw",
        metavar="DIR",
        action="append",
        default=[],
        help="under emu: let it see and change this directory",
    )
    add("--debug", action="store_true", help="a traceback when emu itself fails")
    add("files", metavar="A B | ELF", nargs="+", help="two saved traces; with --native a program, as for run")


def _add_view(commands: "argparse._SubParsersAction[_Parser]") -> None:
    view = _add(
        commands, "view", "look at a saved trace in the terminal, or make a page of it", _VIEW, _VIEW_NOTES
    )
    view.usage = "emu view [OPTIONS] FILE"
    add = view.add_argument
    add("program", metavar="FILE", help="a trace that `emu trace -o FILE` has written")
    add("--follow", action="store_true", help="go on reading while the file grows (F in the viewer)")
    add("--html", metavar="PAGE", help="write an HTML page instead, which opens from disk without a network")
    add("--no-color", action="store_true", help="no colours")
    add("--debug", action="store_true", help="a traceback when emu itself fails")
    cli_trace_options.add_filters(view.add_argument_group("filters, as for trace"))


def parser() -> argparse.ArgumentParser:
    """The whole command line as an argparse parser."""
    top = _Parser(
        prog="emu",
        usage="emu COMMAND [OPTIONS] ...",
        description=_TOP,
        epilog=_TOP_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"emu {VERSION}")
    commands = top.add_subparsers(prog="emu", dest="command", metavar="COMMAND", title="commands")

    run = _add(commands, "run", "run a program", _RUN, _RUN_NOTES)
    run.usage = "emu run [OPTIONS] ELF [-- ARGUMENTS]"
    _add_run_options(run)
    run.add_argument("program", metavar="ELF", help="an ELF file, or a bundled program's name (server.elf)")

    trace = _add(
        commands,
        "trace",
        "run a program and show its system calls, or show a saved trace",
        cli_trace_options.EXAMPLES,
        cli_trace_options.NOTES,
    )
    cli_trace_options.add(trace)
    _add_run_options(trace.add_argument_group("running, as for run"))

    _add_view(commands)
    _add_diff(commands)

    build = _add(commands, "build", "compile a guest program to an ELF", _BUILD)
    build.usage = "emu build [OPTIONS] PROGRAM"
    build.add_argument("program", metavar="PROGRAM", help="a .py file, or a bundled program's name (server)")
    build.add_argument(
        "-o", dest="output", metavar="ELF", help="the file to write (default: PROGRAM.elf here)"
    )
    build.add_argument("--strip", action="store_true", help="leave symbols and debug information out")
    build.add_argument("--debug", action="store_true", help="a traceback when emu itself fails")

    syscalls = _add(commands, "syscalls", "list the supported system calls", _SYSCALLS)
    form = syscalls.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as a JSON list, missing calls included")
    form.add_argument("--markdown", action="store_true", help="as a Markdown table, missing calls included")
    syscalls.add_argument("--debug", action="store_true", help="a traceback when emu itself fails")
    return top


_HANDLERS = {
    "run": ("emu.cli_run", "run"),
    "trace": ("emu.cli_trace", "trace"),
    "build": ("emu.cli_build", "build"),
    "view": ("emu.cli_view", "view"),
    "diff": ("emu.cli_diff", "run"),
    "syscalls": ("emu.cli_syscalls", "show"),
}
"""Module and function of each command; a command loads only what it needs (`emu --version` loads nothing)."""

_TOP_OPTIONS = ("--help", "--version")
_COMMANDS = "run, trace, view, diff, build and syscalls"


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line as options; `arguments` holds what stands after `--`. Raises `Failure`."""
    words = list(words)
    own, guest = words, None
    if "--" in words:
        at = words.index("--")
        own, guest = words[:at], words[at + 1 :]
    top = parser()
    if own and own[0] not in (*_HANDLERS, "-h", *_TOP_OPTIONS):
        near = _nearest(own[0], (*_HANDLERS, *_TOP_OPTIONS))
        if own[0].startswith("-"):
            raise Failure(
                f"unknown option {own[0]}\n{near}the command stands before its options: emu run --debug ELF"
            )
        if os.path.isfile(own[0]):
            raise Failure(f"no such command: {own[0]}\nto run a program: emu run {own[0]}")
        raise Failure(f"no such command: {own[0]}\n{near}there are {_COMMANDS}; `emu --help` tells more")
    if not own:
        raise Failure(f"a command is missing: there are {_COMMANDS}\n`emu --help` tells more")
    try:
        known, extra = top.parse_known_args(own)
    except Failure:
        _refuse_unknown_option(own)  # says more than that something is missing because of it
        raise
    if extra:
        if extra[0].startswith("-"):
            _refuse_unknown_option([known.command, extra[0]], known, extra)
        hint = f"`emu {known.command} --help` lists what there is"
        if known.command in ("run", "trace"):
            hint = _after_dashes(known, extra)
        raise Failure(f"unexpected argument {extra[0]}\n{hint}")
    if guest is not None and known.command not in ("run", "trace", "diff"):
        raise Failure(f"emu {known.command} takes nothing after --")
    known.arguments = guest or []
    return known


def _options(command: str) -> list[str]:
    choices = next(action.choices for action in parser()._actions if action.dest == "command")
    assert isinstance(choices, dict)
    return [option for action in choices[command]._actions for option in action.option_strings]


def _refuse_unknown_option(
    own: Sequence[str], known: argparse.Namespace | None = None, extra: Sequence[str] = ()
) -> None:
    """Raises `Failure` for the first long option that the command does not have, or the one that was left over."""
    options = _options(own[0])
    for word in own[1:]:
        name = word.partition("=")[0]
        if name not in options and (extra or name.startswith("--")):
            near = _nearest(name, options)
            hint = f"{near}`emu {own[0]} --help` lists the options"
            if known is not None and own[0] in ("run", "trace") and not near:
                hint += f"; {_after_dashes(known, extra)}"
            raise Failure(f"unknown option {name}\n{hint}")


def _after_dashes(known: argparse.Namespace, extra: Sequence[str]) -> str:
    words = " ".join(extra)
    return f"arguments of the guest go after --: emu {known.command} {known.program} -- {words}"


def _nearest(word: str, known: Iterable[str]) -> str:
    near = importlib.import_module("difflib").get_close_matches(word, list(known), 1)  # rarely needed
    return f"did you mean {near[0]}? " if near else ""


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    words = sys.argv[1:] if words is None else words
    streams.reserve()
    own = words[: list(words).index("--")] if "--" in words else words
    debug = "--debug" in own
    try:
        arguments = parse(words)
        module, function = _HANDLERS[arguments.command]
        command: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(module), function)
        status = command(arguments)
        streams.flush()
        return status
    except Failure as failure:
        if debug:
            traceback.print_exc()
        say(str(failure))
        return failure.status
    except BrokenPipeError:  # the reader of our output has gone: nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if debug:
            traceback.print_exc()
        say(f"internal error: {type(error).__name__}: {error}\nrun again with --debug for the traceback")
        return BENCH
