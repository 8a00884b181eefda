"""What tests say of a trace: when it holds, and the account of what happened instead, word by word."""

import errno
import json
from collections.abc import Callable
from typing import Any

import pytest

from emu.plugin.trace import Trace
from syscalls import numbers

LISTENER = (3, 1, "TCP 127.0.0.1:80")
FIRST = (6, 5, "TCP 127.0.0.1:80<-127.0.0.1:1001")
SECOND = (7, 6, "TCP 127.0.0.1:80<-127.0.0.1:1002")
EVENT = (4, 2, "eventfd")
Fd = tuple[int, int | None, str | None]


class Story:
    """Records that are told one after the other; a call takes 10 us."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def call(
        self, tid: int, name: str, fd: Fd | None = None, result: int = 0, new: Fd | None = None, **args: Any
    ) -> "Story":
        at = len(self.records)
        arg = "sockfd" if name.startswith("accept") else "fd"
        record: dict[str, Any] = {
            "event": "syscall", "sequence": at, "time": at * 10_000, "duration": 10_000, "blocked": 0, "pid": 1000, "tid": tid,
            "number": getattr(numbers, name), "name": name, "registers": [0, 0, args.get("count", 1), 0, 0, 0],
            "args": {**({arg: fd[0]} if fd else {}), **args}, "result": new[0] if new else result, "pc": 4198400,
            "file": "server.py", "line": 10 + at,
        }  # fmt: skip
        described = {arg: fd} if fd else {}
        if new:
            described["result"] = new
        if described:
            record["fds"] = {key: value[2] for key, value in described.items()}
            record["objects"] = {key: value[1] for key, value in described.items()}
        if result < 0:
            record["error"] = errno.errorcode[-result]
        self.records.append(record)
        return self

    def end(self, code: int | None = 0) -> "Story":
        self.records.append(
            {
                "event": "process_end",
                "time": 10**9,
                "pid": 1000,
                "code": code,
                "signal": None if code is not None else 9,
            }
        )
        return self

    @property
    def trace(self) -> Trace:
        return Trace.of(self.records)


def request(story: Story, fd: Fd, tid: int = 1000) -> Story:
    """Serves one connection."""
    story.call(tid, "accept4", LISTENER, new=fd, addr=None, addrlen=None, flags="SOCK_CLOEXEC")
    story.call(tid, "recvfrom", fd, -errno.EAGAIN, buf=None, size=10, flags="0", src_addr=None, addrlen=None)
    story.call(tid, "recvfrom", fd, 5, buf="GET /", size=10, flags="0", src_addr=None, addrlen=None)
    story.call(tid, "sendto", fd, 2, buf="OK", size=2, flags="0", dest_addr=None, addrlen=0)
    return story


def closed(story: Story, fd: Fd, tid: int = 1000) -> Story:
    return story.call(tid, "close", fd)


@pytest.fixture
def served() -> Trace:
    """A connection that was served and closed, and one that was not closed."""
    story = Story().call(1000, "socket", new=LISTENER, domain="AF_INET", type="SOCK_STREAM", protocol="0")
    closed(request(story, FIRST), FIRST)
    request(story, SECOND)
    return story.end().trace


def account(say: Callable[[], object]) -> str:
    with pytest.raises(AssertionError) as caught:
        say()
    return str(caught.value)


# expect


def test_a_chain_is_found(served: Trace) -> None:
    calls = served.expect("accept4 -> recvfrom -> sendto -> close", same_fd=True)
    assert [call.name for call in calls] == ["accept4", "recvfrom", "sendto", "close"]
    assert calls[1].result == 5
    assert calls[2].args["buf"] == b"OK"
    assert [call.fd for call in calls[1:]] == [6, 6, 6]
    served.expect("accept4 -> accept4", same_fd=True)
    served.expect("socket -> close -> accept4")
    served.expect("recvfrom = EAGAIN -> recvfrom = 5", same_fd=True)
    served.expect("accept4 -> recvfrom -> sendto -> close", same_fd=True, exactly=True)
    served.expect("accept4 -> ... -> close", same_fd=True, exactly=True)
    served.expect("accept4 -> ...", same_fd=True, exactly=True)
    served.expect("accept4 -> close", same_fd=True, within=0.00005)
    served.expect("accept4 -> close", same_thread=True)


def test_a_step_that_did_not_follow(served: Trace) -> None:
    assert account(lambda: served.expect("accept4 -> recvfrom -> write -> close", same_fd=True)) == (
        """expected accept4 -> recvfrom -> write -> close, on one descriptor

