"""The live trace: strace's form, a line a call, and the calls that wait; nothing that a terminal would obey."""

import os
from types import SimpleNamespace
from typing import Any

import pytest

import syscalls.calls  # noqa: F401  fills the table
from emu.places import Place
from emu.trace.colours import coloured
from emu.trace.layout import Form
from emu.trace.live import HELD, Live, Screen
from emu.trace.text import Palette
from syscalls import numbers
from syscalls.data import Cut
from syscalls.describe import NOTHING, Shown
from syscalls.table import lookup

PIPE = Shown("pipe", 1)
TTY = Shown("/dev/tty", 2)


class Thread:
    """As much of a thread as a trace shows."""

    tid = 1001
    process = SimpleNamespace(pid=1000, places=None)


class Chain:
    """Places of two functions, one inlined into the other."""

    def __call__(self, pc: int) -> Place:
        return self.chain(pc)[0]

    def chain(self, pc: int) -> list[Place]:
        if pc == 0x401000:
            return [Place("push", "/src/list.rs", 7), Place("handle", "/src/main.rs", 42)]
        return [Place("main", "", 0)] if pc == 0x4020FF else []


THREAD = Thread()


def shown(*records: Any, palette: Palette | None = None, form: Form | None = None) -> str:
    receiver, sender = os.pipe()
    live = Live(sender, palette, form=form, locate=Chain())
    for record in records:
        if isinstance(record, dict):
            live.event(record)
        elif isinstance(record, list):
            live.waiting(record)
        else:
            live.record(record)
    live.close()
    os.close(sender)
    with open(receiver) as file:
        return file.read()


def record(
    number: int,
    *registers: int,
    result: int | None = 0,
    blocked: int = 0,
    before: Any = (),
    after: Any = (),
    time: int = 10,
    duration: int = 5,
    sequence: int = 0,
    extra: Any = None,
) -> tuple[Any, ...]:
    padded = (*registers, 0, 0, 0, 0, 0, 0)[:6]
    entry = lookup(number)
    return (sequence, time, duration, blocked, THREAD, entry, padded, result, 0x401000, before, after, extra)


def waiting(number: int, *registers: int, sequence: int, before: Any = (), stack: Any = None) -> Any:
    padded = (*registers, 0, 0, 0, 0, 0, 0)[:6]
    return SimpleNamespace(
        thread=THREAD, sequence=sequence, started=1_500_000_000, entry=lookup(number), registers=padded, before=before,
        so_far=lambda: (), pc=0x401000, stack=stack,
    )  # fmt: skip


def test_a_call_in_the_form_of_strace() -> None:
    assert (
        shown(record(numbers.write, 1, 0x7000, 3, result=3, before=(b"a\n\1", TTY)))
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


def test_results_stand_in_a_column_and_colours_do_not_move_them() -> None:
    calls = [record(numbers.getpid), record(numbers.dup, 1, result=4, before=(PIPE,), after=(PIPE,))]
    plain = shown(*calls, form=Form(column=30)).splitlines()
    assert [line.index("=") for line in plain] == [38, 38]
    painted = shown(*calls, form=Form(coloured("standard"), column=30))
    assert "\x1b[1mgetpid\x1b[0m()" + " " * 22 + " = 0" in painted


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ("start", ["[1001]   1.500000 getpid()", "[1001]   1.750000 getpid()", "[1001]   1.250000 getpid()"]),
        ("previous", ["[1001]   1.500000 getpid()", "[1001]   0.250000 getpid()", "[1001]  -0.500000 getpid()"]),
        ("epoch", ["[1001] 1700000001.500000 getpid()", "[1001] 1700000001.750000 getpid()", "[1001] 1700000001.250000 getpid()"]),
        ("", ["[1001] getpid()"] * 3),
    ],
)  # fmt: skip
def test_times(times: str, expected: list[str]) -> None:
    calls = [record(numbers.getpid, time=time) for time in (1_500_000_000, 1_750_000_000, 1_250_000_000)]
    form = Form(times=times, started=1_700_000_000_000_000_000)
    assert [line.partition(" = ")[0] for line in shown(*calls, form=form).splitlines()] == expected


def test_the_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", lambda seconds: __import__("time").gmtime(seconds))
    call = record(numbers.getpid, time=1_500_000_000)
    started = 1_700_000_000_000_000_000  # 22:13:20 UTC
    assert shown(call, form=Form(times="clock", started=started)) == "[1001] 22:13:21 getpid() = 0\n"
    assert (
        shown(call, form=Form(times="clock us", started=started)) == "[1001] 22:13:21.500000 getpid() = 0\n"
    )
    assert "? getpid" in shown(call, form=Form(times="clock", started=1 << 100))


