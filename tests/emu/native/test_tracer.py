"""The ptrace tracer: what it records of programs on the bare kernel is what the same declared types say of a guest."""

import ctypes
import json
import mmap
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from emu.native import ptrace
from emu.native.memory import NativeMemory
from emu.native.start import NotAllowed, NotStarted, Program
from emu.native.tracer import Tracer
from emu.trace.jsonl import JsonLines
from guest.compiler import build

HEAD = """
from guest.lang import addr, array, i64, null, ptr, syscall, u8, u64
from guest.rt.start import _start
from syscalls import numbers

def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
"""
SLEEPS = """
    syscall(numbers.write, 1, b"here\\n".ptr, 5)
    span = array[i64, 2]()
    span[0] = 30
    return syscall(numbers.nanosleep, span.ptr, 0)
"""
FORKS = """
    child = syscall(numbers.clone, 17, 0, 0, 0, 0)
    if child == 0:
        syscall(numbers.write, 1, b"child".ptr, 5)
        return 7
    syscall(numbers.wait4, child, 0, 0, 0)
    return 3
"""
BAD = """
    syscall(numbers.write, 1, 4096, 8)
    syscall(numbers.openat, -100, 4096, 0, 0)
    syscall(1000, 1, 2, 3)
    bad = ptr[u8](u64(argc) * 8)
    return i64(bad[0])
"""

Records = list[dict[str, Any]]


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[str], Path]:
    def make(body: str) -> Path:
        source = tmp_path / "program.py"
        source.write_text('"""A test."""\n' + HEAD + body)
        path = tmp_path / "program"
        path.write_bytes(build(str(source)))
        path.chmod(0o755)
        return path

    return make


class Run:
    """One traced run in a host thread of its own, as the tracer wants it."""

    def __init__(self, path: Path, folder: Path, *args: str, **options: Any) -> None:
        self.trace = folder / "native.jsonl"
        null = os.open(os.devnull, os.O_RDWR)
        self.output, writing = os.pipe()
        program = Program(str(path), [str(path), *args], {}, str(folder), (null, writing, null))
        options = {"limit": 30, **options}
        self.told: list[str] = []
        """The events so far that are no calls."""
        self.tracer = Tracer(program, self._sink, **options)
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        self._held = [null, writing]

    def _sink(self, pid: int, _started: int) -> JsonLines:
        told = self.told

        class Telling(JsonLines):
            def event(self, event: dict[str, Any]) -> None:
                told.append(event["event"])
                super().event(event)

        return Telling(self.trace, print, pid=pid)

    def _run(self) -> None:
        try:
            self.tracer.run()
        except BaseException as failure:
            self.failure = failure

    def wait(self) -> Records:
        """The records, when it has ended."""
        self.thread.join(60)
        assert not self.thread.is_alive()
        for fd in (self.output, *self._held):
            os.close(fd)
        if isinstance(self.failure, NotAllowed):
            pytest.skip(str(self.failure))
        if self.failure is not None:
            raise self.failure
        return [json.loads(line) for line in self.trace.read_text().splitlines()[1:]]

    def greeted(self) -> None:
        """Waits for the program's first words."""
        assert os.read(self.output, 100)


def names(records: Records) -> list[str]:
    return [str(record.get("name", record["event"])) for record in records]


def test_a_program_with_threads(elf: Callable[[str], Path], tmp_path: Path) -> None:
    run = Run(elf("turns"), tmp_path)
    records = run.wait()
    assert run.tracer.code == 3
    started = [record for record in records if record["event"] == "thread_start"]
    main = run.tracer.pid
    assert [record["parent"] for record in started] == [main] * 3
    clones = [record["result"] for record in records if record.get("name") == "clone"]
    assert clones == [record["tid"] for record in started]
    assert {record["tid"] for record in records if record.get("name") == "futex"} <= {main, *clones}
    assert records[-1] == {
        "event": "process_end", "time": records[-1]["time"], "pid": main, "code": 3, "signal": None
    }  # fmt: skip
    assert sorted(record["sequence"] for record in records if "sequence" in record) == list(
        range(sum("sequence" in record for record in records))
    )


def test_without_the_kernels_syscall_info(elf: Callable[[str], Path], tmp_path: Path) -> None:
    shown = []
    for registers_only in (False, True):
        run = Run(elf("pipes_basic"), tmp_path, stops=ptrace.SyscallStops(registers_only))
        shown.append([(record.get("name"), record.get("error")) for record in run.wait()])
    assert shown[0] == shown[1]
    assert len(shown[0]) > 20


