"""A whole run: statuses, threads, preemption, signals, the background, limits, and that nothing is left behind."""

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.elf import ElfError
from emu.machine import ExitStatus, Machine

ROOT = Path(__file__).parent.parent.parent
Tiny = Callable[..., bytes]

EXIT = "b83c000000 0f05"  # mov eax, 60; syscall
SPIN = "ebfe"
PAUSE_FOR_EVER = "b822000000 0f05"  # pause(2)


class Log:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.records: list[tuple[Any, ...]] = []
        self.events: list[dict[str, Any]] = []
        self.closed = False

    def record(self, record: tuple[Any, ...]) -> None:
        self.records.append(record)

    def event(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def pipe_out(program: Any, *argv: str, **options: Any) -> tuple[bytes, ExitStatus, list[str]]:
    """Runs a machine whose stdout is a pipe: what it wrote, how it ended, what the bench said."""
    receiver, sender = os.pipe()
    said: list[str] = []
    try:
        with Machine(
            program, ["guest", *argv], stdin=None, stdout=sender, say=said.append, **options
        ) as machine:
            os.close(sender)
            status = machine.run()
        return os.read(receiver, 65536), status, said
    finally:
        os.close(receiver)


def hello(tiny: Tiny) -> bytes:
    code = "b801000000 bf01000000 488d3513000000 ba06000000 0f05 b83c000000 bf07000000 0f05"
    return tiny(code, b"hello\n")


def test_hello(tiny: Tiny) -> None:
    assert pipe_out(hello(tiny)) == (b"hello\n", ExitStatus(7), [])


def test_statuses(tiny: Tiny) -> None:
    for code, status in (
        ("bfff010000" + EXIT, ExitStatus(255)),
        ("bf05000000 b8e7000000 0f05", ExitStatus(5)),  # exit_group
        (
            "b827000000 0f05 89c7 be0f000000 b83e000000 0f05" + SPIN,
            ExitStatus(None, 15),
        ),  # kill(getpid(), SIGTERM)
    ):
        with Machine(tiny(code)) as machine:
            assert machine.run() == status
            assert machine.exit_status == status
    assert (ExitStatus(3).shell_status, ExitStatus(None, 11).shell_status) == (3, 139)


def test_the_initial_stack(tiny: Tiny) -> None:
    with Machine(tiny("8b3c24" + EXIT), ["a", "b", "c"]) as machine:  # mov edi, [rsp]: argc
        assert machine.run().code == 3
    with Machine(tiny("89e7 83e70f" + EXIT), ["a"], env={"X": "1"}) as machine:
        assert machine.run().code == 0  # rsp is aligned to 16 bytes


def test_unknown_calls_are_enosys_and_said_once(tiny: Tiny) -> None:
    # mov eax, 1000; syscall, twice; mov edi, eax; neg edi
    output, status, said = pipe_out(tiny("b8e8030000 0f05 b8e8030000 0f05 89c7 f7df" + EXIT))
    assert (output, status) == (b"", ExitStatus(38))
    assert len(said) == 1
    assert "syscall_0x3e8 is not implemented" in said[0]


def test_a_bad_program(tmp_path: Path) -> None:
    with pytest.raises(ElfError):
        Machine(b"\x7fELF")
    with pytest.raises(ElfError):
        Machine(tmp_path / "missing")


def test_spinning_threads_stop_nobody(elf: Callable[[str], Path]) -> None:
    start = time.monotonic()
    assert pipe_out(elf("turns")) == (b"all done\n", ExitStatus(3), [])
    assert time.monotonic() - start < 10


def test_a_thousand_threads(elf: Callable[[str], Path]) -> None:
    assert pipe_out(elf("crowd")) == (b"1000 here, all gone\n", ExitStatus(0), [])


def test_the_limit_of_threads(elf: Callable[[str], Path]) -> None:
    output, _, said = pipe_out(elf("crowd"), thread_limit=11, time_limit=0.2)  # it waits for ever
    assert output == b"10"
    assert said[0] == "emu: the limit of 11 threads is reached: clone answers EAGAIN (--threads raises it)"


def test_the_same_run_twice(elf: Callable[[str], Path]) -> None:
    def calls() -> list[tuple[Any, ...]]:
        log = Log()
        pipe_out(elf("turns"), trace=log)
        return [(record[4].tid, record[5].name, record[6], record[7]) for record in log.records]

    first = calls()
    assert len(first) > 600
    assert first == calls()


def test_records_of_calls_that_wait(elf: Callable[[str], Path]) -> None:
    log = Log()
    pipe_out(elf("turns"), trace=log)
    assert [record[0] for record in sorted(log.records)] == list(range(len(log.records)))
    waited = [record for record in log.records if record[3] > 0]
    assert {record[5].name for record in waited} == {"futex"}
    assert all(record[2] >= record[3] for record in waited)
    exits = [record for record in log.records if record[5].name in ("exit", "exit_group")]
    assert exits
    assert all(record[7] is None for record in exits)
    names = [event["event"] for event in log.events]
    assert names.count("thread_start") == 3
    assert names[-1] == "process_end"
    assert log.closed


def test_a_guest_in_the_background(tiny: Tiny) -> None:
    with Machine(tiny(SPIN)).start() as machine:
        with pytest.raises(TimeoutError):
            machine.wait(0.05)
        assert len(machine.threads) == 1
        assert machine.stop() == ExitStatus(None, 9)
    with Machine(hello(tiny), stdout=None).start() as machine:
        assert machine.wait(10) == ExitStatus(7)


def test_a_waiting_guest_is_stopped(tiny: Tiny) -> None:
    receiver, sender = os.pipe()
    reader = tiny("31c0 31ff 4889e6 ba01000000 0f05 4889c7" + EXIT)  # exit(read(0, rsp, 1))
    with Machine(reader, stdin=receiver).start() as machine:
        with pytest.raises(TimeoutError):
            machine.wait(0.05)
        os.write(sender, b"x")
        assert machine.wait(10) == ExitStatus(1)
    with Machine(reader, stdin=receiver).start() as machine:
        assert machine.stop() == ExitStatus(None, 9)
    os.close(receiver)
    os.close(sender)


def test_a_signal_from_outside(tiny: Tiny) -> None:
    with Machine(tiny(SPIN)).start() as machine:
        machine.send_signal(signal.SIGTERM)
        assert machine.wait(10) == ExitStatus(None, 15)


def test_the_time_limit(tiny: Tiny) -> None:
    for code in (SPIN, "6a01 6a0a 4889e7 31f6 b823000000 0f05" + SPIN):  # nanosleep
        said: list[str] = []
        with Machine(tiny(code), time_limit=0.1, say=said.append) as machine:
            assert machine.run() == ExitStatus(None, 9)
        assert said == ["emu: the time limit of 0.1 s is over: the guest is killed"]


def test_a_deadlock_is_said_once(tiny: Tiny) -> None:
    said: list[str] = []
    # futex(rsp, FUTEX_WAIT, 1, NULL) on a word that holds 1
    code = "6a01 4889e7 31f6 ba01000000 4d31d2 b8ca000000 0f05" + SPIN
    with Machine(tiny(code), say=said.append).start() as machine:
        with pytest.raises(TimeoutError):
            machine.wait(0.1)
        machine.stop()
    assert len(said) == 1
    assert "all threads wait" in said[0]
    assert "thread 1000 in futex" in said[0]


def test_a_hundred_machines_leave_nothing(tiny: Tiny) -> None:
    def state() -> tuple[set[str], int, int]:
        with open("/proc/self/statm") as file:
            size = int(file.read().split()[0]) * 4096
        with open("/proc/self/maps") as file:
            return set(os.listdir("/proc/self/fd")), size >> 40, sum(1 for _ in file)

    program = hello(tiny)
    null = os.open(os.devnull, os.O_RDWR)
    for count in range(103):
        with Machine(program, stdin=null, stdout=null, stderr=null) as machine:
            machine.run()
        if count == 2:
            before = state()
    after = state()
    os.close(null)
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 50  # the allocator's own come and go; a leak would be a hundred
    assert threading.active_count() == 1


@pytest.mark.parametrize("spin", [True, False])
def test_interrupt_from_the_terminal(tiny: Tiny, tmp_path: Path, spin: bool) -> None:
    program = tmp_path / "guest"
    say_go = "6867 6f0a00 4889e6 bf01000000 ba03000000 b801000000 0f05"  # write(1, "go\n", 3)
    program.write_bytes(
        tiny(say_go + (SPIN if spin else "6a00 680f270000 4889e7 31f6 b823000000 0f05" + SPIN))
    )
    code = f"from emu.machine import Machine; raise SystemExit(Machine({str(program)!r}).run().shell_status)"
    bench = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert bench.stdout is not None
    assert bench.stdout.readline() == "go\n"
    bench.send_signal(signal.SIGINT)
    assert bench.wait(10) == 130
    bench.stdout.close()


def test_the_auxiliary_vector_is_known(elf: Callable[[str], Path]) -> None:
    """What /proc/PID/auxv shows: pairs of words up to AT_NULL."""
    with Machine(elf("turns")) as machine:
        words = struct.unpack(f"<{len(machine.process.auxv) // 8}Q", machine.process.auxv)
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    at_pagesz, at_uid, at_null = 6, 11, 0
    assert (pairs[at_pagesz], pairs[at_uid]) == (4096, 1000)
    assert words[-2:] == (at_null, 0)
