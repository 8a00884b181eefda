"""Every kind of edge: which call passes something on to which."""

from typing import Any

from emu.trace.order import Edge, Order

MAIN, ONE, TWO = 1000, 1001, 1002


def test_clone_comes_before_the_childs_first_call(run: Any) -> None:
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


def test_futexes_and_joins(run: Any) -> None:
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


def test_a_pipe_passes_on_what_was_written_by_position(run: Any) -> None:
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


def test_a_read_that_waited_and_a_write_that_waited(run: Any) -> None:
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


def test_a_write_that_never_returned_has_fed_what_was_read(run: Any) -> None:
    run.pipe()
    long = run.begin(ONE, "write", objects={"fd": 2})
    read = run.read(MAIN, 1, 65536)
    written = run.end(long, None, unfinished=True)
    assert run.edges() == [(written, read, "pipe")]


def test_two_long_writes_at_once_cannot_be_told_apart(run: Any) -> None:
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


def test_the_end_of_a_pipe(run: Any) -> None:
    run.pipe()
    written = run.write(ONE, 2, 5)
    read = run.read(MAIN, 1, 5)
    closes = [run.call(tid, "close", 0, {"fd": 4}, {"fd": 2}) for tid in (ONE, TWO)]
    run.call(MAIN, "read", 0, objects={"fd": 1}, registers=[3, 0, 0, 0, 0, 0])  # asked for nothing
    end = run.read(MAIN, 1, 0)
    assert run.edges() == [(written, read, "pipe"), (closes[0], end, "close"), (closes[1], end, "close")]
    assert Order(run.records).waker(end) == closes[1]


def test_shutdown_ends_a_stream_and_a_deaf_reader_knows_nothing(run: Any) -> None:
    run.pair()
    shut = run.call(ONE, "shutdown", 0, {"how": "SHUT_WR"}, {"fd": 1})
    run.call(ONE, "close", 0, {}, {"fd": 1})
    end = run.read(MAIN, 2, 0)
    assert run.edges() == [(shut, end, "close")]
    run.call(MAIN, "shutdown", 0, {"how": "SHUT_RD"}, {"fd": 2})
    run.read(TWO, 2, 0)
    assert run.edges() == [(shut, end, "close")]


def test_eventfds(run: Any) -> None:
    run.eventfd()
    first, second = run.write(ONE, 1, 8), run.write(TWO, 1, 8)
    both = run.read(MAIN, 1, 8)
    third = run.write(ONE, 1, 8)
    one = run.read(MAIN, 1, 8)
    assert run.edges() == [(first, both, "eventfd"), (second, both, "eventfd"), (third, one, "eventfd")]


def test_an_eventfd_as_semaphore_gives_a_unit_at_a_time(run: Any) -> None:
    run.eventfd(1, "EFD_SEMAPHORE")
    two = {"buf": "\2" + "\0" * 7}
    run.read(MAIN, 1, 8)  # what was there from the beginning
    first = run.write(ONE, 1, 8, args=two)
    second = run.write(TWO, 1, 8, args=two)
    reads = [run.read(MAIN, 1, 8) for _ in range(3)]
    assert run.edges() == [
        (first, reads[0], "eventfd"), (first, reads[1], "eventfd"), (second, reads[2], "eventfd"),
    ]  # fmt: skip


def test_messages_come_one_by_one(run: Any) -> None:
    run.pair("SOCK_SEQPACKET")
    sent = [run.call(tid, "sendmsg", 100, objects={"fd": 1, "msg": {"9": 7}}) for tid in (ONE, TWO)]
    peeked = run.call(MAIN, "recvfrom", 10, {"flags": "MSG_PEEK"}, {"fd": 2})
    received = [run.call(MAIN, "recvmsg", 10, objects={"fd": 2}) for _ in range(2)]
    assert run.edges() == [
        (sent[0], peeked, "socket"), (sent[0], received[0], "socket"), (sent[1], received[1], "socket"),
    ]  # fmt: skip


def test_tcp_inside_the_guest_is_found_by_its_addresses(run: Any) -> None:
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


def test_a_connect_that_is_complete_after_the_accept(run: Any) -> None:
    a, b = "[::ffff:127.0.0.1]:80", "127.0.0.1:5000"
    connecting = run.begin(ONE, "connect", {"addr": {}}, {"fd": 2}, fds={"fd": "TCP"})
    accept = run.call(
        MAIN, "accept", 5, {}, {"sockfd": 1, "result": 3}, fds={"result": f"TCP {a}<-[::ffff:127.0.0.1]:5000"}
    )
    run.call(MAIN, "close", 0, {}, {"fd": 3}, fds={"fd": f"TCP {a}<-[::ffff:127.0.0.1]:5000"})
    connect = run.end(connecting, 0)
    run.call(ONE, "close", 0, {}, {"fd": 2}, fds={"fd": f"TCP {b}->127.0.0.1:80"})
    assert run.edges() == [(connect, accept, "connect")]


def test_bytes_that_are_not_the_same_take_the_edges_away(run: Any) -> None:
    a, b = "127.0.0.1:80", "127.0.0.1:5000"
    for data in ("ping", "pong"):
        run.write(ONE, 2, 4, fds={"fd": f"TCP {b}->{a}"}, args={"buf": "ping"})
        run.read(MAIN, 3, 4, fds={"fd": f"TCP {a}<-{b}"}, args={"buf": data})
    assert run.edges() == []


def test_unix_connections_meet_in_the_order_of_the_backlog(run: Any) -> None:
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


def test_datagrams_by_name(run: Any) -> None:
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


def test_poll_is_told_by_the_oldest_write_that_nobody_has_read(run: Any) -> None:
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


def test_poll_is_told_of_an_end(run: Any) -> None:
    run.pipe()
    closed = run.call(ONE, "close", 0, {}, {"fd": 2})
    told = run.call(MAIN, "poll", 1, **polled(3, "POLLHUP"))
    assert run.edges() == [(closed, told, "poll")]


def test_poll_of_a_listening_socket_saw_what_is_accepted_next(run: Any) -> None:
    name = {"addr": {"sun_path": "\0name"}}
    run.call(MAIN, "bind", 0, name, {"fd": 1}, fds={"fd": "UNIX STREAM"})
    connect = run.call(ONE, "connect", 0, name, {"fd": 2}, fds={"fd": "UNIX STREAM"})
    told = run.call(MAIN, "poll", 1, **polled(3, "POLLIN"), fds={"fds": {"3": "UNIX STREAM @name"}})
    accept = run.call(MAIN, "accept", 5, {}, {"sockfd": 1, "result": 4}, fds={"result": "UNIX STREAM @name"})
    assert run.edges() == [(connect, told, "poll"), (connect, accept, "connect")]


def test_select_and_epoll(run: Any) -> None:
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
