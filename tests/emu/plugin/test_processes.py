"""Guests with several processes: what a test may say of them, and what they leave behind."""

from collections.abc import Callable

FORKS = """
CHILD = body('''
pid = syscall(numbers.fork)
if pid == 0:
    fd = syscall(numbers.eventfd2, 0, 0)
    syscall(numbers.close, fd)
    return 7
syscall(numbers.eventfd2, 0, 0)
syscall(numbers.close, 3)
syscall(numbers.wait4, pid, 0, 0, 0)
return 0
''')
"""


def test_processes_and_their_calls(tests: Callable) -> None:
    tests(
        FORKS
        + """
def test_it(emu):
    guest = emu.run(source=CHILD)
    main, child = guest.processes
    assert (main.pid, main.code, main.children) == (1000, 0, [1001])
    assert (child.pid, child.parent, child.code, child.ending) == (1001, 1000, 7, "exited with 7")
    assert child.reaped is not None
    part = guest.trace.only(process=child)
    part.expect("eventfd2 -> close", same_fd=True)
    part.never("wait4").at_all()
    guest.trace.expect("fork -> eventfd2 -> exit_group -> wait4")
    assert {one.pid for one in guest.trace.descriptors() if one.opened} == {1000, 1001}
    assert not guest.leaks


def test_by_name(emu):
    guest = emu.run(source=CHILD)
    name = guest.processes[0].name
    assert len(guest.trace.only(process=name)) == len(guest.trace)
    assert len(guest.trace.only(process="sh")) == 0
"""
    ).outcomes(passed=2)


def test_descriptors_that_were_inherited_are_no_leaks(tests: Callable) -> None:
    tests(
        """
INHERITS = body('''
syscall(numbers.eventfd2, 0, 0)
pid = syscall(numbers.fork)
if pid == 0:
    return 0
syscall(numbers.close, 3)
syscall(numbers.wait4, pid, 0, 0, 0)
return 0
''')


def test_it(emu):
    guest = emu.run(source=INHERITS)
    assert [one.pid for one in guest.trace.descriptors() if one.text == "eventfd"] == [1000, 1001]
"""
    ).outcomes(passed=1)


def test_what_a_child_leaves_open_is_a_leak(tests: Callable) -> None:
    run = tests(
        """
LEAVES = body('''
pid = syscall(numbers.fork)
if pid == 0:
    syscall(numbers.eventfd2, 0, 0)
    return 0
syscall(numbers.wait4, pid, 0, 0, 0)
return 0
''')


def test_it(emu):
    emu.run(source=LEAVES)
"""
    )
    run.outcomes(failed=1)
    assert "guest leaked 1 descriptor:\n  descriptor 3 (eventfd)\n    opened:    [1001] eventfd2(" in run.text


def test_zombies_and_orphans(tests: Callable) -> None:
    run = tests(
        """
ZOMBIE = body('''
ends = array[u64, 1]()
syscall(numbers.pipe2, ends.ptr, 0)
if syscall(numbers.fork) == 0:
    syscall(numbers.exit_group, 3)
syscall(numbers.close, 4)
syscall(numbers.read, 3, ends.ptr, 1)
syscall(numbers.close, 3)
return 0
''')
ORPHAN = body('''
if syscall(numbers.fork) == 0:
    span = array[u64, 2]()
    span[1] = 50000000
    syscall(numbers.nanosleep, span.ptr, 0)
return 0
''')


def test_zombie(emu):
    emu.run(source=ZOMBIE)


def test_orphan(emu):
    emu.run(source=ORPHAN)


@pytest.mark.emu(allow_leaks="processes")
def test_meant(emu):
    emu.run(source=ORPHAN)
"""
    )
    run.outcomes(failed=2, passed=1)
    assert (
        """
guest left 1 process behind:
    process 1001 guest, made by 1000: exited with 3, and nobody waited for it
  If that is meant: @pytest.mark.emu(allow_leaks="processes")
"""
        in run.text
    )
    assert (
        "    process 1001 guest, made by 1000: ran on\n" in run.text
        or "made by 1000: exited with 0" in run.text
    )


def test_the_crash_of_a_child_is_told(tests: Callable) -> None:
    run = tests(
        """
CRASHES = body('''
pid = syscall(numbers.fork)
if pid == 0:
    bad = ptr[u8](u64(8))
    return i64(bad[0])
syscall(numbers.wait4, pid, 0, 0, 0)
return 0
''')


def test_it(emu):
    emu.run(source=CRASHES)


@pytest.mark.emu(allow_faults=True)
def test_meant(emu):
    guest = emu.run(source=CRASHES)
    assert guest.processes[1].signal == 11
"""
    )
    run.outcomes(failed=1, passed=1)
    assert "guest: process 1001 guest was killed by SIGSEGV in main (guest.py:" in run.text


def test_a_shell_and_its_pipeline(tests: Callable) -> None:
    tests(
        """
@pytest.mark.emu(allow_leaks="descriptors")
def test_it(emu):
    guest = emu.run("/usr/bin/dash", "-c", "echo hello | cat; true", root="/")
    assert guest.stdout == b"hello\\n"
    names = [one.name for one in guest.processes]
    assert names == ["dash", "dash", "cat"], names
    guest.trace.only(process="cat").expect('read(buf="hello*") -> write(fd=1, buf="hello*") -> exit_group')
    guest.trace.expect('clone -> write(buf="hello*") -> read(buf="hello*") -> wait4')
"""
    ).outcomes(passed=1)