It went as far as step 2 of 4 on descriptor 6 (TCP 127.0.0.1:80<-127.0.0.1:1001):
  + accept4   [1000] accept4(3<TCP 127.0.0.1:80>, NULL, NULL, SOCK_CLOEXEC) = 6<TCP 127.0.0.1:80<-127.0.0.1:1001>  server.py:11
  + recvfrom  [1000] recvfrom(6<TCP 127.0.0.1:80<-127.0.0.1:1001>, "GET /", 10, 0, NULL, NULL) = 5  server.py:13
  - write     did not follow
  - close

After that, on descriptor 6:
    [1000] sendto(6<TCP 127.0.0.1:80<-127.0.0.1:1001>, "OK", 2, 0, NULL, 0) = 2  server.py:14
    [1000] close(6<TCP 127.0.0.1:80<-127.0.0.1:1001>) = 0  server.py:15

write was never called."""
    )


def test_a_last_step_that_is_missing(served: Trace) -> None:
    part = served.only(since=served.calls("close")[0])
    assert account(lambda: part.expect("accept4 -> sendto -> close", same_fd=True)) == (
        """expected accept4 -> sendto -> close, on one descriptor, since close

It went as far as step 2 of 3 on descriptor 7 (TCP 127.0.0.1:80<-127.0.0.1:1002):
  + accept4  [1000] accept4(3<TCP 127.0.0.1:80>, NULL, NULL, SOCK_CLOEXEC) = 7<TCP 127.0.0.1:80<-127.0.0.1:1002>  server.py:16
  + sendto   [1000] sendto(7<TCP 127.0.0.1:80<-127.0.0.1:1002>, "OK", 2, 0, NULL, 0) = 2  server.py:19
  - close    did not follow

Nothing more happened on descriptor 7.

close was never called."""
    )


def test_a_first_step_that_is_missing(served: Trace) -> None:
    assert account(lambda: served.expect("write -> close")) == (
        """expected write -> close

write was never called. The calls were:
    socket, accept4 x2, recvfrom x4, sendto x2, close"""
    )
    assert account(lambda: served.expect('sendto(buf="BAD") -> close')) == (
        """expected sendto(buf="BAD") -> close

There is no sendto(buf="BAD") as in the pattern, but:
    [1000] sendto(6<TCP 127.0.0.1:80<-127.0.0.1:1001>, "OK", 2, 0, NULL, 0) = 2  server.py:14
    [1000] sendto(7<TCP 127.0.0.1:80<-127.0.0.1:1002>, "OK", 2, 0, NULL, 0) = 2  server.py:19"""
    )
    failed = Story().call(1000, "close", (9, None, None), -errno.EBADF).trace
    assert account(lambda: failed.expect("close")) == (
        """expected close

There is no close that succeeded, but:
    [1000] close(9) = -1 EBADF (Bad file descriptor)  server.py:10"""
    )
    assert account(lambda: Story().trace.expect("close")) == "expected close\n\nNo system call has happened."


def test_the_same_calls_in_another_order(served: Trace) -> None:
    assert account(lambda: served.expect("close -> sendto", same_fd=True)) == (
        """expected close -> sendto, on one descriptor

It went as far as step 1 of 2 on descriptor 6 (TCP 127.0.0.1:80<-127.0.0.1:1001):
  + close   [1000] close(6<TCP 127.0.0.1:80<-127.0.0.1:1001>) = 0  server.py:15
  - sendto  did not follow

Nothing more happened on descriptor 6.

sendto happened, but not certainly after that:
    [1000] sendto(6<TCP 127.0.0.1:80<-127.0.0.1:1001>, "OK", 2, 0, NULL, 0) = 2  server.py:14

sendto happened on other descriptors:
    [1000] sendto(7<TCP 127.0.0.1:80<-127.0.0.1:1002>, "OK", 2, 0, NULL, 0) = 2  server.py:19"""
    )


def test_too_slow(served: Trace) -> None:
    assert account(lambda: served.expect("accept4 -> sendto", within=0.00001)) == (
        """expected accept4 -> sendto, within 1e-05 s

