"""The plugin in runs of pytest: what passes, what fails and with which words, and what is left behind."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emu.plugin.settings import understood
from emu.trace.read import Reader

GUESTS = Path(__file__).parent.parent.parent / "guests"


def test_a_server_is_started_talked_to_and_stopped(tests: Callable) -> None:
    tests(
        """
def test_it(emu):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    host, port = guest.wait_until_listening()
    assert host == "127.0.0.1" and port > 0
    assert guest.address == (host, port)
    assert guest.addresses == [(host, port)]
    assert guest.exit_status is None
    ask(guest)
    assert guest.trace.expect("accept4 -> recvfrom -> sendto -> close", same_fd=True)[1].args["buf"] == REQUEST
    guest.trace.never("write").after("close", same_fd=True)
    guest.trace.each_fd().is_closed()
    assert guest.stop() == 128 + 9
    assert guest.exit_status.signal == 9
    assert guest.stdout.startswith(b"listening on http://")
    assert guest.stderr == b""
    assert not guest.leaks
    guest.trace.each_fd().is_closed()
"""
    ).outcomes(passed=1)


def test_a_program_runs_to_its_end(tests: Callable, tmp_path: Path) -> None:
    tests(
        """
ECHO = body('''
buffer = array[u8, 64]()
count = syscall(numbers.read, 0, buffer.ptr, 64)
syscall(numbers.write, 1, buffer.ptr, count)
syscall(numbers.write, 2, b"done".ptr, 4)
return argc
''')


@pytest.mark.parametrize("stdin", ["text", b"bytes"])
def test_it(emu, stdin):
    guest = emu.run("one", b"two", source=ECHO, stdin=stdin)
    assert guest.stdout == (stdin.encode() if isinstance(stdin, str) else stdin)
    assert guest.stderr == b"done"
    assert guest.exit_status == 3
    assert guest.exit_status != 0


def test_input_that_comes_later(emu):
    guest = emu.start(source=ECHO, stdin=None)
    guest.stdin.write(b"later")
    assert guest.wait_for_output("later") == b"later"
    assert guest.wait() == 1
    with pytest.raises(ValueError, match="start it with stdin=None"):
        emu.run(source=ECHO).stdin


def test_large_input_and_output(emu):
    cat = body('''
buffer = array[u8, 4096]()
while True:
    count = syscall(numbers.read, 0, buffer.ptr, 4096)
    if count <= 0:
        return count
    syscall(numbers.write, 1, buffer.ptr, count)
''')
    data = bytes(range(256)) * 2000
    assert emu.run(source=cat, stdin=data).stdout == data


def test_input_that_nobody_reads(emu):
    assert emu.run(source=body("return 0"), stdin=bytes(1 << 20)).exit_status == 0
"""
    ).outcomes(passed=5)


def test_where_programs_are_found(tests: Callable, pytester: pytest.Pytester) -> None:
    pytester.mkdir("deeper")
    (pytester.path / "seven.py").write_text("SEVEN = 7\n")
    (pytester.path / "guest_file.py").write_text(
        "from guest.lang import i64, ptr, u8\nfrom guest.rt.start import _start\nfrom seven import SEVEN\n\n\n"
        "def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:\n    return SEVEN\n"
    )
    run = tests(
        """
from guest.compiler import build

def test_a_python_file(emu):
    assert emu.run("guest_file.py").exit_status == 7


def test_an_elf(emu, tmp_path):
    elf = tmp_path / "some.elf"
    elf.write_bytes(build("guest_file.py"))
    guest = emu.run(elf)
    assert guest.exit_status == 7
    assert guest.name == "some"


def test_source_imports_modules_beside_the_test(emu):
    guest = emu.run(source=HEAD.replace("from syscalls", "from seven import SEVEN\\nfrom syscalls") + "    return SEVEN")
    assert guest.exit_status == 7


def test_nowhere(emu):
    emu.run("nowhere.elf")


def test_nothing(emu):
    emu.run()
"""
    )
    run.outcomes(passed=3, failed=2)
    assert "no program 'nowhere.elf': neither" in run.text
    assert "the bundled programs are" in run.text
    assert "name a program, or give the source of one: emu.start(source=...)" in run.text


def test_a_wrong_guest_program(tests: Callable) -> None:
    run = tests(
        """
def test_it(emu):
    emu.run(source=body("return 1.5"))
"""
    )
    run.outcomes(failed=1)
    assert "guest.py:7:12: error: " in run.text


# What fails a test by itself


def test_leaks(tests: Callable) -> None:
    run = tests(
        """
