"""Hooks: what they see and may change, what the guest and the trace get, and what becomes of their errors."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emu import ExitStatus, Machine
from emu.hooks import Call

Tiny = Callable[..., bytes]

EXIT = "b83c000000 0f05"  # exit(edi)
EXIT_WITH_RAX = "89c7" + EXIT
GETPID = "b827000000 0f05"
DATA_AT = 0x400078  # where the code of `tiny` begins


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: its ends to read and to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def program(tiny: Tiny, calls: list[tuple[int, ...]], data: bytes = b"", flags: int = 7) -> bytes:
    """Makes the calls (number and up to three arguments) and exits with the last result; `data` lies at `data_at(calls)`."""
    code = ""
    for number, *arguments in calls:
        for opcode, value in zip(("48bf", "48be", "48ba"), arguments, strict=False):
            code += opcode + (value % (1 << 64)).to_bytes(8, "little").hex()
        code += "b8" + number.to_bytes(4, "little").hex() + "0f05"
    return tiny(code + EXIT_WITH_RAX, data, flags)


def data_at(calls: list[tuple[int, ...]]) -> int:
    """Where the data of a `program` with these calls lies."""
    return DATA_AT + sum(7 + 10 * (len(call) - 1) for call in calls) + len(bytes.fromhex(EXIT_WITH_RAX))


def write_hello(tiny: Tiny, count: int = 6) -> bytes:
    """write(1, "hello\\n", count), exit with the result; the text may not be written to."""
    shape = [(1, 1, 0, count)]
    return program(tiny, [(1, 1, data_at(shape), count)], b"hello\n", flags=5)


def read_and_exit(tiny: Tiny, count: int = 8) -> bytes:
    """read(0, buffer, count), exit with the result."""
    shape = [(0, 0, 0, count)]
    return program(tiny, [(0, 0, data_at(shape), count)], bytes(16))


def syscalls(machine: Machine, name: str) -> list[dict[str, Any]]:
    return [record for record in machine.trace if record.get("name") == name and record["event"] == "syscall"]


def hook_events(machine: Machine) -> list[tuple[Any, ...]]:
    return [
        (event["sequence"], event["name"], event["hook"].rpartition(".")[2], event["action"])
        for event in machine.trace
        if event["event"] == "hook"
    ]


# Before the call


def test_a_hook_sees_the_call(tiny: Tiny, pipe: tuple[int, int]) -> None:
    seen = []
    with Machine(write_hello(tiny), stdout=pipe[1], trace=True) as machine:

        @machine.on("write")
        def spy(call: Call) -> None:
            assert call.result is None
            assert call.error is None
            seen.append((call.name, call.number, call.thread.tid, dict(call.args), call.registers[:3]))
            assert call.memory.read(call.registers[1], 5) == b"hello"

        assert machine.run() == ExitStatus(6)
        address = data_at([(1, 1, 0, 0)])
        assert seen == [("write", 1, 1000, {"fd": 1, "buf": b"hello\n", "count": 6}, [1, address, 6])]
        assert hook_events(machine) == []


def test_it_may_change_arguments(tiny: Tiny, pipe: tuple[int, int]) -> None:
    with Machine(write_hello(tiny), stdout=pipe[1], trace=True) as machine:

        @machine.on("write")
        def shorten(call: Call) -> None:
            call.args["count"] = 3

        assert machine.run() == ExitStatus(3)
        assert os.read(pipe[0], 100) == b"hel"
        (record,) = syscalls(machine, "write")
        assert record["args"] == {"fd": 1, "buf": "hello\n", "count": 6}, "what the guest asked for"
        assert record["result"] == 3, "what it got"
        assert hook_events(machine) == [(0, "write", "shorten", "changed the arguments")]


def test_other_bytes_than_the_guests(tiny: Tiny, pipe: tuple[int, int]) -> None:
    """The guest's text may lie in memory that it cannot change itself, and be shorter."""
    with Machine(write_hello(tiny), stdout=pipe[1]) as machine:

        @machine.on("write")
        def translate(call: Call) -> None:
            call.args["buf"] = b"bonjour tout le monde\n"
            assert call.args["buf"] == b"bonjour tout le monde\n"
            assert call.args["count"] == 22

        before = [(region.start, region.end) for region in machine.memory.regions]
        assert machine.run() == ExitStatus(22)
        assert os.read(pipe[0], 100) == b"bonjour tout le monde\n"
        assert [(region.start, region.end) for region in machine.memory.regions] == before
        assert machine.memory.read(data_at([(1, 1, 0, 0)]), 6) == b"hello\n"


def test_another_path_and_other_flags(tiny: Tiny) -> None:
    shape = [(2, 0, 0, 0)]
    guest = program(tiny, [(2, data_at(shape), 0, 0)], b"/nowhere\0", flags=5)
    with Machine(guest) as machine:

        @machine.on("open")
        def elsewhere(call: Call) -> None:
            assert call.args["pathname"] == b"/nowhere"
            assert call.args["flags"] == "O_RDONLY"
            call.args["pathname"] = b"/tmp"
            call.args["flags"] = "O_RDONLY|O_DIRECTORY"

        assert machine.run() == ExitStatus(3)


