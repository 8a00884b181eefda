"""`emu trace`: what it shows, counts and writes, of a run and of a saved trace; what is said when options are wrong."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).parent.parent.parent
EMU = [sys.executable, "-m", "emu", "trace"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

HELLO = """
from guest.lang import i64, ptr, syscall, u8
from guest.rt.start import _start
from syscalls import numbers

def greet(fd: i64) -> None:
    syscall(numbers.write, fd, b"hello\\n".ptr, 6)

def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    greet(1)
    syscall(numbers.close, 77)
    if argc > 2:
        syscall(numbers.read, 0, argv, 8)
    return argc + 2
"""


def emu(*words: str | Path, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    command = [*EMU, *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, env=ENVIRONMENT, check=False)


def shown(*words: str | Path) -> list[str]:
    """The lines on stdout of a saved trace; all is well."""
    done = emu(*words)
    assert (done.stderr, done.returncode) == (b"", 0)
    return done.stdout.decode().splitlines()


def on_a_terminal(
    *words: str | Path, environment: Mapping[str, str] = MappingProxyType({})
) -> tuple[bytes, int]:
    """What a terminal shows, and the exit status."""
    child, master = pty.fork()
    if child == 0:
        os.environ.update(ENVIRONMENT, TERM="xterm-256color")
        os.environ.pop("NO_COLOR", None)
        os.environ.update(environment)
        os.execv(sys.executable, [*EMU, *map(str, words)])
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # the other side is gone
            break
        if not data:
            break
        seen += data
    _, status = os.waitpid(child, 0)
    os.close(master)
    return seen, os.waitstatus_to_exitcode(status)


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that greets, makes a mistake, and ends with its number of arguments plus 2; with two of them it reads."""
    folder = tmp_path_factory.mktemp("hello")
    (folder / "hello.py").write_text(HELLO)
    command = [sys.executable, "-m", "emu", "build", str(folder / "hello.py"), "-o", str(folder / "hello")]
    subprocess.run(command, env=ENVIRONMENT, timeout=60, check=True, capture_output=True)
    return folder / "hello"