All of it happened, but it took 0.000040 s at least:
    [1000] accept4(3<TCP 127.0.0.1:80>, NULL, NULL, SOCK_CLOEXEC) = 6<TCP 127.0.0.1:80<-127.0.0.1:1001>  server.py:11
    [1000] sendto(6<TCP 127.0.0.1:80<-127.0.0.1:1001>, "OK", 2, 0, NULL, 0) = 2  server.py:14"""
    )


def test_more_than_exactly(served: Trace) -> None:
    story = closed(request(Story(), FIRST), FIRST)
    assert account(
        lambda: story.trace.expect("accept4 -> recvfrom -> sendto", same_fd=True, exactly=True)
    ) == (
        """expected accept4 -> recvfrom -> sendto, on one descriptor, and nothing else

All of it happened on descriptor 6 (TCP 127.0.0.1:80<-127.0.0.1:1001), and then:
    [1000] close(6<TCP 127.0.0.1:80<-127.0.0.1:1001>) = 0  server.py:14"""
    )
    assert account(lambda: story.trace.expect("accept4 -> sendto -> close", same_fd=True, exactly=True)) == (
        """expected accept4 -> sendto -> close, on one descriptor, and nothing else

It went as far as step 1 of 3 on descriptor 6 (TCP 127.0.0.1:80<-127.0.0.1:1001):
  + accept4  [1000] accept4(3<TCP 127.0.0.1:80>, NULL, NULL, SOCK_CLOEXEC) = 6<TCP 127.0.0.1:80<-127.0.0.1:1001>  server.py:10
  - sendto   did not follow
  - close

After that, on descriptor 6:
    [1000] recvfrom(6<TCP 127.0.0.1:80<-127.0.0.1:1001>, NULL, 10, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)  server.py:11
    [1000] recvfrom(6<TCP 127.0.0.1:80<-127.0.0.1:1001>, "GET /", 10, 0, NULL, NULL) = 5  server.py:12
    [1000] sendto(6<TCP 127.0.0.1:80<-127.0.0.1:1001>, "OK", 2, 0, NULL, 0) = 2  server.py:13
    [1000] close(6<TCP 127.0.0.1:80<-127.0.0.1:1001>) = 0  server.py:14"""
    )
    with pytest.raises(ValueError, match="add same_fd=True"):
        served.expect("accept4", exactly=True)


# Threads


def test_order_across_threads_is_what_is_certain() -> None:
    """Nothing makes thread 1002 wait for 1001: the order in which they wrote is chance."""
    story = Story().call(1001, "write", (1, 1, "pipe"), 1, buf="a", count=1)
    trace = story.call(1002, "write", (2, 2, "pipe"), 1, buf="b", count=1).trace
    text = account(lambda: trace.expect("write(buf=a) -> write(buf=b)"))
    assert text == (
        """expected write(buf=a) -> write(buf=b)

It went as far as step 1 of 2:
  + write(buf=a)  [1001] write(1<pipe>, "a", 1) = 1  server.py:10
  - write(buf=b)  did not follow

Nothing more happened in its thread.

