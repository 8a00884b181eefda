"""The live trace: strace's form, a line a call, colours only where they are wanted."""

import os
from types import SimpleNamespace
from typing import Any

import syscalls.calls  # noqa: F401  fills the table
from emu.trace.colours import coloured
from emu.trace.live import Live
from emu.trace.text import Palette
from syscalls import numbers
from syscalls.describe import NOTHING, Shown
from syscalls.table import lookup

PIPE = Shown("pipe", 3)


class Thread:
    """As much of a thread as a trace shows."""

    tid = 1001
    process = SimpleNamespace(pid=1000)


THREAD = Thread()


def shown(*records: Any, palette: Palette | None = None) -> str:
    receiver, sender = os.pipe()
    live = Live(sender, palette)
    for record in records:
        if isinstance(record, dict):
            live.event(record)
        else:
            live.record(record)
    live.close()
    os.close(sender)
    with open(receiver) as file:
        return file.read()


def record(
    number: int, *registers: int, result: int | None = 0, blocked: int = 0, before: Any = (), after: Any = ()
) -> tuple[Any, ...]:
    padded = (*registers, 0, 0, 0, 0, 0, 0)[:6]
    return (0, 10, 5, blocked, THREAD, lookup(number), padded, result, 0x401000, before, after, None)


def test_a_call_in_the_form_of_strace() -> None:
    assert (
        shown(record(numbers.write, 1, 0x7000, 3, result=3, before=(b"a\n\1", Shown("/dev/tty", 1))))
        == '[1001] write(1</dev/tty>, "a\\n\\1", 3) = 3\n'
    )


def test_errors_waits_new_descriptors_and_calls_that_never_returned() -> None:
    text = shown(
        record(numbers.close, 9, result=-9, before=(NOTHING,)),
        record(numbers.nanosleep, 0x1000, 0, blocked=1_500_000_000, before=({"tv_sec": 1, "tv_nsec": 5},)),
        record(numbers.dup, 1, result=4, before=(PIPE,), after=(PIPE,)),
        record(numbers.read, 0, 0x7000, 9, result=None, before=(PIPE,)),
        record(numbers.exit, 3, result=None),
    )
    assert text.splitlines() == [
        "[1001] close(9) = -1 EBADF (Bad file descriptor)",
        "[1001] nanosleep({tv_sec=1, tv_nsec=5}, NULL) = 0 <waited 1.500 s>",
        "[1001] dup(1<pipe>) = 4<pipe>",
        "[1001] read(0<pipe>, 0x7000, 9) = ? <still running at the end>",
        "[1001] exit(3) = ?",
    ]


def test_events() -> None:
    def one(event: str, **members: object) -> str:
        return shown({"event": event, "time": 1, "pid": 1000, **members}).rstrip("\n")

    assert one("thread_start", tid=1001, parent=1000) == "[1001] +++ thread started by 1000 +++"
    assert one("thread_end", tid=1001, status=3) == "[1001] +++ thread exited with 3 +++"
    assert one("signal", signal=2) == "[1000] --- SIGINT ---"
    assert one("process_end", code=0, signal=None) == "[1000] +++ exited with 0 +++"
    assert one("process_end", code=None, signal=11) == "[1000] +++ killed by SIGSEGV +++"
    place = {"function": "parse", "file": "http.py", "line": 42}
    assert (
        one("fault", tid=1001, signal=11, code=1, address=16, **place)
        == "[1001] --- SIGSEGV {si_code=SEGV_MAPERR, si_addr=0x10} in parse (http.py:42) ---"
    )
    assert (
        one("fault", tid=1001, signal=5, code=0x80, address=0, function="", file="", line=0)
        == "[1001] --- SIGTRAP {si_code=SI_KERNEL, si_addr=NULL} ---"
    )


def test_colours_paint_thread_name_and_error() -> None:
    text = shown(record(numbers.close, 9, result=-9, before=(NOTHING,)), palette=coloured("standard"))
    assert text.startswith("\x1b[")
    assert "\x1b[1mclose\x1b[0m(9)" in text
    assert "\x1b[1;31m-1 EBADF" in text
    assert shown(record(numbers.getpid), palette=coloured("none of these")) == "[1001] getpid() = 0\n"


def test_a_reader_that_went_away_does_not_matter() -> None:
    receiver, sender = os.pipe()
    os.close(receiver)
    live = Live(sender)
    live.record(record(numbers.getpid))
    live.record(record(numbers.getpid))
    os.close(sender)
