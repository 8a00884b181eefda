"""Which calls can be hooked: by name, by number, those that never return, those that emu does not have."""

import errno
from collections.abc import Callable

import pytest

from emu import ExitStatus, Machine
from emu.hooks import Call

Tiny = Callable[..., bytes]

EXIT = "b83c000000 0f05"  # exit(edi)
EXIT_WITH_RAX = "89c7" + EXIT


def test_exit_calls(tiny: Tiny) -> None:
    with Machine(tiny("bf07000000" + EXIT + "bf08000000" + EXIT)) as machine:
        codes = []

        @machine.on("exit")
        def not_yet(call: Call) -> int | None:
            codes.append(call.args["status"])
            return call.fail("EAGAIN") if len(codes) == 1 else None

        assert machine.run() == ExitStatus(8)
        assert codes == [7, 8]
        with pytest.raises(ValueError, match="exit_group never returns: nothing comes after it"):
            machine.on("exit_group", when="after")(codes.append)


def test_calls_that_emu_does_not_implement(tiny: Tiny) -> None:
    said: list[str] = []
    missing = tiny("b89c000000 0f05" + EXIT_WITH_RAX)
    with Machine(missing, say=said.append, trace=True) as machine:
        machine.on("_sysctl", function=lambda call: 42)
        assert machine.run() == ExitStatus(42)
        assert (
            next(one for one in machine.trace if one.get("name") == "_sysctl" and one["event"] == "syscall")[
                "result"
            ]
            == 42
        )
    assert said == []
    with Machine(missing, say=said.append) as machine:
        machine.on("_sysctl", function=lambda call: None)
        assert machine.run() == ExitStatus(-errno.ENOSYS & 255)
    assert said == [
        "emu: system call _sysctl is refused: ENOSYS, no kernel of x86_64 has it any more (at 0x40007d)"
    ]


def test_a_number_that_no_call_has(tiny: Tiny) -> None:
    with Machine(tiny("b8e7030000 0f05" + EXIT_WITH_RAX)) as machine:

        @machine.on(999)
        def own(call: Call) -> int:
            assert call.name == "syscall_0x3e7"
            return 5

        assert machine.run() == ExitStatus(5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sendtoo", "'sendtoo' is not a system call: did you mean 'sendto'?"),
        ("setns_", "'setns_' is not a system call: did you mean 'setns'?"),
        ("xyzzy", "'xyzzy' is not a system call"),
    ],
)
def test_unknown_names(tiny: Tiny, name: str, message: str) -> None:
    with Machine(tiny(EXIT)) as machine, pytest.raises(ValueError, match=message[:-1]) as caught:
        machine.on("getpid", name)(print)
    assert str(caught.value) == message


def test_other_mistakes(tiny: Tiny) -> None:
    with Machine(tiny(EXIT)) as machine:
        with pytest.raises(ValueError, match='when is "before" or "after", not \'later\''):
            machine.on("read", when="later")(print)  # type: ignore[call-overload]
        with pytest.raises(ValueError, match="name the call to hook"):
            machine.on()(print)
        with pytest.raises(TypeError, match="a hook is a function, not 5"):
            machine.on("read", function=5)  # type: ignore[call-overload]
