"""`emu diff`: two saved traces, and one program on the bare kernel and under emu."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EMU = [sys.executable, "-m", "emu"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
LIMIT = 60

GREETS = '''"""Greets, with its process id."""

from say import say, say_number

from guest.lang import i64, ptr, syscall, u8
from guest.rt.start import _start
from syscalls import numbers

def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    say(b"my process id is ")
    say_number(syscall(numbers.getpid))
    say(b"\\\\n")
    return argc
'''
ASKS = '''"""Writes the name of its processor: CPUID's, which no kernel stands before."""

from guest.lang import addr, array, asm, i64, ptr, syscall, u8, u64
from guest.rt.start import _start
from syscalls import numbers

def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    word = array[u64, 1]()
    syscall(numbers.getpid)
    word[0] = asm[u64]("mov eax, 0x80000002\\ncpuid", "={rax},~{rbx},~{rcx},~{rdx}")
    syscall(numbers.write, 1, word.ptr, 4)
    return 0
'''
READS = '''"""Copies its input to its output, once."""

from guest.lang import addr, array, i64, ptr, syscall, u8
from guest.rt.start import _start
from syscalls import numbers

def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    data = array[u8, 100]()
    count = syscall(numbers.read, 0, data.ptr, 100)
    syscall(numbers.write, 1, data.ptr, count)
    return count
'''
SLEEPS = '''"""Sleeps for a long time."""

from guest.lang import array, i64, ptr, syscall, u8
from guest.rt.start import _start
from syscalls import numbers

def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    span = array[i64, 2]()
    span[0] = 1000
    return syscall(numbers.nanosleep, span.ptr, 0)
