"""Golden traces: written, compared, and the words when they differ; the same text whoever was quicker."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emu.plugin.golden import text_of
from emu.plugin.trace import Trace
from emu.plugin.view import View

TWO = """
TWO = body('''
fd = syscall(numbers.eventfd2, %d, 0)
count = array[u8, 8]()
syscall(numbers.write, 1, b"hello".ptr, 5)
return syscall(numbers.close, fd)
''')


def test_it(emu):
    emu.run(source=TWO).trace.matches_golden("two")
"""


def test_a_golden_trace_is_written_compared_and_rewritten(tests: Callable, pytester: pytest.Pytester) -> None:
    golden = pytester.path / "golden" / "two.txt"
    run = tests(TWO % 0)
    run.outcomes(failed=1)
    assert (
        "E       AssertionError: there is no golden trace golden/two.txt yet.\n"
        "E       Write it with pytest --emu-update, read it, and commit it.\n"
    ) in run.text
    assert not golden.exists()

    run = tests(TWO % 0, "--emu-update")
    run.outcomes(passed=1)
    assert "golden traces that were rewritten" in run.text
    assert "\ngolden/two.txt\n" in run.text
    assert golden.read_text() == (
        """# What the guest did, thread by thread. A golden trace of emu: pytest --emu-update rewrites it.

[main]
eventfd2(0, 0) = fd1<eventfd>
write(stdout, "hello", 5) = 5
close(fd1) = 0
exit_group(0) = ?

exited with 0
"""
    )
    tests(TWO % 0).outcomes(passed=1)
    run = tests(TWO % 0, "--emu-update")
    assert "rewritten" not in run.text

    run = tests(TWO % 5)
    run.outcomes(failed=1)
    assert (
        """
E       AssertionError: the trace is not as in golden/two.txt:
E
E       --- golden/two.txt
E       +++ this run
E       @@ -1,7 +1,7 @@
E        # What the guest did, thread by thread. A golden trace of emu: pytest --emu-update rewrites it.
E
E        [main]
E       -eventfd2(0, 0) = fd1<eventfd>
E       +eventfd2(5, 0) = fd1<eventfd>
E        write(stdout, "hello", 5) = 5
E        close(fd1) = 0
E        exit_group(0) = ?
E
E       If the new calls are right: pytest --emu-update
"""
        in run.text
    )
    tests(TWO % 5, "--emu-update").outcomes(passed=1)
    tests(TWO % 5).outcomes(passed=1)


def test_where_golden_traces_are(tests: Callable, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nemu_golden = traces/kept\n")
    tests(TWO % 0, "--emu-update").outcomes(passed=1)
    assert (pytester.path / "traces" / "kept" / "two.txt").exists()


def test_wrong_words(tests: Callable) -> None:
    run = tests(
        """
def test_name(emu):
    emu.run(source=body("return 0")).trace.matches_golden("../up")


def test_by(emu):
    emu.run(source=body("return 0")).trace.matches_golden("up", by="call")
"""
    )
    run.outcomes(failed=2)
    assert (
        "ValueError: '../up' cannot be the name of a golden trace: use letters, digits, - _ and ." in run.text
    )
    assert 'ValueError: a golden trace is by="thread" or by="fd", not by=\'call\'' in run.text
    with pytest.raises(ValueError, match="belong to traces of the pytest fixture"):
        Trace.of([]).matches_golden("x")


PIPE = """
def test_it(emu):
    emu.run(source=body('''
ends = array[u64, 1]()
syscall(numbers.pipe2, ends.ptr, 0)
syscall(numbers.close, i64(ends[0] & 0xFFFFFFFF))
return syscall(numbers.close, i64(ends[0] >> 32))
''')).trace.matches_golden("pipe")
"""


def test_calls_that_make_two_descriptors(tests: Callable, pytester: pytest.Pytester) -> None:
    tests(PIPE, "--emu-update").outcomes(passed=1)
    tests(PIPE).outcomes(passed=1)
    text = (pytester.path / "golden" / "pipe.txt").read_text()
    assert "pipe2([fd1, fd2], 0) = 0\nclose(fd1) = 0\nclose(fd2) = 0\n" in text


def test_who_was_quicker_does_not_show() -> None:
    """Two threads in either order, with the numbers that they got in it."""

    def record(
        sequence: int, tid: int, name: str, number: int, result: int, **args: object
    ) -> dict[str, object]:
        return {
            "event": "syscall", "sequence": sequence, "time": sequence, "duration": 0, "blocked": 0, "pid": 1000, "tid": tid,
            "number": number, "name": name, "registers": [0] * 6, "args": args, "result": result, "pc": 0,
        }  # fmt: skip

    def pair(sequence: int, tid: int, fd: int, object_: int) -> list[dict[str, object]]:
        opened = record(sequence, tid, "eventfd2", 290, fd, count=tid % 2, flags="0")
        opened |= {"fds": {"result": "eventfd"}, "objects": {"result": object_}}
        closed = record(sequence + 1, tid, "close", 3, 0, fd=fd)
        closed |= {"fds": {"fd": "eventfd"}, "objects": {"fd": object_}}
        return [opened, closed]

    main = record(0, 1000, "getpid", 39, 1000)
    one_way = [main, *pair(1, 1001, 5, 1), *pair(3, 1002, 6, 2), *pair(5, 1003, 5, 3)]
    other_way = [main, *pair(1, 1003, 5, 1), *pair(3, 1001, 5, 2), *pair(5, 1002, 7, 3)]
    text = text_of(View(one_way))
    assert text == text_of(View(other_way))
    assert text == (
        """# What the guest did, thread by thread. A golden trace of emu: pytest --emu-update rewrites it.

[main]
getpid() = pid1

[thread]
eventfd2(0, 0) = fd1<eventfd>
close(fd1) = 0

[thread, 2 alike]
eventfd2(1, 0) = fd2<eventfd>
close(fd2) = 0
"""
    )
    assert text_of(View(one_way), by="fd") == text_of(View(other_way), by="fd")


def test_noise(tmp_path: Path, tests: Callable, pytester: pytest.Pytester) -> None:
    tests(
        """
def test_it(emu):
    trace = emu.run(source=body("return syscall(numbers.poll, 0, 0, 1) + syscall(numbers.read, 99, 0, 0) + 9")).trace
    trace.matches_golden("quiet")
    trace.matches_golden("all", noise=True)
""",
        "--emu-update",
    ).outcomes(passed=1)
    assert "poll" not in (pytester.path / "golden" / "quiet.txt").read_text()
    assert "poll(NULL, 0, time) = 0\nread(closed, " in (pytester.path / "golden" / "all.txt").read_text()
