"""`kernel=`: a program meets an older Linux; and calls that are refused, each with its errno and a word to the user."""

import errno
import subprocess
import sys
from collections.abc import Callable

import pytest

from emu.limits import ExitStatus
from emu.machine import Machine
from syscalls import history, numbers
from syscalls.refused import REFUSED
from syscalls.table import TABLE

Tiny = Callable[..., bytes]

EXIT_WITH_RAX = "89c7 b8e7000000 0f05"


def code(number: int, *arguments: int) -> str:
    """A call with up to three arguments of 32 bits, and an exit with its result."""
    registers = ("bf", "be", "ba")
    moves = "".join(
        f"{move}{argument.to_bytes(4, 'little').hex()}"
        for move, argument in zip(registers, arguments, strict=False)
    )
    return f"{moves} b8{number.to_bytes(4, 'little').hex()} 0f05 {EXIT_WITH_RAX}"


def answer(tiny: Tiny, name: str, *arguments: int, kernel: str | None = None) -> tuple[ExitStatus, list[str]]:
    said: list[str] = []
    with Machine(tiny(code(getattr(numbers, name), *arguments)), kernel=kernel, say=said.append) as machine:
        return machine.run(), said


def failed(error: int) -> ExitStatus:
    return ExitStatus(-error & 255)


@pytest.mark.parametrize("name", ["mount", "io_uring_setup", "init_module", "ptrace", "bpf"])
def test_what_a_container_refuses(tiny: Tiny, name: str) -> None:
    status, said = answer(tiny, name)
    assert status == failed(errno.EPERM)
    assert len(said) == 1
    assert said[0].startswith(f"emu: system call {name} is refused: EPERM, {REFUSED[name].why} (at 0x")


def test_what_no_kernel_has(tiny: Tiny) -> None:
    status, said = answer(tiny, "create_module")
    assert status == failed(errno.ENOSYS)
    assert said[0].startswith("emu: system call create_module is refused: ENOSYS, no kernel of x86_64 has it")


def test_nothing_is_both_refused_and_served() -> None:
    served = {entry.name for entry in TABLE.values()}
    assert not served & set(REFUSED)
    assert set(REFUSED) <= set(numbers.NAMES.values())


def test_newer_calls_are_not_there(tiny: Tiny) -> None:
    assert answer(tiny, "pidfd_open", 1000, 0, kernel="5.2") == (failed(errno.ENOSYS), [])
    assert answer(tiny, "pidfd_open", 1000, 0, kernel="5.3")[0] == ExitStatus(3)
    assert answer(tiny, "getrandom", 0, 0, 0, kernel="3.16")[0] == failed(errno.ENOSYS)
    assert answer(tiny, "getrandom", 0, 0, 0, kernel="3.17")[0] == ExitStatus(0)


def test_newer_flags_are_unknown(tiny: Tiny) -> None:
    insecure = 4
    assert answer(tiny, "getrandom", 0, 0, insecure, kernel="5.5")[0] == failed(errno.EINVAL)
    assert answer(tiny, "getrandom", 0, 0, insecure, kernel="5.6")[0] == ExitStatus(0)
    assert answer(tiny, "getrandom", 0, 0, insecure)[0] == ExitStatus(0)


def test_newer_values_are_unknown(tiny: Tiny) -> None:
    wipe_on_fork = 18
    assert answer(tiny, "madvise", 0, 0, wipe_on_fork, kernel="4.13")[0] == failed(errno.EINVAL)
    assert answer(tiny, "madvise", 0, 0, wipe_on_fork, kernel="4.14")[0] == ExitStatus(0)


def test_what_newer_bits_and_values_answer(tiny: Tiny) -> None:
    zero_range, seals, child_subreaper = 0x10, 1034, 36
    assert answer(tiny, "fallocate", 1, zero_range, 0, kernel="3.14")[0] == failed(errno.EOPNOTSUPP)
    assert answer(tiny, "fcntl", 1, seals, 0, kernel="3.16")[0] == failed(errno.EINVAL)
    assert answer(tiny, "prctl", child_subreaper, 1, 0, kernel="3.3")[0] == failed(errno.EINVAL)
    assert answer(tiny, "prctl", child_subreaper, 1, 0, kernel="3.4")[0] == ExitStatus(0)
    assert answer(tiny, "set_mempolicy", 4, 0, 0, kernel="3.7")[0] == failed(errno.EINVAL)
    assert answer(tiny, "set_mempolicy", 4, 0, 0, kernel="3.8")[0] == ExitStatus(0)
    assert answer(tiny, "unshare", 0x80, 0, 0, kernel="5.5")[0] == failed(errno.EINVAL)
    assert answer(tiny, "unshare", 0x80, 0, 0, kernel="5.6")[0] == failed(errno.EPERM)


@pytest.mark.parametrize(
    "new", [*history.FLAGS, *history.VALUES], ids=lambda new: f"{new.call}-{new.argument}-{new[2]:#x}"
)
def test_what_is_new_is_an_argument_of_a_call_that_is_older(new: history.NewFlags | history.NewValue) -> None:
    entry = TABLE[getattr(numbers, new.call)]
    assert new.argument < len(entry.args)
    assert history.OLDEST <= history.CALLS.get(new.call, history.OLDEST) <= new.since


def test_every_call_is_served_or_refused() -> None:
    served = {entry.name for entry in TABLE.values()}
    assert set(numbers.NAMES.values()) == served | set(REFUSED)
    assert len(served) >= 285


def test_the_trace_shows_the_call_and_its_answer(tiny: Tiny) -> None:
    with Machine(tiny(code(numbers.statx)), kernel="4.10", trace=True) as machine:
        machine.run()
        record = next(one for one in machine.trace if one.get("name") == "statx")
    assert (record["result"], record["error"]) == (-errno.ENOSYS, "ENOSYS")


def test_a_hook_stands_before_an_older_kernel(tiny: Tiny) -> None:
    with Machine(tiny(code(numbers.statx)), kernel="4.10") as machine:
        seen = []
        machine.on("statx", function=lambda call: seen.append(call.result), when="after")
        assert machine.run() == failed(errno.ENOSYS)
        assert seen == [-errno.ENOSYS]


@pytest.mark.parametrize("version", history.CALLS.values())
def test_versions_are_in_reach(version: tuple[int, int]) -> None:
    assert version >= history.OLDEST


def test_names_of_the_history_exist() -> None:
    names = set(numbers.NAMES.values())
    assert set(history.CALLS) - {"uretprobe"} <= names
    assert {new.call for new in history.FLAGS} | {new.call for new in history.VALUES} <= names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4", "4: a kernel version such as 4.14 is expected"),
        ("new", "new: a kernel version such as 4.14 is expected"),
        ("2.6", "2.6: the oldest kernel that can be imitated is 3.2"),
    ],
)
def test_wrong_versions(tiny: Tiny, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        history.parse(text)
    done = subprocess.run(
        [sys.executable, "-m", "emu", "run", "--kernel", text, sys.executable],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 125
    assert done.stderr.decode() == f"emu: --kernel {message}\n"


def test_uname_tells_it(tiny: Tiny) -> None:
    with Machine(tiny(code(numbers.getpid)), kernel="4.14") as machine:
        assert machine.process.system.release == "4.14.0"
