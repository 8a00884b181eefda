"""The viewer on a real terminal: it is given back as it was found, whatever ends the viewer; without one there is the text form."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emu.viewer.measure import Terminal

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-P", "-m", "emu"]
TAKEN = b"\x1b[?1049h"
GIVEN_BACK = b"\x1b[?1049l"
CURSOR_SHOWN = b"\x1b[?25h"
READY = rb"[\d,]+ records|cut off"


def view(*words: str, size: tuple[int, int] = (100, 30), **environment: str) -> Terminal:
    return Terminal([*COMMAND, "view", *words], size, **{"PYTHONPATH": str(ROOT), **environment})


def restored(terminal: Terminal) -> bool:
    """Whether what came last gave the screen, the mouse and the cursor back."""
    end = terminal.said
    return end.rfind(GIVEN_BACK) > end.rfind(TAKEN) and end.rfind(CURSOR_SHOWN) > end.rfind(b"\x1b[?25l")


def plain(*words: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )


def test_q_ends_it_and_gives_the_terminal_back(traced: Callable[[str], Path]) -> None:
    terminal = view(str(traced("futex_threads")))
    terminal.wait_for(READY)
    assert TAKEN in terminal.said
    terminal.press(b"\x1b[B")
    assert terminal.end() == 0
    assert restored(terminal)


@pytest.mark.parametrize("key", [b"\x03"], ids=["ctrl-c"])
def test_ctrl_c_ends_it_as_well(traced: Callable[[str], Path], key: bytes) -> None:
    terminal = view(str(traced("futex_threads")))
    terminal.wait_for(READY)
    assert terminal.end(key) == 0
    assert restored(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_give_the_terminal_back(traced: Callable[[str], Path], number: int) -> None:
    terminal = view(str(traced("futex_threads")))
    terminal.wait_for(READY)
    os.kill(terminal.pid, number)
    assert terminal.ended() == 0
    assert restored(terminal)


def test_a_mistake_of_ours_gives_it_back_and_says_one_thing(
    traced: Callable[[str], Path], tmp_path: Path
) -> None:
    broken = (
        "import sys, emu.viewer.rows as rows, emu.viewer.calls as calls, emu.cli\n"
        "def row(*arguments, **options): raise LookupError('as the test wants it')\n"
        "calls.row = row\n"
        "sys.exit(emu.cli.main(sys.argv[1:]))\n"
    )
    script = tmp_path / "broken.py"
    script.write_text(broken)
    terminal = Terminal(
        [sys.executable, str(script), "view", str(traced("futex_threads"))], PYTHONPATH=str(ROOT)
    )
    assert terminal.ended() == 125
    assert restored(terminal)
    assert b"internal error: LookupError: as the test wants it" in terminal.said
    assert b"Traceback" not in terminal.said


def test_damage_is_told_once_more_at_the_end(traced: Callable[[str], Path], tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(traced("futex_threads").read_bytes()[:30_000])
    terminal = view(str(torn))
    terminal.wait_for(READY)
    assert terminal.end() == 1
    assert restored(terminal)
    assert b"the last line is cut off" in terminal.said[terminal.said.rfind(GIVEN_BACK) :]


@pytest.mark.parametrize(
    ("size", "environment", "word"),
    [((100, 30), {"TERM": "dumb"}, b"TERM"), ((39, 30), {}, b"40 columns"), ((100, 9), {}, b"10 lines")],
    ids=["dumb", "narrow", "flat"],
)
def test_a_terminal_that_will_not_do_gets_the_text_form(
    traced: Callable[[str], Path], size: tuple[int, int], environment: dict[str, str], word: bytes
) -> None:
    terminal = view(str(traced("signals_fatal")), size=size, **environment)
    assert terminal.ended() == 0
    assert word in terminal.said
    assert TAKEN not in terminal.said
    assert b"SIGSEGV" in terminal.said


def test_without_a_terminal_it_prints_what_emu_trace_does(traced: Callable[[str], Path]) -> None:
    path = str(traced("futex_threads"))
    seen, trace = plain("view", "-e", "futex", path), plain("trace", "-e", "futex", path)
    assert seen.returncode == trace.returncode == 0
    assert seen.stdout == trace.stdout
    assert b"the viewer needs a terminal" in seen.stderr


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", b"an empty file, not a trace"),
        (b"#!/bin/sh\necho\n", b"not a trace of emu"),
        (b'{"format":"emu trace","version":99}\n', b"use a newer emu"),
        (b"\x1f\x8b\x08\x00rubbish", b"compressed by gzip"),
    ],
    ids=["empty", "foreign", "newer", "compressed"],
)
@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
def test_what_is_no_trace_is_one_line(tmp_path: Path, content: bytes, why: bytes, is_terminal: bool) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(content)
    if is_terminal:
        terminal = view(str(path))
        status, said = terminal.ended(), terminal.said
    else:
        done = plain("view", str(path))
        status, said = done.returncode, done.stderr
    assert status == 1
    assert why in said
    assert len(said.splitlines()) == 1
    assert TAKEN not in said


def test_wrong_words_are_told_before_the_screen_is_taken(
    traced: Callable[[str], Path], tmp_path: Path
) -> None:
    for words, why in (
        (["-e", "trace=acept4", str(traced("futex_threads"))], b"accept4"),
        ([str(tmp_path / "missing")], b"No such file"),
        ([str(tmp_path)], b"a folder"),
    ):
        terminal = view(*words)
        assert terminal.ended() == 125
        assert why in terminal.said
        assert TAKEN not in terminal.said
