"""Guests that found a weak place of the bench once: each stays a test. More are found by `python3 tools/dev.py conformance fuzz`."""

import io
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from emu.machine import Machine  # noqa: E402
from emu.unwind import Unwinder  # noqa: E402
from tools.conformance import scripted  # noqa: E402
from tools.conformance.fuzz_scripts import script_of  # noqa: E402
from tools.conformance.fuzz_worker import Host, one, prepare  # noqa: E402


def run(elf: Path, script: scripted.Script, seconds: float = 10.0, **options: object) -> tuple[int, bytes]:
    """A shell's status, and the output."""
    given, out = os.memfd_create("script"), os.memfd_create("out")
    try:
        os.write(given, script.bytes())
        os.lseek(given, 0, os.SEEK_SET)
        said: list[str] = []
        with Machine(
            elf, ["scripted"], stdin=given, stdout=out, stderr=None, time_limit=seconds, say=said.append, **options
        ) as machine:  # type: ignore[arg-type]  # fmt: skip
            status = machine.run().shell_status
        return status, os.pread(out, 1 << 20, 0)
    finally:
        os.close(given)
        os.close(out)


def handle(script: scripted.Script, number: int, where: scripted.Argument, flags: int = 0) -> None:
    """rt_sigaction with a restorer."""
    action = script.room(32)
    script.step(scripted.STORE, 0, action, where, 8)
    script.step(scripted.STORE, 0, action + 8, 0x4000000 | flags, 8)
    script.step(scripted.STORE, 0, action + 16, scripted.long(scripted.RESTORER), 8)
    script.call("rt_sigaction", number, action, 0, 8)


@pytest.mark.parametrize(
    "stack", [0, 8, 600, 0x7F0000000000, 1 << 47, 1 << 63, (1 << 64) - 1, (1 << 64) - 700]
)
def test_a_handler_on_a_stack_that_is_nowhere(elf: Callable[[str], Path], stack: int) -> None:
    script = scripted.Script()
    handle(script, 4, scripted.long(scripted.HANDLER))
    script.step(
        scripted.ENTER, 0, script.put(b"\x48\xbc" + stack.to_bytes(8, "little") + b"\x0f\x0b")
    )  # mov rsp, stack; ud2
    assert run(elf("scripted"), script) == (128 + 11, b"")


def test_a_storm_of_faults_ends_in_time(elf: Callable[[str], Path]) -> None:
    """A handler that is nowhere faults, and is called for that, as scripted.long as the stack takes its frames: here a large one."""
    script = scripted.Script()
    size = 1 << 30
    stack = script.call("mmap", 0, size, 3, 0x4022, -1, 0)
    place = script.room(8)
    script.step(scripted.STORE, 0, place, scripted.result(stack), 8)
    handle(script, 4, 0x1000, 0x40000000)
    handle(script, 11, 0x1000, 0x40000000)
    # mov rsp, [rdi]; add rsp, size - 64; ud2
    code = b"\x48\x8b\x27\x48\x81\xc4" + (size - 64).to_bytes(4, "little") + b"\x0f\x0b"
    script.step(scripted.ENTER, 0, script.put(code), place)
    started = time.monotonic()
    status, _ = run(elf("scripted"), script, 1.0)
    assert status == 128 + 9
    assert time.monotonic() - started < 8