def test_it(emu):
    guest = emu.run(source=body("return syscall(numbers.eventfd2, 0, 0) - 3"))
    assert guest.exit_status == 0
    assert [str(one) for one in guest.leaks.descriptors] == ["3 (eventfd)"]
    assert guest.leaks.threads == ()


@pytest.mark.emu(allow_leaks=True)
def test_it_may(emu):
    emu.run(source=body("return syscall(numbers.eventfd2, 0, 0)"))


@pytest.mark.emu(allow_leaks="threads")
def test_only_threads_may(emu):
    emu.run(source=body("return syscall(numbers.eventfd2, 0, 0)"))


def test_closed(emu):
    emu.run(source=body("return syscall(numbers.close, syscall(numbers.eventfd2, 0, 0))"))
"""
    )
    run.outcomes(passed=2, failed=2)
    assert (
        """
guest leaked 1 descriptor:
  descriptor 3 (eventfd)
    opened:    [1000] eventfd2(0, 0) = 3<eventfd>  guest.py:7
  If that is meant: @pytest.mark.emu(allow_leaks="descriptors")
"""
        in run.text
    )


def test_threads_that_are_left(tests: Callable, pytester: pytest.Pytester) -> None:
    (pytester.path / "spawn.py").write_text((GUESTS / "spawn.py").read_text())
    run = tests(
        """
THREAD = HEAD.replace("def main", '''
from spawn import join, spawn_in


def work(argument: u64) -> i64:
    if argument == 1:
        syscall(numbers.poll, 0, 0, -1)
    return 0


def main''')


def test_it(emu):
    guest = emu.run(source=THREAD + '''
    spawn_in(0, work, 0)
    join(0)
    spawn_in(1, work, 1)
    while syscall(numbers.sched_yield) == 0 and argc < 5:
        argc += 1
    return 0
''')
    assert guest.leaks.threads == (1002,)


def test_joined(emu):
    guest = emu.run(source=THREAD + "    spawn_in(0, work, 0)\\n    join(0)\\n    return 0\\n")
    assert not guest.leaks
"""
    )
    run.outcomes(passed=1, failed=1)
    assert (
        """
guest exited while 1 of its threads was alive:
    thread 1002 waited TIME in poll(NULL, 0, -1)  guest.py:12
  If that is meant: @pytest.mark.emu(allow_leaks="threads")
"""
        in run.text
    )


def test_crashes(tests: Callable) -> None:
    run = tests(
        """
CRASH = body('''
syscall(numbers.kill, syscall(numbers.getpid), 11)
return 0
''')


def test_it(emu):
    guest = emu.run(source=CRASH)
    assert guest.exit_status == 128 + 11
    assert "SIGSEGV" in guest.crash_report


@pytest.mark.emu(allow_faults=True)
def test_it_may(emu):
    assert emu.run(source=CRASH).exit_status.signal == 11


def test_a_signal_of_the_tests_own(emu):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    guest.wait_until_listening()
    guest.signal(15)
    assert guest.wait() == 128 + 15
"""
    )
    run.outcomes(passed=2, failed=1)
    assert "\nguest was killed by SIGSEGV:\n  " in run.text
    assert "\n  If that is meant: @pytest.mark.emu(allow_faults=True)\n" in run.text


def test_unknown_calls(tests: Callable) -> None:
    run = tests(
        """
FORK = body('''
syscall(numbers.fork)
syscall(numbers.fork)
return 0
''')


def test_it(emu):
    emu.run(source=FORK)


@pytest.mark.emu(allow_unknown=True)
def test_it_may(emu):
    emu.run(source=FORK)


@pytest.mark.emu(allow_unknown=["vfork", "fork"])
def test_fork_may(emu):
    emu.run(source=FORK)


def test_a_hook_that_answers_makes_it_known(emu):
    guest = emu.load(source=FORK)
    guest.machine.on("fork")(lambda call: 5)
    assert guest.start().wait() == 0
"""
    )
    run.outcomes(passed=3, failed=1)
    assert (
        """
guest made system calls that emu does not implement (ENOSYS):
    [1000] fork(ADDRESS, NULL, NULL, NULL, NULL, NULL) = -1 ENOSYS (Function not implemented)  guest.py:7  (2 times)
  If that is meant: @pytest.mark.emu(allow_unknown="fork")
"""
        in run.text
    )


def test_a_guest_that_does_not_end(tests: Callable) -> None:
    run = tests(
        """
@pytest.mark.emu(timeout=1)
def test_its_threads_wait(emu):
    emu.run("server.elf", 1, "127.0.0.1", 0)