def test_a_stopped_program_goes_on_with_the_call_it_was_in(
    compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    run = Run(compiled(SLEEPS), tmp_path)
    run.greeted()
    pid = run.tracer.pid
    _until(lambda: _sleeps(pid))
    for number, event in ((signal.SIGSTOP, "stopped"), (signal.SIGCONT, "continued")):
        os.kill(pid, number)
        _until(partial(_is_told, run, event))
    _until(lambda: _state(pid) == "S")
    os.kill(pid, signal.SIGTERM)
    records = run.wait()
    assert names(records) == ["write", "stopped", "continued", "nanosleep", "signal", "process_end"]
    assert records[3]["unfinished"]
    assert run.tracer.signal == signal.SIGTERM


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _is_told(run: Run, event: str) -> bool:
    return event in run.told


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def _sleeps(pid: int) -> bool:
    return _state(pid) == "S" and Path(f"/proc/{pid}/syscall").read_text().startswith("35 ")


def test_processes_are_followed(compiled: Callable[[str], Path], tmp_path: Path) -> None:
    run = Run(compiled(FORKS), tmp_path)
    records = run.wait()
    child = next(record["result"] for record in records if record.get("name") == "clone")
    written = next(record for record in records if record.get("name") == "write")
    assert (written["pid"], written["tid"]) == (child, child)
    assert run.tracer.code == 3
    told = [
        {name: value for name, value in record.items() if name != "time"}
        for record in records
        if record["event"].startswith("process_")
    ]
    main = run.tracer.pid
    assert told == [
        {"event": "process_start", "pid": child, "tid": child, "parent": main},
        {"event": "process_end", "pid": child, "code": 7, "signal": None},
        {"event": "process_end", "pid": main, "code": 3, "signal": None},
    ]


def test_bad_pointers_and_unknown_calls_and_a_crash(compiled: Callable[[str], Path], tmp_path: Path) -> None:
    run = Run(compiled(BAD), tmp_path)
    records = run.wait()
    assert names(records) == ["write", "openat", "syscall_0x3e8", "fault", "process_end"]
    assert records[0]["args"]["buf"] == 4096
    assert [record["error"] for record in records[:3]] == ["EFAULT", "EFAULT", "ENOSYS"]
    assert run.tracer.signal == records[3]["signal"] == signal.SIGSEGV


def test_a_time_limit(compiled: Callable[[str], Path], tmp_path: Path) -> None:
    run = Run(compiled(SLEEPS), tmp_path, limit=0.2)
    run.wait()
    assert run.tracer.timed_out
    assert run.tracer.signal == signal.SIGKILL


def test_what_cannot_be_executed(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    path.write_bytes(b"\x7fELF, not really")
    path.chmod(0o755)
    with pytest.raises(NotStarted, match="Exec format error"):
        Run(path, tmp_path).wait()


def test_pythons_own_settings_are_not_inherited(elf: Callable[[str], Path], tmp_path: Path) -> None:
    """SIGPIPE, which Python ignores, the signal mask and descriptors of the test itself."""
    held = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(held, True)
    run = Run(elf("signals_state"), tmp_path)
    records = run.wait()
    os.close(held)
    asked = [
        record["args"]["oldact"]
        for record in records
        if record.get("name") == "rt_sigaction" and record["args"]["signum"] == "SIGPIPE"
    ]
    assert all(action["sa_handler"] != "SIG_IGN" for action in asked if isinstance(action, dict))
    masks = [record["args"]["oset"] for record in records if record.get("name") == "rt_sigprocmask"]
    assert "[]" in masks


def test_memory_is_read_as_the_kernel_reads_it() -> None:
    """Ours, through the same door: across pages, to the end of what is mapped, and not beyond protections."""
    page = 4096
    area = mmap.mmap(-1, 4 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    area[page - 2 : page + 2] = b"abcd"
    memory = NativeMemory(os.getpid())
    assert memory.read(address + page - 2, 4) == b"abcd"
    assert memory.readable(address, 4 * page) == 4 * page
    libc = ctypes.CDLL(None)
    assert libc.mprotect(ctypes.c_void_p(address + 2 * page), page, 0) == 0
    try:
        assert memory.readable(address, 4 * page) == 2 * page
        with pytest.raises(OSError, match="bad address"):
            memory.read(address + 2 * page - 4, 8)
        with pytest.raises(OSError, match="bad address"):
            memory.read(8, 1)
        assert memory.cstring(address + page - 2) == b"abcd"
    finally:
        libc.mprotect(ctypes.c_void_p(address + 2 * page), page, 3)
