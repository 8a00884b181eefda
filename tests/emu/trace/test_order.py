"""What certainly came before what: every kind of edge, what takes edges away, and real runs under several seeds."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.trace.order import KINDS, Edge, Order
from emu.trace.read import Reader

MAIN, ONE, TWO = 1000, 1001, 1002


class Script:
    """Records as a run writes them: `call` one that is complete at once, `begin` and `end` one that waits."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.now = 0
        self.sequence = 0

    def begin(
        self, tid: int, name: str, args: Any = None, objects: Any = None, **members: Any
    ) -> dict[str, Any]:
        self.now += 10
        record = {
            "event": "syscall", "sequence": self.sequence, "time": self.now, "duration": 1, "blocked": 0, "pid": MAIN,
            "tid": tid, "number": 60 if name == "exit" else 1, "name": name, "registers": [0, 0, 4096, 0, 0, 0],
            "result": 0, "pc": 0, "args": args or {}, "objects": objects or {}, "fds": {},
        } | members  # fmt: skip
        self.sequence += 1
        return record

    def end(self, record: dict[str, Any], result: int | None = 0, **members: Any) -> int:
        self.now += 10
        waited = self.now - record["time"]
        self.records.append(record | {"result": result, "duration": waited, "blocked": waited - 2} | members)
        return int(record["sequence"])

    def call(
        self,
        tid: int,
        name: str,
        result: int | None = 0,
        args: Any = None,
        objects: Any = None,
        **members: Any,
    ) -> int:
        record = self.begin(tid, name, args, objects, result=result, **members)
        self.records.append(record)
        return int(record["sequence"])

    # What tests do over and over

    def pipe(self, read: int = 1, write: int = 2, flags: str = "0") -> int:
        return self.call(
            MAIN, "pipe2", 0, {"pipefd": [3, 4], "flags": flags}, {"pipefd": {"3": read, "4": write}}
        )

    def pair(self, kind: str = "SOCK_STREAM") -> int:
        return self.call(MAIN, "socketpair", 0, {"sv": [3, 4], "type": kind}, {"sv": {"3": 1, "4": 2}})

    def eventfd(self, count: int = 0, flags: str = "0") -> int:
        return self.call(MAIN, "eventfd2", 3, {"count": count, "flags": flags}, {"result": 1})

    def write(self, tid: int, object: int, size: int = 1, **members: Any) -> int:
        return self.call(tid, "write", size, objects={"fd": object}, **members)

    def read(self, tid: int, object: int, size: int = 1, **members: Any) -> int:
        return self.call(tid, "read", size, objects={"fd": object}, **members)

    def edges(self) -> list[tuple[int, int, str]]:
        return [tuple(edge) for edge in Order(self.records).edges()]


@pytest.fixture
def run() -> Script:
    return Script()


def test_program_order(run: Script) -> None:
    first, other, second = run.call(MAIN, "getpid"), run.call(ONE, "getpid"), run.call(MAIN, "getpid")
    order = Order(run.records)
    assert order.before(first, second)
    assert not order.before(second, first)
    assert not order.before(first, first)
    assert not order.before(first, other)
    assert not order.before(other, second)
    assert not order.before(first, 99)
    assert not order.before(-1, first)


def test_clone_comes_before_the_childs_first_call(run: Script) -> None:
    before = run.call(MAIN, "getpid")
    clone = run.call(MAIN, "clone", ONE)
    after = run.call(MAIN, "getpid")
    child = run.call(ONE, "getpid")
    order = Order(run.records)
    assert list(order.edges()) == [Edge(clone, child, "clone")]
    assert order.before(before, child)
    assert not order.before(after, child)
    assert not order.before(child, after)
    assert order.waker(child) is None  # it did not wait for that


def test_futexes_and_joins(run: Script) -> None:
    waiting = run.begin(MAIN, "futex")
    wake = run.call(ONE, "futex", 1)
    woken = run.end(waiting, woken_by=wake)
    joining = run.begin(MAIN, "futex")
    exit_ = run.call(ONE, "exit", None)
    joined = run.end(joining, woken_by=exit_)
    assert run.edges() == [(wake, woken, "futex"), (exit_, joined, "exit")]
    order = Order(run.records)
    assert order.before(wake, joined)
    assert not order.before(woken, exit_)
    assert order.waker(joined) == exit_