@pytest.fixture(scope="module")
def saved(hello: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace of it."""
    path = tmp_path_factory.mktemp("saved") / "calls.jsonl"
    assert emu("-o", path, hello).returncode == 3
    return path


# A run


def test_a_line_a_call_on_stderr(hello: Path) -> None:
    done = emu("--syscalls", hello)
    assert (done.stdout, done.returncode) == (b"hello\n", 3)
    lines = done.stderr.decode().splitlines()
    assert re.fullmatch(r'\[1000\] +0\.\d{6} write\(1<pipe>, "hello\\n", 6\) {20} = 6', lines[0])
    assert lines[1].endswith(" close(77)" + " " * 39 + " = -1 EBADF (Bad file descriptor)")
    assert re.search(r"exit_group\(3\) +=\ \?$", lines[2])
    assert {line.index(" = ") for line in lines[:3]} == {18 + 48}


def test_lines_as_one_likes_them(hello: Path) -> None:
    def lines(*options: str) -> list[str]:
        return emu(*options, hello).stderr.decode().splitlines()

    assert lines("--no-times", "-a", "0", "-q") == [
        '[1000] write(1<pipe>, "hello\\n", 6) = 6',
        "[1000] close(77) = -1 EBADF (Bad file descriptor)",
        "[1000] exit_group(3) = ?",
    ]
    assert '"hel"..., 6)' in lines("-s", "3")[0]
    assert re.search(r" = 6 <0\.\d{6}>$", lines("-T")[0])
    assert re.match(r"\[1000\] \d\d:\d\d:\d\d write", lines("-t")[0])
    assert re.match(r"\[1000\] \d\d:\d\d:\d\d\.\d{6} write", lines("-tt")[0])
    epoch = re.match(r"\[1000\] (\d{10}\.\d{6}) write", lines("-ttt")[0])
    assert epoch is not None
    assert abs(float(epoch[1]) - time.time()) < 3600
    assert lines("-f", "-y", "-r")[0].startswith("[1000] ")


def test_call_chains(hello: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    emu("-o", path, "--stacks", hello)
    live = emu("--stacks", "-e", "write", "-q", "--no-times", hello).stderr.decode().splitlines()
    assert [re.sub(r"^ +> (\w+\.)*", "", line) for line in live[1:3]] == [
        "greet hello.py:7",
        "main hello.py:10",
    ]
    assert shown("--stacks", "-e", "write", "-q", "--no-times", path) == live
    assert len(shown("-e", "write", "-q", path)) == 1


def test_filters_choose_what_is_shown_written_and_counted(hello: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    failed = emu("-Z", hello).stderr.decode().splitlines()
    assert [line.split()[2].partition("(")[0] for line in failed] == ["close", "+++", "+++"]
    emu("-o", path, "-z", "--where", "fd == 1", hello)
    records = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert [record.get("name", record["event"]) for record in records] == [
        "write",
        "thread_end",
        "process_end",
    ]
    assert records[0]["function"].endswith("greet")
    by_place = emu(
        "--where", "function == 'main' or function.endswith('.main')", "-q", "--no-times", "-a", "0", hello
    )
    assert by_place.stderr == b"[1000] close(77) = -1 EBADF (Bad file descriptor)\n"
    table = emu("-c", "-e", "%desc", hello).stderr.decode().splitlines()
    assert sorted(line.split()[-1] for line in table[2:4]) == ["close", "write"]


def test_the_summary_of_a_run(hello: Path, tmp_path: Path) -> None:
    done = emu("-c", "-S", "name", hello)
    assert (done.stdout, done.returncode) == (b"hello\n", 3)
    lines = done.stderr.decode().splitlines()
    assert lines[0].split()[-1] == "call"
    assert [line.split()[-1] for line in lines[2:5]] == ["close", "exit_group", "write"]
    assert lines[-1].split()[-4:] == ["1", "6", "B", "total"]
    both = emu("-C", "--by", "thread", hello).stderr.decode().splitlines()
    assert "write(1<pipe>" in both[0]
    assert both[-3].endswith("  1000")
    emu("-c", "-o", tmp_path / "table", hello)
    assert (tmp_path / "table").read_text().splitlines()[-1].endswith("total")
    done = emu("-C", "-o", tmp_path / "calls.jsonl", hello)
    assert done.stderr.decode().splitlines()[-1].endswith("total")
    assert json.loads((tmp_path / "calls.jsonl").read_text().splitlines()[1])["name"] == "write"


def test_a_call_that_hangs_is_seen_while_it_hangs(hello: Path) -> None:
    running = subprocess.Popen(
        [*EMU, "-q", str(hello), "--", "a", "b"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    assert running.stdin is not None
    assert running.stderr is not None
    lines = [running.stderr.readline().decode() for _ in range(3)]
    assert re.fullmatch(r"\[1000\] +\d+\.\d{6} read\(0<pipe>, 0x\w+, 8\) \.\.\. waiting\n", lines[2])
    running.stdin.write(b"hi")
    running.stdin.close()
    rest = running.stderr.read().decode().splitlines()
    assert running.wait(30) == 5
    assert re.search(r'read\(0<pipe>, "hi", 8\) += 2 <waited \d+\.\d{3} s>$', rest[0])


@pytest.mark.parametrize(("chosen", "count"), [("read", 1), ("!read", 0), ("status=failed", 0), ("fd=0", 1)])
def test_what_waits_is_shown_if_the_filter_chooses_it(hello: Path, chosen: str, count: int) -> None:
    receiver, sender = os.pipe()
    command = [*EMU, "-q", "-e", chosen, "--time-limit", "1", str(hello), "--", "a", "b"]
    done = subprocess.run(
        command, stdin=receiver, capture_output=True, env=ENVIRONMENT, timeout=60, check=False
    )
    os.close(receiver)
    os.close(sender)
    assert done.returncode == 128 + signal.SIGKILL
    assert done.stderr.count(b"... waiting\n") == count


def test_more_of_each_buffer_is_recorded_when_it_is_asked_for(hello: Path, tmp_path: Path) -> None:
    def kept(*options: str) -> int:
        emu("-o", tmp_path / "calls", *options, hello)
        return int(json.loads((tmp_path / "calls").read_text().splitlines()[0])["payload_limit"])

    assert kept() == 1024
    assert kept("-s", "10") == 1024
    assert kept("-s", "5000") == 5000
    assert kept("--payload", "3") == 3
    assert json.loads((tmp_path / "calls").read_text().splitlines()[1])["args"]["buf"] == {
        "bytes": "hel",
        "size": 6,
    }


def test_colours_on_a_terminal_and_none_when_they_are_not_wanted(hello: Path, saved: Path) -> None:
    seen, status = on_a_terminal(hello)
    assert status == 3
    assert b"\x1b[1mwrite\x1b[0m(" in seen
    assert b"\x1b[1;31m-1 EBADF" in seen
    assert b"\x1b[1;31m-1 EBADF" in on_a_terminal(saved)[0]
    assert b"\x1b[" in on_a_terminal("-c", saved)[0]
    for words, environment in (
        (["--no-color", hello], {}),
        ([hello], {"NO_COLOR": "1"}),
        ([hello], {"TERM": "dumb"}),
        (["-c", "--no-color", hello], {}),
        (["--no-color", saved], {}),
    ):
        assert b"\x1b[" not in on_a_terminal(*words, environment=environment)[0]


def test_a_full_disk_does_not_stop_the_guest(hello: Path) -> None:
    done = emu("-o", "/dev/full", hello)
    assert (done.stdout, done.returncode) == (b"hello\n", 3)
    assert done.stderr.startswith(b"emu: trace file /dev/full: No space left on device")
    _, at_the_end = done.stderr.decode().splitlines()
    assert re.fullmatch(
        r"emu: trace file /dev/full: No space left on device: \d+ records are missing in it", at_the_end
    )


def test_strictly_a_loss_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(HELLO.replace("return argc + 2", "return 0"))
    assert emu("-o", "/dev/full", tmp_path / "good.py").returncode == 0
    assert emu("-o", "/dev/full", "--strict", tmp_path / "good.py").returncode == 1
    assert emu("-o", "/dev/full", "--strict", "-e", "close", tmp_path / "good.py").returncode == 1
    assert emu("-o", tmp_path / "calls", "--strict", tmp_path / "good.py").returncode == 0


# A saved trace


def test_the_file_holds_places_and_is_shown_as_the_run_was(hello: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    done = emu("-o", path, hello, "--", "x")
    assert (done.stdout, done.stderr, done.returncode) == (b"hello\n", b"", 4)
    header, *records = [json.loads(line) for line in path.read_text().splitlines()]
    assert header["argv"] == [str(hello), "x"]
    written = next(record for record in records if record.get("name") == "write")
    assert (written["file"].rpartition("/")[2], written["line"]) == ("hello.py", 7)
    live = emu("--no-times", hello, "--", "x").stderr.decode().splitlines()
    assert shown("--no-times", path) == live
    assert shown(path)[0] == f"[1000] {written['time'] / 1e9:10.6f} {live[0].removeprefix('[1000] ')}"


def test_filters_times_and_summary_of_a_saved_trace(saved: Path) -> None:
    assert [line.split()[2][:5] for line in shown("-Z", "-q", saved)] == ["close"]
    assert [line.split()[1] for line in shown("-q", "--no-times", "-P", "/nothing", saved)] == []
    assert len(shown("-q", "-e", "time=..1us", saved)) == 0
    started = json.loads(saved.read_text().splitlines()[0])["started"]
    assert shown("-ttt", saved)[0].split()[1].partition(".")[0] == str(started // 10**9)
    assert shown("-c", saved)[-1].split()[-4:] == ["1", "6", "B", "total"]
    assert shown("-c", "--by", "fd", "-S", "calls", saved)[2].split()[-1] == "1<pipe>"
    assert shown("-c", "-e", "none", saved) == ["no system calls"]
    both = shown("-C", "-e", "write", "-q", saved)
    assert "write(" in both[0]
    assert both[-1].endswith("total")


def test_a_saved_trace_in_other_forms(saved: Path, tmp_path: Path) -> None:
    assert shown("--format", "text", saved) == shown(saved)
    emu("-o", tmp_path / "x.txt", "-T", "-Z", saved)
    assert (tmp_path / "x.txt").read_text().splitlines() == shown("-T", "-Z", saved)
    assert shown("--format", "csv", "-e", "write", saved)[1].startswith("syscall,")
    emu("-o", tmp_path / "x.csv", saved)
    assert (tmp_path / "x.csv").read_text().startswith("event,")
    emu("-o", tmp_path / "x.db", saved)
    assert (tmp_path / "x.db").read_bytes().startswith(b"SQLite format 3\0")
    emu("-o", tmp_path / "failed", "-Z", saved)
    assert len(shown("-q", tmp_path / "failed")) == 1
    assert shown("--format", "strace", saved)[1].startswith("1000 ")
    assert '"he"..., 6)' in shown("--format", "strace", "-s", "2", saved)[0]
    emu("--format", "strace", "-o", tmp_path / "x.strace", saved)
    assert (tmp_path / "x.strace").read_text().splitlines() == shown("--format", "strace", saved)
    done = emu("-C", "-o", tmp_path / "y.csv", saved)
    assert done.stdout.decode().splitlines()[-1].endswith("total")


def test_a_reader_that_goes_away_is_no_error(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    header, *records = saved.read_text().splitlines(keepends=True)
    path.write_text(header + "".join(records) * 5000)
    running = subprocess.Popen(
        [*EMU, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert running.stdout is not None
    assert running.stderr is not None
    assert running.stdout.readline().startswith(b"[1000] ")
    running.stdout.close()
    assert running.stderr.read() == b""
    assert running.wait(30) == 141


@pytest.mark.parametrize("options", [[], ["-c"], ["--format", "csv"], ["-o", "OUT.txt"], ["-e", "write"]])
def test_a_damaged_trace_is_read_as_far_as_it_can_be(saved: Path, tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "calls.jsonl"
    lines = saved.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[2][:40] + b"\n", *lines[1:]])[:-5])
    done = emu(*[word.replace("OUT", str(tmp_path / "out")) for word in options], path)
    out = done.stdout + (tmp_path / "out.txt").read_bytes() if "-o" in options else done.stdout
    assert b"write" in out
    assert done.returncode == 1
    said = done.stderr.decode().splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"emu: {path}:2: ")
    assert "1 more damaged line" in said[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-z", "-Z", "SAVED"], "-z and -Z together leave nothing"),
        (["-r", "-tt", "SAVED"], "-r and -t each say what the times"),
        (["--no-times", "-r", "SAVED"], "--no-times and -r contradict each other"),
        (["-c", "-C", "SAVED"], "-c shows the table only, -C lines and the table"),
        (["-S", "time", "SAVED"], "-S is about the summary: it needs -c or -C"),
        (["--by", "fd", "SAVED"], "--by is about the summary: it needs -c or -C"),
        (["-c", "-S", "tme", "SAVED"], "-S tme: there is no such thing\nemu: did you mean time? there are time, total,"),
        (["-c", "--by", "fds", "SAVED"], "--by fds: there is no such thing\nemu: did you mean fd? there are call,"),
        (["--format", "chrme", "SAVED"], "--format chrme: there is no such thing\nemu: did you mean chrome? there are"),
        (["-c", "--format", "csv", "SAVED"], "-c makes a table and --format a file of calls"),
        (["--format", "csv", "HELLO"], "--format is for a saved trace, and HELLO is none\nemu: record first: emu trace"),
        (["--seed", "3", "SAVED"], "SAVED is a saved trace: --seed is for running a program"),
        (["--strict", "SAVED"], "SAVED is a saved trace: --strict is for running a program"),
        (["SAVED", "--", "x"], "SAVED is a saved trace: nothing is run"),
        (["-s", "-1", "SAVED"], "-s -1: a number from 0 to 16777216 is expected"),
        (["-e", "acept4", "HELLO"], "-e acept4: no such system call: acept4; did you mean accept4?"),
        (["--where", "nmae == 'x'", "HELLO"], "--where, column 1: no such member: nmae; did you mean name?"),
        (["-o", "/none/t", "HELLO"], "trace file /none/t: cannot be written: No such file or directory\nemu: the guest was not"),
        (["-c", "-o", "/none/t", "HELLO"], "trace file /none/t: cannot be written: No such file"),
        (["-o", "HELLO", "HELLO"], "trace file HELLO: that is the program itself"),
        (["-c", "-o", "HELLO", "HELLO"], "trace file HELLO: that is the program itself"),
        (["-o", "SAVED", "SAVED"], "SAVED: that is the trace itself"),
        (["-o", "/none/x.txt", "SAVED"], "/none/x.txt: cannot be written: No such file or directory"),
        (["-c", "-o", "/none/x", "SAVED"], "/none/x: cannot be written: No such file or directory"),
    ],
)  # fmt: skip
def test_wrong_options_are_said_in_a_line_or_two(
    hello: Path, saved: Path, words: list[str], message: str
) -> None:
    def named(text: str) -> str:
        return text.replace("HELLO", str(hello)).replace("SAVED", str(saved))

    before = saved.read_bytes(), hello.read_bytes()
    done = emu(*map(named, words))
    assert done.returncode == 125
    assert done.stdout == b""
    assert done.stderr.decode().startswith(f"emu: {named(message)}")
    assert len(done.stderr.splitlines()) <= (3 if "--where" in words else 2)
    assert (saved.read_bytes(), hello.read_bytes()) == before


def test_a_trace_that_does_not_say_when_it_began(saved: Path, tmp_path: Path) -> None:
    header, *records = saved.read_text().splitlines(keepends=True)
    older = {name: value for name, value in json.loads(header).items() if name != "started"}
    (tmp_path / "old").write_text(json.dumps(older) + "\n" + "".join(records))
    assert b"does not say when the run began" in emu("-t", tmp_path / "old").stderr
    assert shown(tmp_path / "old") == shown(saved)


def test_call_chains_that_were_not_recorded_are_missed(saved: Path) -> None:
    done = emu("--stacks", saved)
    assert done.stdout.decode().splitlines() == shown(saved)
    assert done.stderr.decode() == f"emu: {saved} has no call chains: record with --stacks\n"