def test_it_runs(emu):
    emu.run(source=body('''
syscall(numbers.getpid)
while True:
    pass
'''), timeout=0.5)


def test_the_test_waits_for_it(emu):
    guest = emu.start(source=body("return syscall(numbers.poll, 0, 0, -1)"), timeout=0.5)
    guest.wait_until_listening()


def test_nobody_waits(emu):
    guest = emu.start(source=body("return syscall(numbers.poll, 0, 0, -1)"))
    assert guest.is_running


def test_a_shorter_time(emu):
    emu.start(source=body("return syscall(numbers.poll, 0, 0, -1)")).wait(timeout=0.2)
"""
    )
    run.outcomes(passed=1, failed=4)
    assert (
        """
E       AssertionError: server did not end within 1 s and was ended. Its threads:
E           thread 1000 waited TIME in ppoll([{fd=4<eventfd>, events=POLLIN}], 1, {tv_sec=3600, tv_nsec=0}, NULL, 8)  guest/rt/sys.py:81
E           thread 1001 waited TIME in accept4(3<TCP 127.0.0.1:PORT>, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK)  guest/rt/sys.py:128
"""
        in run.text
    )
    assert (
        """
E       AssertionError: guest did not end within 0.5 s and was ended. Its threads:
E           thread 1000 ran; its last call was getpid() = 1000  guest.py:7
"""
        in run.text
    )
    assert "E           thread 1000 waited TIME in poll(NULL, 0, -1)  guest.py:7" in run.text


def test_a_guest_that_ends_before_it_listens(tests: Callable) -> None:
    run = tests(
        """
def test_it(emu):
    guest = emu.start(source=body('''
syscall(numbers.write, 2, b"no port".ptr, 7)
return 3
'''))
    guest.wait_until_listening()


def test_output(emu):
    emu.start(source=body("return 4")).wait_for_output("ready")
"""
    )
    run.outcomes(failed=2)
    assert (
        """
E       AssertionError: guest exited with 3 before it listened.
E       Its stderr:
E           no port
E       Its last calls:
E           [1000] write(2<pipe>, "no port", 7) = 7  guest.py:7
E           [1000] exit_group(3) = ?  guest/rt/sys.py:"""
        in run.text
    )
    assert "guest exited with 4 without writing b'ready'." in run.text


def test_an_error_in_a_hook(tests: Callable) -> None:
    run = tests(
        """
def test_nobody_waits(emu):
    guest = emu.load("server.elf", 0, "127.0.0.1", 0)

    @guest.machine.on("listen")
    def broken(call):
        raise LookupError("my own mistake")

    guest.start()


def test_somebody_waits(emu):
    guest = emu.load("server.elf", 0, "127.0.0.1", 0)
    guest.machine.on("listen")(lambda call: {}["key"])
    guest.start().wait_until_listening()
"""
    )
    run.outcomes(failed=2)
    assert 'raise LookupError("my own mistake")' in run.text
    assert "E       LookupError: my own mistake\nE       in the hook " in run.text
    assert "E   KeyError: 'key'\nE   in the hook " in run.text


# Marks and options


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("sead=1", "it has no 'sead': did you mean 'seed'?"),
        (
            "x=1",
            "it has no 'x'; it knows seed, timeout, net, allow_leaks, allow_faults, allow_unknown",
        ),
        ("5", "it takes keywords only, such as seed=1, not 5"),
        ("seed='1'", "seed is a whole number, not '1'"),
        ("timeout=0", "timeout is a number of seconds above 0, not 0"),
        ("timeout=True", "timeout is a number of seconds above 0, not True"),
        ("net='all'", "net is one of loopback, host, none, not 'all'"),
        ("allow_faults=1", "allow_faults is True or False, not 1"),
        ("allow_leaks='memory'", 'allow_leaks is True, False, "descriptors" or "threads", not \'memory\''),
        ("allow_unknown=5", "allow_unknown is True, False, a name or several, not 5"),
    ],
)
def test_wrong_marks(mark: str, message: str) -> None:
    arguments: tuple = ()
    keywords: dict = {}
    if "=" in mark:
        name, _, value = mark.partition("=")
        keywords = {name: eval(value)}
    else:
        arguments = (eval(mark),)
    assert understood([(arguments, keywords)])[1] == message


def test_a_wrong_mark_fails_its_test(tests: Callable) -> None:
    run = tests(
        """
@pytest.mark.emu(sead=1)
def test_it(emu):
    pass


def test_other(emu):
    pass
