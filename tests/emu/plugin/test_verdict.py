"""What fails a test that did not ask for it, and with which words."""

from collections.abc import Callable
from pathlib import Path

import pytest

GUESTS = Path(__file__).parent.parent.parent / "guests"


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
UNKNOWN = body('''
syscall(numbers.set_thread_area)
syscall(numbers.set_thread_area)
return 0
''')


def test_it(emu):
    emu.run(source=UNKNOWN)


@pytest.mark.emu(allow_unknown=True)
def test_it_may(emu):
    emu.run(source=UNKNOWN)


@pytest.mark.emu(allow_unknown=["get_thread_area", "set_thread_area"])
def test_it_alone_may(emu):
    emu.run(source=UNKNOWN)


def test_a_hook_that_answers_makes_it_known(emu):
    guest = emu.load(source=UNKNOWN)
    guest.machine.on("set_thread_area")(lambda call: 5)
    assert guest.start().wait() == 0
"""
    )
    run.outcomes(passed=3, failed=1)
    assert (
        """
guest made system calls that emu does not implement (ENOSYS):
    [1000] set_thread_area(ADDRESS, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)  guest.py:7  (2 times)
  If that is meant: @pytest.mark.emu(allow_unknown="set_thread_area")
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


def test_a_server_that_forgets_a_client_that_has_gone(tests: Callable) -> None:
    run = tests(
        """
FORGETS = body('''
address = array[u8, 16]()
address[0] = 2
address[4] = 127
address[7] = 1
listener = syscall(numbers.socket, 2, 1, 0)
syscall(numbers.bind, listener, address.ptr, 16)
syscall(numbers.listen, listener, 5)
while True:
    client = syscall(numbers.accept, listener, 0, 0)
    syscall(numbers.read, client, address.ptr, 1)
''')


def test_it(emu):
    guest = emu.start(source=FORGETS)
    guest.connect().close()
    guest.connect()
    guest.stop()
    assert len(guest.leaks.descriptors) == 1


def test_while_the_client_is_there(emu):
    guest = emu.start(source=FORGETS)
    guest.connect().send(b"x")
"""
    )
    run.outcomes(passed=1, failed=1)
    assert "\nguest leaked 1 descriptor:\n  descriptor 4 (TCP " in run.text


def test_a_never_that_nobody_finished(tests: Callable) -> None:
    run = tests(
        """
def test_it(emu):
    emu.run(source=body("return 0")).trace.never("exit_group")


def test_true(emu):
    emu.run(source=body("return 0")).trace.never("write")
"""
    )
    run.outcomes(passed=1, failed=1)
    assert "expected never exit_group\n" in run.text


def test_a_time_that_is_over_while_the_test_does_something_else(tests: Callable) -> None:
    run = tests(
        """
@pytest.mark.emu(timeout=0.5)
def test_it(emu):
    guest = emu.start("server.elf", 0, "127.0.0.1", 0)
    assert guest.connect().recv(1) == b"greeting"
"""
    )
    run.outcomes(failed=1)
    assert (
        "emu: the time limit of 0.5 s is over: the guest is killed\nIts threads:\n    thread 1000 waited TIME in ppoll("
        in run.text
    )