def test_descriptors_of_the_host_run_out(elf: Callable[[str], Path]) -> None:
    """Many processes with full tables, together more than the host gives one process: calls fail, the bench does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    script = scripted.Script()
    count, full, rounds = (script.put(number.to_bytes(8, "little")) for number in (6, 120, 20))
    top = len(script.steps)
    made = script.call("fork")
    child = script.goto_if(scripted.result(made), 0)
    script.step(6, top, count)
    script.call("nanosleep", script.put((1).to_bytes(8, "little") + bytes(8)), 0)
    script.call("kill", -1, 9)
    script.end(7)
    script.land(child)
    top = len(script.steps)
    script.call("dup", 0)
    script.step(6, top, full)
    pair, room = script.room(8), script.room(4096)
    top = len(script.steps)
    for name, *arguments in (
        ("close", 50), ("open", b"/tmp/x", 0x42, 0o644), ("pipe2", pair, 0), ("open", b"/proc/self/status", 0, 0), ("socket", 2, 1, 0),
        ("socketpair", 1, 1, 0, pair), ("stat", b"/dev/null", room), ("open", b"/proc/self/fd", 0, 0), ("getdents64", 50, room, 4096), ("open", b"/dev/ptmx", 2, 0),
        ("epoll_create1", 0), ("timerfd_create", 1, 0), ("chdir", b"/tmp"), ("memfd_create", b"x", 0), ("inotify_init",), ("signalfd4", -1, room, 8, 0),
        ("mmap", 0, 1 << 20, 3, 0x22, -1, 0), ("mmap", 0, 4096, 3, 0x21, -1, 0), ("mknod", b"/tmp/f", 0o10644, 0), ("open", b"/tmp/f", 0x802, 0), ("execve", b"/tmp/no", 0, 0),
        ("poll", script.put(b"\0\0\0\0\1\0\0\0" * 40), 40, 1), ("shmget", 0, 4096, 0o1600), ("mq_open", b"q", 0x42, 0o600, 0), ("statfs", b"/", room), ("getcwd", room, 4096),
    ):  # fmt: skip
        script.call(name, *arguments)
    script.step(6, top, rounds)
    script.call("pause")
    resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))
    try:
        status, _ = run(elf("scripted"), script, 20.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert status == 7


@pytest.mark.parametrize("seed", range(16))
def test_random_scripts_leave_nothing_behind(
    elf: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    prepare(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    one(elf("scripted"), tmp_path, seed)  # what is loaded once is there after that
    before = Host(tmp_path)
    told = one(elf("scripted"), tmp_path, seed)
    assert told["findings"] + before.differences(Host(tmp_path)) == []
    assert told["seconds"] < 30  # the limit is 1.5 s; the machine may be busy
    assert script_of(seed) == script_of(seed)


@pytest.mark.parametrize("way", ["memfd", "private file"])
def test_files_in_memory_do_not_fill_the_machine(elf: Callable[[str], Path], way: str) -> None:
    """fallocate(2) gives the pages at once, and of a memfd the host would give all that it has."""
    script = scripted.Script()
    if way == "memfd":
        made = script.call("memfd_create", b"large", 0)
    else:
        made = script.call("open", b"/tmp/large", 0x42, 0o600)
    for mode, offset, size in (
        (0, 0, 1 << 46),
        (0, 0, 65 << 20),
        (1, 1 << 40, 65 << 20),
        (0, 0, 40 << 20),
        (0, 1 << 30, 40 << 20),
    ):
        script.call("fallocate", scripted.result(made), mode, offset, size)
    script.call("fallocate", scripted.result(made), 3, 0, 1 << 40)
    script.call("fallocate", scripted.result(made), 0, 0, 40 << 20)
    script.tell_results()
    script.end()
    status, told = run(elf("scripted"), script, memory_limit=64 << 20)
    assert status == 0
    assert scripted.results(told)[1:8] == [-28, -28, -28, 0, -28, 0, 0]


def test_tables_of_call_frames_that_make_no_sense(elf: Callable[[str], Path]) -> None:
    """Where .eh_frame and its kin are spoiled there is no frame, or a wrong one; nothing is raised."""
    content = elf("scripted").read_bytes()
    first = int.from_bytes(content[24:32], "little")  # e_entry
    tables = [section for section in ELFFile(io.BytesIO(content)).iter_sections() if "_frame" in section.name]
    chance = random.Random(0)
    for _ in range(300):
        spoiled = bytearray(content)
        for section in tables:
            for _ in range(chance.choice((1, 2, 20))):
                spoiled[section["sh_offset"] + chance.randrange(section["sh_size"])] = chance.choice(
                    (0xC0, 0xFF, chance.randrange(256))
                )
        unwind = Unwinder(bytes(spoiled))
        for pc in range(first - 0x1000, first + 0x1000, 797):
            unwind(pc)
    assert tables


@pytest.mark.parametrize("way", ["limit", "stop", "interrupt"])
def test_calls_that_take_long_are_no_way_to_stay(
    elf: Callable[[str], Path], tmp_path: Path, way: str
) -> None:
    """A turn counts blocks of code: with calls of 20 ms each it would last minutes, deaf to the time limit and to Ctrl-C."""
    script = scripted.Script()
    memory = script.call("mmap", 0, 64 << 20, 3, 0x8022, -1, 0)
    file = script.call("memfd_create", b"x", 0)
    top = len(script.steps)
    script.call("pwrite64", scripted.result(file), scripted.result(memory), 64 << 20, 0)
    script.goto_if(0, 0, top)
    if way == "limit":
        started = time.monotonic()
        assert run(elf("scripted"), script, 0.5)[0] == 128 + 9
    elif way == "stop":
        (tmp_path / "script").write_bytes(script.bytes())
        with (
            (tmp_path / "script").open("rb") as given,
            Machine(elf("scripted"), stdin=given.fileno()) as machine,
        ):
            machine.start()
            time.sleep(0.5)
            started = time.monotonic()
            assert machine.stop() == 128 + 9
    else:
        (tmp_path / "script").write_bytes(script.bytes())
        command = [sys.executable, "-m", "emu", "run", str(elf("scripted"))]
        with (
            (tmp_path / "script").open("rb") as given,
            subprocess.Popen(command, stdin=given, cwd=ROOT) as child,
        ):
            time.sleep(2)
            started = time.monotonic()
            child.send_signal(signal.SIGINT)
            assert child.wait(30) == 128 + 2
    assert time.monotonic() - started < 5