"""
    )
    run.outcomes(passed=1, errors=1)
    assert "\n@pytest.mark.emu: it has no 'sead': did you mean 'seed'?\n" in run.text


def test_the_nearest_mark_counts(tests: Callable, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nemu_timeout = 7\n")
    tests(
        """
pytestmark = pytest.mark.emu(seed=1, timeout=5)


@pytest.mark.emu(seed=2)
class TestIt:
    def test_class(self, emu):
        assert (emu.settings.seed, emu.settings.timeout) == (2, 5)

    @pytest.mark.emu(seed=3)
    def test_own(self, emu):
        assert (emu.settings.seed, emu.settings.timeout) == (3, 5)
        guest = emu.load("server.elf", seed=4)
        assert (guest.machine.seed, guest.settings.timeout) == (4, 5)


def test_module(emu):
    assert (emu.settings.seed, emu.settings.timeout) == (1, 5)
"""
    ).outcomes(passed=3)


def test_ini_and_options(tests: Callable, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nemu_timeout = 7\n")
    tests(
        """
def test_it(emu):
    assert (emu.settings.seed, emu.settings.timeout) == (9, 7)
""",
        "--emu-seed=9",
    ).outcomes(passed=1)
    pytester.makeini("[pytest]\nemu_timeout = long\n")
    assert "emu_timeout is a number of seconds, not 'long'" in tests("def test_it(emu): pass").text


def test_the_mark_is_known(tests: Callable) -> None:
    tests("@pytest.mark.emu(seed=1)\ndef test_it(emu): pass", "--strict-markers").outcomes(passed=1)


# What a failing test leaves


def test_a_failing_test_leaves_its_trace(tests: Callable, pytester: pytest.Pytester) -> None:
    text = """
def test_it(emu):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    ask(guest)
    assert %s
"""
    run = tests(text % 0)
    run.outcomes(failed=1)
    folder = pytester.path / ".emu-failures"
    path = folder / "test_it.py-test_it" / "1-server.jsonl"
    assert (
        """
------------------------------------- emu --------------------------------------
server 1 127.0.0.1 0 (seed 0) was killed by SIGKILL (stopped by the test) after N system calls
Its stdout:
    listening on http://127.0.0.1:PORT/ (1 worker)
look at its trace: emu view .emu-failures/test_it.py-test_it/1-server.jsonl
"""
        in run.text
    )
    trace = Reader(path)
    names = [record["name"] for record in trace if record["event"] == "syscall"]
    assert trace.header["argv"] == ["server", "1", "127.0.0.1", "0"]
    assert trace.header["payload_limit"] == 4096
    assert "sendto" in names
    assert (folder / ".gitignore").read_text() == "*\n"
    tests(text % 1).outcomes(passed=1)
    assert not path.exists()


def test_a_fixture_that_fails_leaves_its_trace(tests: Callable, pytester: pytest.Pytester) -> None:
    run = tests(
        """
@pytest.fixture
def server(emu):
    guest = emu.start(source=body("return 1"))
    guest.wait_until_listening()
    yield guest


def test_it(server):
    pass
"""
    )
    run.outcomes(errors=1)
    assert "look at its trace: emu view .emu-failures/test_it.py-test_it/1-guest.jsonl" in run.text


def test_with_xdist(tests: Callable, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    run = tests(
        """
@pytest.mark.parametrize("number", range(4))
def test_it(emu, number):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    ask(guest)
    guest.trace.matches_golden(f"one_{number}")
    assert number != 3
""",
        "-n2",
        "--emu-update",
        apart=True,
    )
    run.outcomes(passed=3, failed=1)
    assert "emu view .emu-failures/test_it.py-test_it-3/1-server.jsonl" in run.text
    assert run.text.count("golden/one_") == 4
    golden = [(pytester.path / "golden" / f"one_{number}.txt").read_text() for number in range(4)]
    assert len(set(golden)) == 1


def test_sessions_without_guests_load_nothing(tests: Callable) -> None:
    tests(
        """
import sys


def test_it():
    assert not [name for name in sys.modules if name.startswith(("unicorn", "emu.machine", "emu.plugin.", "llvmlite"))]
""",
        apart=True,
    ).outcomes(passed=1)


def test_the_header_of_a_kept_trace(tests: Callable, pytester: pytest.Pytester) -> None:
    tests("def test_it(emu):\n    emu.run(source=body('return 0'))\n    assert 0")
    line = next((pytester.path / ".emu-failures").rglob("*.jsonl")).read_text().splitlines()[0]
    assert json.loads(line)["program"] == "guest"
