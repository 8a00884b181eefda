"""What certainly came before what: what takes edges away, what ended a wait, and real runs under several seeds."""

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


def test_program_order(run: Any) -> None:
    first, other, second = run.call(MAIN, "getpid"), run.call(ONE, "getpid"), run.call(MAIN, "getpid")
    order = Order(run.records)
    assert order.before(first, second)
    assert not order.before(second, first)
    assert not order.before(first, first)
    assert not order.before(first, other)
    assert not order.before(other, second)
    assert not order.before(first, 99)
    assert not order.before(-1, first)


def missing(records: Iterable[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [record for record in records if record.get("name") not in names]


def test_where_calls_are_missing_nothing_is_counted_any_more(run: Any) -> None:
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


def test_a_run_that_goes_on_has_calls_that_are_not_there_yet(run: Any) -> None:
    run.call(MAIN, "clone", ONE)
    run.pipe()
    run.begin(TWO, "accept4")  # will be complete later
    run.records.append({"event": "thread_start", "time": 0, "pid": MAIN, "tid": TWO, "parent": MAIN})
    written = run.write(ONE, 2)
    read = run.read(MAIN, 1)
    assert Edge(written, read, "pipe") in Order(run.records).edges()
    assert Edge(written, read, "pipe") not in Order(missing(run.records, "clone")[1:]).edges()


def test_old_traces_have_no_objects(run: Any) -> None:
    run.pipe()
    run.write(ONE, 2)
    run.read(MAIN, 1)
    for record in run.records:
        del record["objects"]
    assert run.edges() == []


def test_origins(run: Any) -> None:
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


@given(moves=st.lists(st.tuples(*steps()), max_size=40), shuffle=st.randoms(use_true_random=False))
def test_nonsense_gives_an_order_all_the_same(
    scripts: Callable[[], Any], moves: list[Any], shuffle: random.Random
) -> None:
    run = scripts()
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