write(buf=b) happened, but not certainly after that:
    [1002] write(2<pipe>, "b", 1) = 1  server.py:11"""
    )
    trace.never("write(buf=b)").after("write(buf=a)")


def test_a_descriptor_orders_its_opening_and_closing() -> None:
    story = request(Story(), FIRST, 1001)
    for record in story.records[1:]:
        record["tid"] = 1002
    closed(story.call(1002, "gettid", result=1002), FIRST, 1003).trace.expect("accept4 -> recvfrom -> sendto")
    story.trace.expect("sendto -> close", same_fd=True)
    story.trace.expect("accept4 -> gettid")
    story.call(
        1002, "sendto", (6, None, None), -errno.EBADF, buf="OK", size=2, flags="0", dest_addr=None, addrlen=0
    )
    story.trace.expect("close -> sendto = EBADF", same_fd=True)
    account(lambda: story.trace.expect("gettid -> close"))


def test_what_descriptors_order_goes_on_through_threads() -> None:
    """1001 accepts after a getpid, 1002 serves, 1003 closes and then writes: all of it is one chain."""
    story = request(Story().call(1001, "getpid", result=1000), FIRST, 1002)
    story.records[1]["tid"] = 1001
    closed(story, FIRST, 1003).call(1003, "gettid", result=1003)
    story.trace.expect("getpid -> recvfrom -> gettid")
    story.trace.expect("getpid -> accept4 -> sendto -> close -> gettid")


def test_a_call_in_progress_is_not_before_the_close_of_its_descriptor() -> None:
    story = request(Story().call(1002, "getpid", result=1000), FIRST, 1001)
    story.records[3]["tid"] = 1002
    story.records[3]["duration"] = 10**6
    closed(story, FIRST, 1001)
    story.trace.expect("getpid -> close")
    story.trace.expect("sendto -> close")
    account(lambda: story.trace.expect("recvfrom -> close", same_fd=True))


def test_who_asks_for_a_closed_descriptor_was_not_there_before_its_close() -> None:
    story = closed(request(Story().call(1002, "getpid", result=1000), FIRST, 1001), FIRST, 1001)
    story.call(1002, "poll", (6, None, None), 1, fds=[{"fd": 6, "revents": "POLLNVAL"}], nfds=1, timeout=0)
    account(lambda: story.trace.expect("getpid -> close"))


def test_what_threads_tell_each_other() -> None:
    """The write that the eventfd hands over makes what is before it and what is after the read one order."""
    story = Story().call(1000, "eventfd2", new=EVENT, count=0, flags="0").call(1001, "getpid", result=1000)
    story.call(1001, "write", EVENT, 8, buf="\1\0\0\0\0\0\0\0", count=8)
    story.call(1002, "read", EVENT, 8, buf="\1\0\0\0\0\0\0\0", count=8)
    trace = story.call(1002, "gettid", result=1002).trace
    trace.expect("getpid -> gettid")
    assert "expected never gettid after getpid" in account(lambda: trace.never("gettid").after("getpid"))


# never


def test_never(served: Trace) -> None:
    served.never("write").after("close", same_fd=True)
    served.never("write").at_all()
    served.never("sendto").before("accept4", same_fd=True)
    served.never("sendto").between("close", "accept4")
    served.never("sendto").after("close", same_fd=True)
    served.check_unfinished()


def test_what_must_not_have_happened(served: Trace) -> None:
    assert account(lambda: served.never("sendto").after("close")) == (
        """expected never sendto after close

It happened once:
    [1000] close(6<TCP 127.0.0.1:80<-127.0.0.1:1001>) = 0  server.py:15
    [1000] sendto(7<TCP 127.0.0.1:80<-127.0.0.1:1002>, "OK", 2, 0, NULL, 0) = 2  server.py:19"""
    )
    assert account(lambda: served.never("recvfrom").between("accept4", "close")).startswith(
        "expected never recvfrom between accept4 and close\n\nIt happened twice:\n    [1000] accept4("
    )
    assert account(lambda: served.never("close").before("accept4", same_thread=True)).startswith(
        "expected never close before accept4\n\nIt happened once:\n    [1000] close("
    )


def test_a_descriptor_that_is_used_after_its_close() -> None:
    story = closed(request(Story(), FIRST), FIRST)
    story.call(1000, "write", (6, None, None), -errno.EBADF, buf="late", count=4)
    assert account(lambda: story.trace.never("write").after("close", same_fd=True)) == (
        """expected never write after close on the same descriptor

It happened once:
  on descriptor 6 (TCP 127.0.0.1:80<-127.0.0.1:1001)
    [1000] close(6<TCP 127.0.0.1:80<-127.0.0.1:1001>) = 0  server.py:14
    [1000] write(6, "late", 4) = -1 EBADF (Bad file descriptor)  server.py:15"""
    )


def test_a_number_that_is_used_again_is_another_descriptor() -> None:
    again = (6, 9, "TCP 127.0.0.1:80<-127.0.0.1:1009")
    story = closed(request(closed(request(Story(), FIRST), FIRST), again), again)
    story.trace.never("sendto|recvfrom").after("close", same_fd=True)
    story.trace.each_fd().is_closed()
    assert len(story.trace.descriptors()) == 3


def test_a_never_without_more_words_is_checked_at_the_end(served: Trace) -> None:
    served.never("write")
    served.check_unfinished()
    served.never("sendto")
    assert account(served.check_unfinished).startswith(
        "expected never sendto\n\nIt happened twice:\n    [1000] sendto("
    )


# each_fd


def test_each_descriptor(served: Trace) -> None:
    each = served.each_fd("TCP", opened_by="accept4")
    each.expect("recvfrom -> sendto")
    each.never("write")
    assert account(each.is_closed) == (
        """expected each TCP descriptor opened by accept4 to be closed