def test_a_pipe_passes_on_what_was_written_by_position(run: Script) -> None:
    run.pipe()
    first = run.write(ONE, 2, 10)
    second = run.write(TWO, 2, 10)
    one = run.read(MAIN, 1, 10)
    two = run.read(MAIN, 1, 4)
    third = run.write(ONE, 2, 5)
    three = run.read(MAIN, 1, 11)
    assert run.edges() == [
        (first, one, "pipe"), (second, two, "pipe"), (second, three, "pipe"), (third, three, "pipe"),
    ]  # fmt: skip


def test_a_read_that_waited_and_a_write_that_waited(run: Script) -> None:
    run.pipe()
    reading = run.begin(MAIN, "read", objects={"fd": 1})
    wrote = run.write(ONE, 2, 3)
    read = run.end(reading, 3)
    long = run.begin(ONE, "write", objects={"fd": 2})
    first, second = run.read(MAIN, 1, 65536), run.read(MAIN, 1, 4096)
    long_one = run.end(long, 70000)
    third = run.read(MAIN, 1, 368)
    assert run.edges() == [
        (wrote, read, "pipe"), (long_one, first, "pipe"), (long_one, second, "pipe"), (long_one, third, "pipe"),
    ]  # fmt: skip


def test_a_write_that_never_returned_has_fed_what_was_read(run: Script) -> None:
    run.pipe()
    long = run.begin(ONE, "write", objects={"fd": 2})
    read = run.read(MAIN, 1, 65536)
    written = run.end(long, None, unfinished=True)
    assert run.edges() == [(written, read, "pipe")]


def test_two_long_writes_at_once_cannot_be_told_apart(run: Script) -> None:
    run.pipe()
    before = run.write(ONE, 2, 1)
    known = run.read(MAIN, 1, 1)
    long, other = run.begin(ONE, "write", objects={"fd": 2}), run.begin(TWO, "write", objects={"fd": 2})
    run.read(MAIN, 1, 9000)
    run.end(other, 9000)
    run.read(MAIN, 1, 9000)
    run.end(long, 9000)
    run.write(ONE, 2, 1)
    run.read(MAIN, 1, 1)
    assert run.edges() == [(before, known, "pipe")]


def test_the_end_of_a_pipe(run: Script) -> None:
    run.pipe()
    written = run.write(ONE, 2, 5)
    read = run.read(MAIN, 1, 5)
    closes = [run.call(tid, "close", 0, {"fd": 4}, {"fd": 2}) for tid in (ONE, TWO)]
    run.call(MAIN, "read", 0, objects={"fd": 1}, registers=[3, 0, 0, 0, 0, 0])  # asked for nothing
    end = run.read(MAIN, 1, 0)
    assert run.edges() == [(written, read, "pipe"), (closes[0], end, "close"), (closes[1], end, "close")]
    assert Order(run.records).waker(end) == closes[1]


def test_shutdown_ends_a_stream_and_a_deaf_reader_knows_nothing(run: Script) -> None:
    run.pair()
    shut = run.call(ONE, "shutdown", 0, {"how": "SHUT_WR"}, {"fd": 1})
    run.call(ONE, "close", 0, {}, {"fd": 1})
    end = run.read(MAIN, 2, 0)
    assert run.edges() == [(shut, end, "close")]
    run.call(MAIN, "shutdown", 0, {"how": "SHUT_RD"}, {"fd": 2})
    run.read(TWO, 2, 0)
    assert run.edges() == [(shut, end, "close")]


def test_eventfds(run: Script) -> None:
    run.eventfd()
    first, second = run.write(ONE, 1, 8), run.write(TWO, 1, 8)
    both = run.read(MAIN, 1, 8)
    third = run.write(ONE, 1, 8)
    one = run.read(MAIN, 1, 8)
    assert run.edges() == [(first, both, "eventfd"), (second, both, "eventfd"), (third, one, "eventfd")]