def test_a_line_for_a_waiting_call_is_not_what_the_next_time_counts_from() -> None:
    calls = [record(numbers.getpid, time=1_000_000_000), [waiting(numbers.sched_yield, sequence=7)]]
    text = shown(
        *calls, record(numbers.sched_yield, time=1_500_000_000, sequence=7), form=Form(times="previous")
    )
    assert [line.split()[1] for line in text.splitlines()] == ["1.000000", "0.500000", "0.500000"]


def test_durations_limits_and_quiet() -> None:
    call = record(
        numbers.write, 1, 0x7000, 900, result=900, duration=1_234_000, before=(Cut(b"abcdef", 900), PIPE)
    )
    text = shown(
        call, {"event": "thread_end", "time": 1, "pid": 1000, "tid": 1001, "status": 0},
        form=Form(durations=True, limit=3, quiet=True),
    )  # fmt: skip
    assert text == '[1001] write(1<pipe>, "abc"..., 900) = 900 <0.001234>\n'


def test_a_call_that_waits_is_shown_once_and_again_when_it_is_over() -> None:
    waits = waiting(numbers.read, 0, 0x7000, 9, sequence=3, before=(PIPE,))
    other = waiting(numbers.sched_yield, sequence=4)
    over = record(
        numbers.read, 0, 0x7000, 9, result=2, sequence=3, time=1_500_000_000, blocked=2_000_000_000, before=(PIPE,), after=(b"ab",)
    )  # fmt: skip
    text = shown([waits], [waits, other], over, [waits], form=Form(times="start"))
    assert text.splitlines() == [
        "[1001]   1.500000 read(0<pipe>, 0x7000, 9) ... waiting",
        "[1001]   1.500000 sched_yield() ... waiting",
        '[1001]   1.500000 read(0<pipe>, "ab", 9) = 2 <waited 2.000 s>',
        "[1001]   1.500000 read(0<pipe>, 0x7000, 9) ... waiting",
    ]


def test_the_call_chain_stands_under_the_call() -> None:
    text = shown(record(numbers.getpid, extra={"stack": [0x402100, 0x999]}))
    assert text.splitlines() == [
        "[1001] getpid() = 0",
        "         > push list.rs:7",
        "         > handle main.rs:42",
        "         > main",
        "         > 0x999",
    ]


def test_a_call_that_waits_says_where_it_was_made() -> None:
    text = shown([waiting(numbers.sched_yield, sequence=1, stack={"stack": [0x402100]})])
    assert text.splitlines() == [
        "[1001] sched_yield() ... waiting",
        "         > push list.rs:7",
        "         > handle main.rs:42",
        "         > main",
    ]


def test_nothing_reaches_the_terminal_that_it_obeys_or_measures_differently() -> None:
    evil = Shown("/tmp/\x1b[31m\u6f22\udcff\r\n", 1)
    text = shown(
        record(numbers.dup, 1, result=4, before=(evil,), after=(evil,)),
        record(numbers.write, 1, 0x7000, 3, result=3, before=("\x1b]0;\u6f22\x07".encode(), PIPE)),
        {"event": "fault", "time": 1, "pid": 1000, "tid": 1, "signal": 11, "code": 1, "address": 1, "function": "a\x1b[2J", "file": "b\n", "line": 1},
        {"event": "tea\x07", "time": 1, "pid": 1000, "leaf": "\x9b1m"},
        [waiting(numbers.close, 3, sequence=1, before=(evil,))],
        form=Form(column=40, times="start"),
    )  # fmt: skip
    assert text.isascii()
    assert all(line.isprintable() for line in text.splitlines())
    assert "</tmp/\\33[31m\\346\\274\\242\\377\\r\\n>" in text


def test_a_reader_that_went_away_does_not_matter() -> None:
    receiver, sender = os.pipe()
    os.close(receiver)
    live = Live(sender)
    live.record(record(numbers.getpid))
    live.record(record(numbers.getpid))
    live.close()
    os.close(sender)


def test_a_line_after_somebody_elses_begins_anew() -> None:
    receiver, sender = os.pipe()
    screen = Screen(sender)
    screen.line("one")
    os.write(sender, b"guest")
    screen.others_wrote(False)
    screen.line("two")
    screen.line("three")
    os.write(sender, b"guest\n")
    screen.others_wrote(True)
    screen.line("four")
    os.close(sender)
    with open(receiver) as file:
        assert file.read() == "one\nguest\ntwo\nthree\nguest\nfour\n"


def test_lines_for_a_terminal_that_takes_nothing_now_come_later_and_whole() -> None:
    receiver, sender = os.pipe()
    os.set_blocking(sender, False)
    screen = Screen(sender)
    lines = [f"{number:0100}" for number in range(4 * HELD // 100)]
    for line in lines:
        screen.line(line)
    assert screen.lost > 0
    got = b""
    while len(got) < (len(lines) - screen.lost) * 101:
        got += os.read(receiver, 1 << 20)
        screen.flush()
    assert got.decode().splitlines() == lines[: len(lines) - screen.lost]
    screen.close()
    os.close(sender)
    os.close(receiver)