One is open:
  descriptor 7 (TCP 127.0.0.1:80<-127.0.0.1:1002)
    opened:    [1000] accept4(3<TCP 127.0.0.1:80>, NULL, NULL, SOCK_CLOEXEC) = 7<TCP 127.0.0.1:80<-127.0.0.1:1002>  server.py:16
    last used: [1000] sendto(7<TCP 127.0.0.1:80<-127.0.0.1:1002>, "OK", 2, 0, NULL, 0) = 2  server.py:19"""
    )
    assert account(lambda: each.expect("sendto -> close")).startswith(
        "expected sendto -> close, each TCP descriptor opened by accept4\n\n"
        "It went as far as step 1 of 2 on descriptor 7 (TCP 127.0.0.1:80<-127.0.0.1:1002):\n"
    )
    assert account(lambda: each.never("sendto")).startswith(
        "expected never sendto, each TCP descriptor opened by accept4\n\nIt happened twice:\n  on descriptor 6 (TCP"
    )


def test_descriptors_of_a_kind_that_is_not_there(served: Trace) -> None:
    """Nothing can be wrong with none: that would pass for ever, unnoticed."""
    for say in (
        served.each_fd("tcp").is_closed,
        lambda: served.each_fd("tcp").expect("close"),
        lambda: served.each_fd("tcp").never("close"),
    ):
        assert account(say) == (
            """each tcp descriptor: there is none. The guest opened:
    3 (TCP 127.0.0.1:80)
    6 (TCP 127.0.0.1:80<-127.0.0.1:1001)
    7 (TCP 127.0.0.1:80<-127.0.0.1:1002)"""
        )
    nothing = Story().call(1000, "getpid", result=1).trace
    nothing.each_fd().is_closed()
    assert (
        account(nothing.each_fd(opened_by="open").is_closed)
        == "each descriptor opened by open: there is none, the guest opened no descriptor"
    )


def test_what_a_server_keeps_to_its_end_is_not_meant() -> None:
    story = Story().call(1000, "socket", new=LISTENER, domain="AF_INET", type="SOCK_STREAM", protocol="0")
    request(story, FIRST).records[1]["blocked"] = 5
    closed(story, FIRST).end(None).trace.each_fd().is_closed()
    story.records[-1] = Story().end(0).records[0]
    assert "expected each descriptor to be closed\n\nOne is open:\n  descriptor 3" in account(
        story.trace.each_fd().is_closed
    )


# Looking


def test_looking(served: Trace) -> None:
    assert served.count("recvfrom") == 2
    assert served.count("recvfrom = *") == 4
    assert served.count("accept4|close") == 3
    assert len(served) == len(served.calls()) == len(list(served)) == 10
    assert [call.error for call in served.errors()] == ["EAGAIN", "EAGAIN"]
    assert served.errors("EPIPE") == []
    assert served.errors(but="EAGAIN") == []
    assert served.threads() == [1000]
    assert [str(one) for one in served.descriptors()][1] == "6 (TCP 127.0.0.1:80<-127.0.0.1:1001)"
    assert served.only(fd=7).count("sendto") == 1
    assert served.only(thread=1001).calls() == []
    assert served.only(until=served.calls("accept4")[1]).count("accept4") == 1
    assert served.only(since=served.mark()).calls() == []
    assert repr(served.calls("close")[0]) == "<[1000] close(6<TCP 127.0.0.1:80<-127.0.0.1:1001>) = 0>"
    assert served.calls("close")[0].place == "server.py:15"
    assert served.calls("sendto")[0].time == pytest.approx(0.00004)
    with pytest.raises(KeyError, match="sendto has no argument 'len'"):
        served.calls("sendto")[0].args["len"]
    assert served.text().count("\n") == 11


def test_saved_traces(served: Trace, tmp_path: Any) -> None:
    path = tmp_path / "calls.jsonl"

    lines = [json.dumps({"format": "emu trace", "version": 1}), *map(json.dumps, served.records)]
    path.write_text("\n".join(lines) + "\n")
    assert Trace.of(str(path)).count("accept4") == 2