def test_an_eventfd_as_semaphore_gives_a_unit_at_a_time(run: Script) -> None:
    run.eventfd(1, "EFD_SEMAPHORE")
    two = {"buf": "\2" + "\0" * 7}
    run.read(MAIN, 1, 8)  # what was there from the beginning
    first = run.write(ONE, 1, 8, args=two)
    second = run.write(TWO, 1, 8, args=two)
    reads = [run.read(MAIN, 1, 8) for _ in range(3)]
    assert run.edges() == [
        (first, reads[0], "eventfd"), (first, reads[1], "eventfd"), (second, reads[2], "eventfd"),
    ]  # fmt: skip


def test_messages_come_one_by_one(run: Script) -> None:
    run.pair("SOCK_SEQPACKET")
    sent = [run.call(tid, "sendmsg", 100, objects={"fd": 1, "msg": {"9": 7}}) for tid in (ONE, TWO)]
    peeked = run.call(MAIN, "recvfrom", 10, {"flags": "MSG_PEEK"}, {"fd": 2})
    received = [run.call(MAIN, "recvmsg", 10, objects={"fd": 2}) for _ in range(2)]
    assert run.edges() == [
        (sent[0], peeked, "socket"), (sent[0], received[0], "socket"), (sent[1], received[1], "socket"),
    ]  # fmt: skip


def test_tcp_inside_the_guest_is_found_by_its_addresses(run: Script) -> None:
    a, b = "127.0.0.1:80", "127.0.0.1:5000"
    accepting = run.begin(MAIN, "accept4", objects={"sockfd": 1})
    connect = run.call(ONE, "connect", 0, {"addr": {}}, {"fd": 2}, fds={"fd": "TCP"})
    accept = run.end(accepting, 5, objects={"sockfd": 1, "result": 3}, fds={"result": f"TCP {a}<-{b}"})
    client, server = {"fds": {"fd": f"TCP {b}->{a}"}}, {"fds": {"fd": f"TCP {a}<-{b}"}}
    sent = run.write(ONE, 2, 4, **client, args={"buf": "ping"})
    received = run.read(MAIN, 3, 4, **server, args={"buf": "ping"})
    answer = run.write(MAIN, 3, 4, **server)
    answered = run.read(ONE, 2, 4, **client)
    assert run.edges() == [
        (connect, accept, "connect"), (sent, received, "socket"), (answer, answered, "socket"),
    ]  # fmt: skip


def test_a_connect_that_is_complete_after_the_accept(run: Script) -> None:
    a, b = "[::ffff:127.0.0.1]:80", "127.0.0.1:5000"
    connecting = run.begin(ONE, "connect", {"addr": {}}, {"fd": 2}, fds={"fd": "TCP"})
    accept = run.call(
        MAIN, "accept", 5, {}, {"sockfd": 1, "result": 3}, fds={"result": f"TCP {a}<-[::ffff:127.0.0.1]:5000"}
    )
    run.call(MAIN, "close", 0, {}, {"fd": 3}, fds={"fd": f"TCP {a}<-[::ffff:127.0.0.1]:5000"})
    connect = run.end(connecting, 0)
    run.call(ONE, "close", 0, {}, {"fd": 2}, fds={"fd": f"TCP {b}->127.0.0.1:80"})
    assert run.edges() == [(connect, accept, "connect")]


def test_bytes_that_are_not_the_same_take_the_edges_away(run: Script) -> None:
    a, b = "127.0.0.1:80", "127.0.0.1:5000"
    for data in ("ping", "pong"):
        run.write(ONE, 2, 4, fds={"fd": f"TCP {b}->{a}"}, args={"buf": "ping"})
        run.read(MAIN, 3, 4, fds={"fd": f"TCP {a}<-{b}"}, args={"buf": data})
    assert run.edges() == []


def test_unix_connections_meet_in_the_order_of_the_backlog(run: Script) -> None:
    name = {"addr": {"sun_path": "\0name"}}
    unix = {"fds": {"fd": "UNIX STREAM"}}
    run.call(MAIN, "bind", 0, name, {"fd": 1}, **unix)
    connects = [run.call(tid, "connect", 0, name, {"fd": tid}, **unix) for tid in (ONE, TWO)]
    sent = run.write(TWO, TWO, 3)
    accepts = [
        run.call(
            MAIN, "accept", 5 + at, {}, {"sockfd": 1, "result": 50 + at}, fds={"result": "UNIX STREAM @name"}
        )
        for at in range(2)
    ]
    received = run.read(MAIN, 51, 3)
    assert run.edges() == [
        (connects[0], accepts[0], "connect"), (connects[1], accepts[1], "connect"), (sent, received, "socket"),
    ]  # fmt: skip