def test_it_may_answer_instead_of_the_kernel(tiny: Tiny, pipe: tuple[int, int]) -> None:
    with Machine(write_hello(tiny), stdout=pipe[1], trace=True) as machine:

        @machine.on("write")
        def broken_pipe(call: Call) -> int:
            return call.fail("EPIPE")

        assert machine.run() == ExitStatus(-errno.EPIPE & 255)
        (record,) = syscalls(machine, "write")
        assert (record["result"], record["error"]) == (-errno.EPIPE, "EPIPE")
        assert hook_events(machine) == [(0, "write", "broken_pipe", "answered")]
    os.set_blocking(pipe[0], False)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 1)


def test_it_may_answer_with_data(tiny: Tiny) -> None:
    with Machine(read_and_exit(tiny), stdin=None, trace=True) as machine:
        machine.on("read", function=lambda call: call.fill(b"hello"))
        assert machine.run() == ExitStatus(5)
        (record,) = syscalls(machine, "read")
        assert record["args"]["buf"] == "hello"


def test_data_must_fit(tiny: Tiny) -> None:
    with Machine(read_and_exit(tiny, 4)) as machine:
        machine.on("read")(lambda call: call.fill(b"hello"))
        with pytest.raises(ValueError, match="5 bytes do not fit buf of read: it has room for 4"):
            machine.run()


# After the call


def test_after_the_call(tiny: Tiny, pipe: tuple[int, int]) -> None:
    with Machine(write_hello(tiny), stdout=pipe[1], trace=True) as machine:

        @machine.on("write", when="after")
        def less(call: Call) -> None:
            assert not call.answered
            assert call.result == 6
            call.result = 2

        assert machine.run() == ExitStatus(2)
        assert os.read(pipe[0], 100) == b"hello\n"
        assert syscalls(machine, "write")[0]["result"] == 2
        assert hook_events(machine) == [(0, "write", "less", "changed the result")]


def test_what_the_call_has_filled(tiny: Tiny, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"question")
    with Machine(read_and_exit(tiny), stdin=pipe[0], trace=True) as machine:

        @machine.on("read", when="after")
        def other(call: Call) -> int:
            assert call.args["buf"] == b"question"
            return call.fill(b"answer")

        assert machine.run() == ExitStatus(6)
        assert machine.memory.read(data_at([(0, 0, 0, 0)]), 8) == b"answeron"
        assert syscalls(machine, "read")[0]["args"]["buf"] == "answer"


def test_a_call_that_waits(tiny: Tiny, pipe: tuple[int, int]) -> None:
    seen = []
    waits = threading.Event()
    with Machine(read_and_exit(tiny), stdin=pipe[0], trace=True) as machine:

        @machine.on("read")
        def begin(call: Call) -> None:
            call.args["count"] = 4
            waits.set()

        @machine.on("read", when="after")
        def end(call: Call) -> int:
            seen.append((call.result, call.args["buf"]))
            return 3

        machine.start()
        assert waits.wait(10)
        os.write(pipe[1], b"12345678")
        assert machine.wait(10) == ExitStatus(3)
        assert seen == [(4, b"1234")]
        assert syscalls(machine, "read")[0]["result"] == 3
        assert syscalls(machine, "read")[0]["args"]["buf"] == "123"


def test_a_call_that_never_returns_from_its_wait(tiny: Tiny, pipe: tuple[int, int]) -> None:
    waits = threading.Event()
    after = []
    with Machine(read_and_exit(tiny), stdin=pipe[0], trace=True) as machine:
        machine.on("read", function=lambda call: waits.set())
        machine.on("read", function=after.append, when="after")
        machine.start()
        assert waits.wait(10)
        machine.stop()
        assert after == []
        assert syscalls(machine, "read")[0]["unfinished"] is True


def test_errors_of_the_kernel_come_as_results(tiny: Tiny) -> None:
    with Machine(read_and_exit(tiny), stdin=None) as machine:

        @machine.on("read", when="after")
        def forgive(call: Call) -> int:
            assert (call.result, call.error) == (-errno.EBADF, "EBADF")
            return 0

        assert machine.run() == ExitStatus(0)


# Several


def test_several_hooks_in_order(tiny: Tiny) -> None:
    order = []
    with Machine(tiny(GETPID + EXIT_WITH_RAX)) as machine:
        machine.on("getpid", "gettid", function=lambda call: order.append("first"))
        machine.on("getpid", function=lambda call: order.append("second") or 7)
        machine.on("getpid", function=lambda call: order.append("never: the second has answered"))
        machine.on("getpid", when="after", function=lambda call: order.append(f"third {call.answered}"))
        machine.on("getpid", when="after", function=lambda call: order.append("fourth") or call.result + 1)
        assert machine.run() == ExitStatus(8)
    assert order == ["first", "second", "third True", "fourth"]


