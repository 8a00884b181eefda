"""Open files live from the call that made them to their last close, whatever numbers they had."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.trace.lives import descriptors, leaks, lives
from emu.trace.read import Reader


class Script:
    """Records of calls, as they are written down."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def __call__(self, name: str, result: int | None = 0, objects: Any = None, **members: Any) -> int:
        sequence = len(self.records)
        fds = {key: "file" for key, value in (objects or {}).items() if type(value) is int}
        self.records.append(
            {
                "event": "syscall", "sequence": sequence, "time": sequence * 10, "duration": 5, "blocked": 0,
                "pid": 1000, "tid": 1000, "number": 0, "name": name, "registers": [0] * 6, "result": result, "pc": 0,
                "args": {}, "objects": objects, "fds": fds,
            } | members
        )  # fmt: skip
        return sequence


@pytest.fixture
def call() -> Script:
    return Script()


def test_open_to_close(call: Script) -> None:
    opened = call("openat", 3, {"dirfd": None, "result": 1})
    used = call("read", 9, {"fd": 1}, args={"fd": 3})
    closed = call("close", 0, {"fd": 1}, args={"fd": 3})
    call("close", -9, {"fd": None}, args={"fd": 3}, error="EBADF")
    (life,) = lives(call.records)
    assert (life.object, life.opened, life.closed, life.fds) == (1, opened, closed, {3})
    assert life.calls == [opened, used, closed]
    assert leaks([life]) == []


def test_duplicates_keep_it_alive(call: Script) -> None:
    call("openat", 3, {"result": 1})
    call("dup", 4, {"fildes": 1, "result": 1}, args={"fildes": 3})
    call("fcntl", 5, {"fd": 1}, args={"fd": 3, "cmd": "F_DUPFD_CLOEXEC"})
    call("fcntl", 1, {"fd": 1}, args={"fd": 3, "cmd": "F_DUPFD_QUERY"})
    for fd in (3, 5):
        call("close", 0, {"fd": 1}, args={"fd": fd})
    assert lives(call.records)[0].closed is None
    last = call("close", 0, {"fd": 1}, args={"fd": 4})
    (life,) = lives(call.records)
    assert life.closed == last
    assert life.fds == {3, 4, 5}
    assert [(one.fd, one.opened, one.closed) for one in descriptors([life])] == [
        (3, 0, 4),
        (4, 1, 6),
        (5, 2, 5),
    ]


def test_dup2_over_an_open_number_closes_it(call: Script) -> None:
    call("openat", 3, {"result": 1})
    call("openat", 4, {"result": 2})
    over = call("dup2", 4, {"oldfd": 1, "newfd": 2, "result": 1}, args={"oldfd": 3, "newfd": 4})
    call("dup2", 4, {"oldfd": 1, "newfd": 1, "result": 1}, args={"oldfd": 4, "newfd": 4})
    one, two = lives(call.records)
    assert two.closed == over
    assert two.holdings[0].implicit
    assert one.closed is None
    assert [(holding.fd, holding.opened, holding.closed) for holding in one.holdings] == [
        (3, 0, None),
        (4, over, None),
    ]


def test_close_range_and_its_flag(call: Script) -> None:
    for fd in (3, 4, 5):
        call("openat", fd, {"result": fd})
    call("close_range", 0, registers=[3, 0xFFFFFFFF, 4, 0, 0, 0], args={"flags": "CLOSE_RANGE_CLOEXEC"})
    closed = call("close_range", 0, registers=[4, 0xFFFFFFFFFFFFFFFF, 0, 0, 0, 0], args={"flags": "0"})
    assert [life.closed for life in lives(call.records)] == [None, closed, closed]
    assert [life.object for life in leaks(lives(call.records))] == [3]