def test_datagrams_by_name(run: Script) -> None:
    name = {"sun_path": "/tmp/x"}
    unix = {"fds": {"fd": "UNIX DGRAM"}}
    run.call(MAIN, "bind", 0, {"addr": name}, {"fd": 1}, **unix)
    first = run.call(ONE, "sendto", 3, {"dest_addr": name}, {"fd": 2}, **unix)
    run.call(TWO, "connect", 0, {"addr": name}, {"fd": 3}, **unix)
    second = run.write(TWO, 3, 3, **unix)
    received = [run.read(MAIN, 1, 3) for _ in range(2)]
    assert run.edges() == [(first, received[0], "socket"), (second, received[1], "socket")]


def polled(fd: int, revents: str) -> dict[str, Any]:
    return {
        "args": {"fds": [{"fd": fd, "events": "POLLIN", "revents": revents}]},
        "objects": {"fds": {str(fd): 1}},
    }


def test_poll_is_told_by_the_oldest_write_that_nobody_has_read(run: Script) -> None:
    run.eventfd()
    waiting = run.begin(MAIN, "ppoll", **polled(3, "POLLIN"))
    first = run.write(ONE, 1, 8)
    run.write(TWO, 1, 8)
    told = run.end(waiting, 1)
    again = run.call(MAIN, "poll", 1, **polled(3, "POLLIN"))
    run.call(MAIN, "poll", 1, **polled(3, "POLLOUT"))
    run.call(MAIN, "poll", 0, **polled(3, "0"))
    assert run.edges() == [(first, told, "poll"), (first, again, "poll")]
    assert Order(run.records).waker(told) == first


def test_poll_is_told_of_an_end(run: Script) -> None:
    run.pipe()
    closed = run.call(ONE, "close", 0, {}, {"fd": 2})
    told = run.call(MAIN, "poll", 1, **polled(3, "POLLHUP"))
    assert run.edges() == [(closed, told, "poll")]


def test_poll_of_a_listening_socket_saw_what_is_accepted_next(run: Script) -> None:
    name = {"addr": {"sun_path": "\0name"}}
    run.call(MAIN, "bind", 0, name, {"fd": 1}, fds={"fd": "UNIX STREAM"})
    connect = run.call(ONE, "connect", 0, name, {"fd": 2}, fds={"fd": "UNIX STREAM"})
    told = run.call(MAIN, "poll", 1, **polled(3, "POLLIN"), fds={"fds": {"3": "UNIX STREAM @name"}})
    accept = run.call(MAIN, "accept", 5, {}, {"sockfd": 1, "result": 4}, fds={"result": "UNIX STREAM @name"})
    assert run.edges() == [(connect, told, "poll"), (connect, accept, "connect")]


def test_select_and_epoll(run: Script) -> None:
    run.pipe()
    written = run.write(ONE, 2)
    selected = run.call(
        MAIN, "select", 1, {"readfds": {"given": [3, 5], "left": [3]}}, {"readfds": {"3": 1, "5": 9}}
    )
    watch = {"op": "EPOLL_CTL_ADD", "event": {"events": "EPOLLIN", "data": 7}}
    run.call(MAIN, "epoll_ctl", 0, watch, {"epfd": 8, "fd": 1})
    ready = {"epfd": 6, "events": [{"events": "EPOLLIN", "data": 7}]}
    told = run.call(MAIN, "epoll_wait", 1, ready, {"epfd": 8})
    run.call(MAIN, "epoll_ctl", 0, watch, {"epfd": 8, "fd": 5})  # the same data: which of the two?
    run.call(MAIN, "epoll_wait", 1, ready, {"epfd": 8})
    assert run.edges() == [(written, selected, "poll"), (written, told, "poll")]