def test_removal(tiny: Tiny) -> None:
    with Machine(tiny(GETPID * 4 + EXIT)) as machine:
        calls = []

        @machine.on("getpid", "gettid")
        def once(call: Call) -> None:
            calls.append("once")
            machine.off("getpid", function=once)

        @machine.on("getpid", when="after")
        def twice(call: Call) -> None:
            calls.append("twice")
            if len(calls) == 3:
                machine.off(function=twice)

        machine.run()
        assert calls == ["once", "twice", "twice"]
        machine.off("gettid")
        with pytest.raises(ValueError, match="twice is not hooked there"):
            machine.off(function=twice)
        with pytest.raises(ValueError, match="no hook is there"):
            machine.off("getpid")


# Errors


def broken(call: Call) -> None:
    raise RuntimeError("a broken hook")


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_comes_out_of_run(tiny: Tiny, when: Any) -> None:
    with Machine(tiny(GETPID + EXIT)) as machine:
        machine.on("getpid", function=broken, when=when)
        with pytest.raises(RuntimeError, match="a broken hook") as caught:
            machine.run()
    assert caught.traceback[-1].name == "broken"
    assert caught.value.__notes__ == ["in the hook broken on getpid, which thread 1000 called"]


def test_an_error_comes_out_of_wait_and_stop(tiny: Tiny) -> None:
    with Machine(tiny(GETPID + EXIT)).start() as machine:
        pass
    with Machine(tiny(GETPID + EXIT)) as machine:
        machine.on("getpid", function=broken)
        machine.start()
        with pytest.raises(RuntimeError, match="a broken hook"):
            machine.wait(10)
        with pytest.raises(RuntimeError, match="a broken hook"):
            machine.stop()


def test_an_error_that_nobody_waits_for_comes_out_at_the_end(tiny: Tiny) -> None:
    happened = threading.Event()

    def late(call: Call) -> None:
        happened.set()
        broken(call)

    def never_waited_for() -> None:
        with Machine(tiny(GETPID + EXIT)) as machine:
            machine.on("getpid", function=late)
            machine.start()
            assert happened.wait(10)

    with pytest.raises(RuntimeError, match="a broken hook"):
        never_waited_for()


def test_an_error_of_the_system_in_a_hook_is_no_answer_to_the_guest(tiny: Tiny) -> None:
    with Machine(tiny(GETPID + EXIT)) as machine:
        machine.on("getpid", function=lambda call: os.stat("/nowhere/at/all"))
        with pytest.raises(FileNotFoundError) as caught:
            machine.run()
    assert caught.value.__notes__[-1] == 'To answer the guest with an error: return call.fail("EPIPE")'


def test_an_error_after_a_wait_leaves_nothing(tiny: Tiny, pipe: tuple[int, int]) -> None:
    waits = threading.Event()
    before = set(os.listdir("/proc/self/fd"))
    with Machine(read_and_exit(tiny), stdin=pipe[0]) as machine:
        machine.on("read", function=lambda call: waits.set())
        machine.on("read", function=broken, when="after")
        machine.start()
        assert waits.wait(10)
        os.write(pipe[1], b"x")
        with pytest.raises(RuntimeError, match="a broken hook"):
            machine.wait(10)
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("answer", ["0", 1.5, b""])
def test_answers_that_are_no_numbers(tiny: Tiny, answer: Any) -> None:
    with Machine(tiny(GETPID + EXIT)) as machine:
        machine.on("getpid", function=lambda call: answer)
        with pytest.raises(TypeError, match="a hook returns a number"):
            machine.run()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda call: call.args["len"], "write has no argument 'len': it has fd, buf, count"),
        (lambda call: call.fail("EPIP"), "'EPIP' is no errno: did you mean 'EPIPE'?"),
        (lambda call: call.fail(0), "0 is no errno"),
        (lambda call: call.fill(b""), "write fills no buffer of its own"),
        (lambda call: call.args.__setitem__("fd", b"x"), "fd of write takes no bytes: it is no buffer"),
        (lambda call: call.args.__setitem__("fd", 1.5), "fd of write cannot be 1.5"),
        (lambda call: call.args.pop("fd"), "a system call has all its arguments"),
    ],
)
def test_mistakes_in_hooks_say_what_is_wrong(tiny: Tiny, change: Any, message: str) -> None:
    with Machine(write_hello(tiny), stdout=None) as machine:
        machine.on("write", function=lambda call: change(call) and None)
        with pytest.raises((KeyError, ValueError, TypeError)) as caught:
            machine.run()
    assert message in str(caught.value)


def test_a_hook_may_stop_the_machine(tiny: Tiny) -> None:
    loop = GETPID + "ebf7"
    for run in (Machine.run, lambda machine: machine.start().wait(10)):
        with Machine(tiny(loop)) as machine:
            machine.on("getpid", function=lambda call: call.thread.tid and machine.stop() and None)
            assert run(machine) == ExitStatus(None, 9)
