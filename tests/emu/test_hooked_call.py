"""A call in the hands of a hook: what its arguments show before it and after it."""

import os
from collections.abc import Callable
from typing import Any

from emu import Machine
from emu.hooked_call import Call
from emu.machine import ExitStatus

Tiny = Callable[..., bytes]

SELECT = "b817000000 bf02000000 31f6 488d15{writefds} 0f05"  # select(2, NULL, writefds, NULL, NULL)
POLL = "b807000000 488d3d{fds} be01000000 31d2 0f05"  # poll(fds, 1, 0)
EXIT = "89c7 b83c000000 0f05"
DATA = (0b10).to_bytes(8, "little") + bytes.fromhex(
    "01000000 0400 0000"
)  # an fd_set of 1, a pollfd of 1 and POLLOUT


def displacement(value: int) -> str:
    return value.to_bytes(4, "little").hex()


def length(code: str) -> int:
    return len(bytes.fromhex(code))


def test_sets_that_the_call_reads_are_seen_before_it(tiny: Tiny) -> None:
    """poll(2) and select(2) overwrite what they are given: a hook before them sees it decoded, one after them what is left."""
    zero = "00000000"
    whole = length(SELECT.format(writefds=zero) + POLL.format(fds=zero) + EXIT)
    first = whole - length("b817000000 bf02000000 31f6 488d15" + zero)
    second = 8 + length("be01000000 31d2 0f05" + EXIT)
    code = SELECT.format(writefds=displacement(first)) + POLL.format(fds=displacement(second)) + EXIT
    seen: list[Any] = []
    ends = os.pipe()
    with Machine(tiny(code, DATA, 7), stdout=ends[1]) as machine:

        @machine.on("select")
        def before_select(call: Call) -> None:
            seen.append(call.args["writefds"])

        @machine.on("poll")
        def before_poll(call: Call) -> None:
            seen.append(call.args["fds"])

        @machine.on("poll", when="after")
        def after_poll(call: Call) -> None:
            seen.append(call.args["fds"][0]["revents"])

        assert machine.run() == ExitStatus(1)
    for end in ends:
        os.close(end)
    assert seen == [[1], [{"fd": 1, "events": "POLLOUT", "revents": "0"}], "POLLOUT"]