def missing(records: Iterable[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [record for record in records if record.get("name") not in names]


def test_where_calls_are_missing_nothing_is_counted_any_more(run: Script) -> None:
    run.call(MAIN, "clone", ONE)
    run.pipe()
    first = run.write(ONE, 2)
    read = run.read(MAIN, 1)
    run.call(ONE, "writev", 1, objects={"fd": 2})
    run.write(ONE, 2)
    run.read(MAIN, 1)
    run.records.append({"event": "process_end", "time": run.now, "pid": MAIN})
    filtered = Order(missing(run.records, "writev"))
    assert list(filtered.edges()) == [Edge(0, first, "clone"), Edge(first, read, "pipe")]
    assert not list(Order(missing(run.records, "pipe2")).edges())[1:]


def test_a_run_that_goes_on_has_calls_that_are_not_there_yet(run: Script) -> None:
    run.call(MAIN, "clone", ONE)
    run.pipe()
    run.begin(TWO, "accept4")  # will be complete later
    run.records.append({"event": "thread_start", "time": 0, "pid": MAIN, "tid": TWO, "parent": MAIN})
    written = run.write(ONE, 2)
    read = run.read(MAIN, 1)
    assert Edge(written, read, "pipe") in Order(run.records).edges()
    assert Edge(written, read, "pipe") not in Order(missing(run.records, "clone")[1:]).edges()


def test_old_traces_have_no_objects(run: Script) -> None:
    run.pipe()
    run.write(ONE, 2)
    run.read(MAIN, 1)
    for record in run.records:
        del record["objects"]
    assert run.edges() == []


def test_origins(run: Script) -> None:
    def origin(name: str, result: int = 1, **members: Any) -> str:
        record = run.begin(MAIN, name, **members)
        run.end(record, result)
        return Order(run.records).origin(run.records[-1])

    peer = "TCP 127.0.0.1:80<-127.0.0.1:5000"
    assert origin("recvfrom", objects={"fd": 3}, fds={"fd": peer}) == f"outside: {peer}"
    assert origin("accept4", fds={"sockfd": "TCP 127.0.0.1:80", "result": peer}) == f"outside: {peer}"
    assert origin("poll", 0) == origin("nanosleep", 0) == "its deadline"
    assert origin("poll", -4, error="EINTR") == "a signal"
    assert origin("read", fds={"fd": "timerfd"}) == "a timer"
    assert origin("sendto", fds={"fd": peer}) == ""
    run.eventfd()
    assert origin("read", -4096, objects={"fd": 1}, fds={"fd": "eventfd"}) == ""
    waiting = run.begin(MAIN, "read", objects={"fd": 1})
    wrote = run.write(ONE, 1, 8)
    run.end(waiting, 8)
    assert Order(run.records).origin(run.records[-1]) == f"call {wrote}"
    run.call(MAIN, "getpid")
    assert Order(run.records).origin(run.records[-1]) == ""


# Real runs

THREADED = [
    "futex_threads",
    "pipes_threads",
    "sockets_threads",
    "threads_clone",
    "polling_again",
    "sockets_messages",
]


def reachable(records: list[dict[str, Any]], edges: list[Edge]) -> Callable[[int], set[int]]:
    """The slow and obvious way: all calls that can be reached from one."""
    follows: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    for record in sorted(
        (one for one in records if one["event"] == "syscall"), key=lambda one: one["sequence"]
    ):
        if record["tid"] in last:
            follows.setdefault(last[record["tid"]], []).append(record["sequence"])
        last[record["tid"]] = record["sequence"]
    for edge in edges:
        follows.setdefault(edge.source, []).append(edge.target)

    def reach(start: int) -> set[int]:
        found: set[int] = set()
        waiting = [start]
        while waiting:
            for call in follows.get(waiting.pop(), ()):
                if call not in found:
                    found.add(call)
                    waiting.append(call)
        return found

    return reach


@pytest.mark.parametrize("guest", THREADED)
def test_the_order_is_what_can_be_reached_along_the_edges(traced: Callable[..., Path], guest: str) -> None:
    records = list(Reader(traced(guest)))
    order = Order(records)
    edges = list(order.edges())
    calls = {record["sequence"]: record for record in records if record["event"] == "syscall"}
    assert {edge.kind for edge in edges} <= set(KINDS)
    for edge in edges:
        source, target = calls[edge.source], calls[edge.target]
        assert source["tid"] != target["tid"]
        assert source["time"] <= target["time"] + target["duration"], edge
    reach = reachable(records, edges)
    some = random.Random(1).sample(sorted(calls), min(len(calls), 40))
    for a in some:
        found = reach(a)
        assert a not in found
        for b in itertools.chain(some, random.Random(a).sample(sorted(calls), 40)):
            assert order.before(a, b) == (b in found), (a, b)


def shape(records: list[dict[str, Any]]) -> dict[str, int]:
    kinds = [edge.kind for edge in Order(records).edges()]
    return {kind: kinds.count(kind) for kind in ("clone", "exit", "pipe", "close", "connect")}


def test_what_is_passed_is_the_same_under_every_seed(traced: Callable[..., Path]) -> None:
    shapes = [shape(list(Reader(traced("pipes_threads", seed=seed)))) for seed in (0, 1, 7)]
    assert shapes[0]["pipe"] > 10
    assert shapes[0] == shapes[1] == shapes[2]


def test_everything_that_waited_for_another_thread_knows_for_which(traced: Callable[..., Path]) -> None:
    records = [record for record in Reader(traced("futex_threads")) if record["event"] == "syscall"]
    order = Order(records)
    waited = [record for record in records if record["blocked"] and not record.get("unfinished")]
    assert len(waited) > 100
    for record in waited:
        assert order.origin(record).startswith("call ") or order.origin(record) == "its deadline", record


def test_the_bundled_server(conversation: Path) -> None:
    records = [record for record in Reader(conversation) if record["event"] == "syscall"]
    order = Order(records)
    accepted = [record for record in records if record["name"] == "accept4" and record["result"] is not None]
    for accept in accepted:  # whoever reads from the connection was told of it by the acceptor
        object = accept["objects"]["result"]
        reads = [
            one
            for one in records
            if one["name"] == "recvfrom" and (one.get("objects") or {}).get("fd") == object
        ]
        assert reads
        assert all(order.before(accept["sequence"], read["sequence"]) for read in reads)
        assert not any(order.before(read["sequence"], accept["sequence"]) for read in reads)
        assert order.origin(accept) in ("", f"outside: {accept['fds']['result']}")


def steps() -> Iterator[st.SearchStrategy[Any]]:
    objects = st.none() | st.integers(0, 4)
    several = st.dictionaries(st.sampled_from(["3", "4", "x"]), objects)
    yield st.sampled_from([MAIN, ONE, TWO])
    yield st.sampled_from(
        ["read", "write", "pipe2", "socketpair", "eventfd2", "close", "poll", "epoll_ctl", "epoll_wait", "select", "bind",
         "connect", "accept4", "sendmsg", "recvmmsg", "sendmmsg", "shutdown", "clone", "exit", "dup2", "splice", "fcntl"]
    )  # fmt: skip
    yield st.none() | st.integers(-5, 9) | st.just(ONE)
    yield st.dictionaries(
        st.sampled_from(["fd", "buf", "pipefd", "sv", "fds", "events", "readfds", "event", "flags", "msgvec", "addr", "type"]),
        st.none() | st.integers(0, 9) | st.text(max_size=3) | st.just([3, 4]) | st.just({"sun_path": "x"})
        | st.just([{"fd": 3, "revents": "POLLIN", "data": 0, "events": "EPOLLIN"}]) | st.just({"data": 0}),
    )  # fmt: skip
    yield st.dictionaries(
        st.sampled_from(["fd", "sockfd", "result", "pipefd", "sv", "fds", "epfd"]), objects | several
    )
    yield st.dictionaries(
        st.sampled_from(["fd", "result"]),
        st.sampled_from(["TCP a<-b", "TCP b->a", "TCP ", "UNIX DGRAM", "UNIX STREAM", None]),
    )
    yield st.integers(0, 30)


@given(st.lists(st.tuples(*steps()), max_size=40), st.randoms(use_true_random=False))
def test_nonsense_gives_an_order_all_the_same(moves: list[Any], shuffle: random.Random) -> None:
    run = Script()
    for tid, name, result, args, objects, fds, blocked in moves:
        run.call(tid, name, result, args, objects, fds=fds, blocked=blocked, woken_by=blocked)
    if moves and len(moves) % 3 == 0:
        shuffle.shuffle(run.records)
    order = Order(run.records)
    for record in run.records:
        order.waker(record["sequence"])
        order.origin(record)
    for edge in order.edges():
        assert edge.kind in KINDS