def test_what_is_passed_comes_back_to_life(call: Script) -> None:
    call("pipe2", 0, {"pipefd": {"5": 1, "6": 2}}, args={"pipefd": [5, 6]})
    call("sendmsg", 1, {"fd": 9, "msg": {"5": 1}}, args={"fd": 3})
    sent_off = call("close", 0, {"fd": 1}, args={"fd": 5})
    assert lives(call.records)[0].closed == sent_off
    call("recvmsg", 1, {"fd": 8, "msg": {"7": 1}}, args={"fd": 4})
    assert lives(call.records)[0].closed is None
    closed = call("close", 0, {"fd": 1}, args={"fd": 7})
    found = {life.object: life for life in lives(call.records)}
    assert (found[1].opened, found[1].closed, found[1].fds) == (0, closed, {5, 7})
    assert found[9].opened is None


def test_what_was_there_before_and_what_stays(call: Script) -> None:
    call("write", 1, {"fd": 1}, args={"fd": 1})
    call("socket", 3, {"result": 2})
    call("poll", 0, {"fds": {"3": 2, "1": 1}}, fds={"fds": {"3": "TCP", "1": "pipe"}})
    inherited, socket = lives(call.records)
    assert (inherited.opened, inherited.closed, inherited.kind_text) == (None, None, "pipe")
    assert leaks([inherited, socket]) == [socket]


def test_a_number_used_again_without_a_close_in_the_trace(call: Script) -> None:
    call("openat", 3, {"result": 1})
    call("read", 1, {"fd": 2}, args={"fd": 3})
    call("openat", 3, {"result": 3})
    one, two, three = lives(call.records)
    assert one.holdings[0].implicit
    assert one.closed is None  # by no call that is there
    assert two.closed == 2
    assert leaks([one, two, three])[-1] is three


def test_a_call_that_waited_tells_of_the_time_when_it_began(call: Script) -> None:
    call("socket", 3, {"result": 1})
    waiting = call("read", 0, {"fd": 1}, args={"fd": 3})
    call("close", 0, {"fd": 1}, args={"fd": 3})
    call("socket", 3, {"result": 2})
    call.records.append(call.records.pop(waiting))
    one, two = lives(call.records)
    assert one.closed == 2
    assert waiting in one.calls
    assert two.closed is None


def test_a_real_trace(traced: Callable[..., Path]) -> None:
    records = list(Reader(traced("sockets_unix")))
    calls = {record["sequence"]: record for record in records if record["event"] == "syscall"}
    found = lives(records)
    assert len(found) > 20
    for life in found:
        assert life.calls == sorted(life.calls)
        for holding in life.holdings:
            if holding.opened is not None:
                assert calls[holding.opened]["name"] in (
                    "openat", "socket", "socketpair", "accept", "accept4", "pipe2", "dup", "fcntl", "recvmsg",
                    "epoll_create1", "eventfd2",
                )  # fmt: skip
            if holding.closed is not None:
                assert calls[holding.closed]["name"] == "close"
                assert calls[holding.closed]["args"]["fd"] == holding.fd
    passed = [
        life
        for life in found
        if any(calls[one]["name"] == "recvmsg" for one in life.calls) and len(life.fds) > 1
    ]
    assert passed
    assert all(life.closed is not None for life in passed)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(
                    ["close", "dup2", "fcntl", "pipe2", "recvmsg", "close_range", "read", "poll"]
                ),
                "result": st.none() | st.integers(-40, 5),
                "args": st.dictionaries(
                    st.sampled_from(["fd", "oldfd", "newfd", "flags", "cmd", "pipefd"]),
                    st.none() | st.integers(0, 4) | st.just("F_DUPFD") | st.lists(st.integers(0, 4)),
                ),
                "objects": st.dictionaries(
                    st.sampled_from(["fd", "oldfd", "newfd", "result", "pipefd", "msg"]),
                    st.none()
                    | st.integers(1, 4)
                    | st.dictionaries(st.sampled_from(["1", "x", "²"]), st.integers(1, 4)),
                ),
            }
        )
    )
)
def test_nonsense_is_survived(steps: list[dict[str, Any]]) -> None:
    script = Script()
    for step in steps:
        script(step["name"], step["result"], step["objects"], args=step["args"])
    for life in lives(script.records):
        assert set(life.fds) == {holding.fd for holding in life.holdings}