'''


def diff(*words: str | Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*EMU, "diff", *map(str, words)], capture_output=True, text=True, timeout=LIMIT, env=ENVIRONMENT, check=False,
        cwd=cwd,
    )  # fmt: skip


def twin(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    done = diff("--native", *words)
    if "forbids ptrace" in done.stderr:
        pytest.skip(done.stderr)
    return done


@pytest.fixture
def source(tmp_path: Path) -> Callable[[str], Path]:
    """A guest program, beside the module that test guests print with."""

    def make(text: str) -> Path:
        (tmp_path / "say.py").write_text((ROOT / "tests" / "guests" / "say.py").read_text())
        path = tmp_path / "program.py"
        path.write_text(text.replace("\\\\n", "\\n"))
        return path

    return make


def saved(path: Path, text: str) -> Path:
    """A trace of one write."""
    record = {
        "event": "syscall", "sequence": 0, "time": 5, "duration": 1, "blocked": 0, "pid": 1000, "tid": 1000,
        "number": 1, "name": "write", "registers": [1, 2, 3, 0, 0, 0],
        "args": {"fd": 1, "buf": text, "count": len(text)}, "fds": {"fd": "pipe"}, "objects": {"fd": 1},
        "result": len(text), "pc": 4198400,
    }  # fmt: skip
    path.write_text(
        json.dumps({"format": "emu trace", "version": 1, "pid": 1000}) + "\n" + json.dumps(record) + "\n"
    )
    return path


def test_two_traces(tmp_path: Path) -> None:
    a, b = saved(tmp_path / "a.jsonl", "hello"), saved(tmp_path / "b.jsonl", "hexxo")
    same = diff(a, a)
    assert (same.returncode, same.stderr) == (0, "")
    assert same.stdout == "no divergence: 1 calls of 1 thread compared\n"
    other = diff(a, b)
    assert other.returncode == 1
    assert "likely cause: the arguments of write differ: buf from byte 2 on" in other.stdout
    assert "\x1b" not in other.stdout
    assert max(map(len, other.stdout.splitlines())) <= max(80, len(str(a)) + 2)


def test_filters(tmp_path: Path) -> None:
    a, b = saved(tmp_path / "a.jsonl", "hello"), saved(tmp_path / "b.jsonl", "hexxo")
    assert diff("-e", "trace=!write", a, b).returncode == 0
    wrong = diff("-e", "trace=wriet", a, b)
    assert wrong.returncode == 125
    assert "write" in wrong.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["a"], "two saved traces are expected"),
        (["a", "b", "c"], "two saved traces are expected"),
        (["a", "b", "--", "c"], "take nothing after --"),
        (["--drive", "true", "a", "b"], "--drive is for --native only"),
        (["--time-limit", "3", "a", "b"], "--time-limit is for --native only"),
        (["-C", "-1", "a", "b"], "a number of calls from 0 to 1000"),
        (["a", "nowhere"], "nowhere: No such file"),
        (["a", "text"], "text:1: "),
        (["a", "."], "Is a directory"),
        (["--native", "a", "b"], "one program"),
        (["--native", "a"], "a: "),
        (["--native", "--stdin", "nowhere", "a"], "--stdin nowhere"),
        (["--native", "--time-limit", "0", "a"], "--time-limit"),
    ],
)
def test_wrong_use(words: list[str], why: str, tmp_path: Path) -> None:
    saved(tmp_path / "a", "hello")
    saved(tmp_path / "b", "hello")
    (tmp_path / "text").write_text("words\n")
    done = diff(*words, cwd=tmp_path)
    assert done.returncode in (125, 126)
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_trace_is_compared_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    a, b = saved(tmp_path / "a.jsonl", "hello"), saved(tmp_path / "b.jsonl", "hello")
    with open(b, "a") as file:
        file.write('{"event": "sys')
    done = diff(a, b)
    assert done.returncode == 1
    assert "no divergence" in done.stdout
    assert "b.jsonl:3: " in done.stderr


@pytest.mark.parametrize(
    "name",
    ["pipes_basic", "files_io", "clock_time", "polling_epoll", "turns", "futex_basic", "signals_run"],
)
def test_guests_do_the_same_in_both_worlds(name: str, elf: Callable[[str], Path]) -> None:
    done = twin(elf(name))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_process_id_in_the_output_is_renamed(source: Callable[[str], Path]) -> None:
    done = twin("--exact", source(GREETS), "--", "one", "two")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_difference_is_found(source: Callable[[str], Path]) -> None:
    done = twin(source(ASKS))
    assert done.returncode == 1
    assert "A's call 2 and B's call 2" in done.stdout
    assert 'B "emu "' in done.stdout
    assert "likely cause: the arguments of write differ: buf from byte 0 on" in done.stdout


def test_both_read_the_same_input(source: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "input").write_text("some input")
    program = source(READS)
    done = twin("--exact", "--keep", tmp_path / "kept", "--stdin", tmp_path / "input", program)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("native.jsonl", "emu.jsonl"):
        records = [json.loads(line) for line in (tmp_path / "kept" / name).read_text().splitlines()]
        assert [record["args"]["buf"] for record in records if record.get("name") == "read"] == ["some input"]
    assert diff(tmp_path / "kept" / "native.jsonl", tmp_path / "kept" / "emu.jsonl").returncode == 0


@pytest.mark.parametrize("workers", ["0", "1"])
def test_the_server_driven_by_curl(workers: str, elf: Callable[[str], Path]) -> None:
    drive = "curl -sS -m 20 http://$EMU_ADDRESS/ http://$EMU_ADDRESS/healthz http://$EMU_ADDRESS/nothing"
    done = twin("--drive", drive, elf("server"), "--", workers, "127.0.0.1", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "did not listen" not in done.stderr
    assert "status" not in done.stderr


def test_a_time_limit(source: Callable[[str], Path]) -> None:
    done = twin("--time-limit", "0.5", source(SLEEPS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the time limit" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_traced_program_dies_with_us(number: int, source: Callable[[str], Path], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    running = subprocess.Popen(
        [*EMU, "diff", "--native", "--keep", str(kept), "--time-limit", "1000", str(source(SLEEPS))],
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    trace = kept / "native.jsonl"
    deadline = time.monotonic() + LIMIT
    while not (trace.exists() and trace.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        if running.poll() is not None:
            pytest.skip(running.communicate()[1])
        time.sleep(0.02)
    pid = json.loads(trace.read_text().splitlines()[0])["pid"]
    assert Path(f"/proc/{pid}").exists()
    running.send_signal(number)
    running.communicate(timeout=LIMIT)
    assert running.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert number == signal.SIGKILL or not list(tmp_path.glob("emu-diff-*"))
    while _lives(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False
