"""What processes tell each other without a descriptor: births, ends, vfork, signals."""

from typing import Any

from emu.trace.order import Order

MAIN, CHILD, OTHER = 1000, 1001, 1002


def test_fork_and_the_wait_that_tells_of_the_end(run: Any) -> None:
    before = run.call(MAIN, "getpid")
    fork = run.fork(CHILD)
    own = run.call(MAIN, "getpid")
    first = run.call(CHILD, "getpid", pid=CHILD)
    end = run.ends(CHILD, 3)
    wait = run.call(MAIN, "wait4", CHILD, {"upid": CHILD})
    assert run.edges() == [(fork, first, "clone"), (end, wait, "wait")]
    order = Order(run.records)
    assert order.before(before, first)
    assert order.before(first, wait)
    assert not order.before(own, first)
    assert not order.before(own, end)


def test_a_wait_that_waited_and_waitid(run: Any) -> None:
    fork = run.fork(CHILD)
    waiting = run.begin(MAIN, "waitid")
    end = run.ends(CHILD)
    wait = run.end(waiting, 0, args={"infop": {"si_pid": CHILD, "si_code": "CLD_EXITED"}})
    nothing = run.call(MAIN, "waitid", 0, {"infop": {"si_pid": 0}})
    assert run.edges() == [(fork, end, "clone"), (end, wait, "wait")]
    assert Order(run.records).waker(wait) == end
    assert Order(run.records).waker(nothing) is None


def test_all_threads_of_the_child_come_before_the_wait(run: Any) -> None:
    run.fork(CHILD)
    run.call(CHILD, "clone", OTHER, pid=CHILD)
    other = run.call(OTHER, "getpid", pid=CHILD)
    end = run.ends(CHILD)
    wait = run.call(MAIN, "wait4", CHILD)
    assert {(other, wait, "wait"), (end, wait, "wait")} <= set(run.edges())


def test_a_wait_for_a_stop_is_no_end(run: Any) -> None:
    run.fork(CHILD)
    run.call(CHILD, "getpid", pid=CHILD)
    run.event("stopped", CHILD, signal=19)
    run.call(MAIN, "wait4", CHILD)
    assert [edge[2] for edge in run.edges()] == ["clone"]


def test_a_number_that_is_used_again(run: Any) -> None:
    run.fork(CHILD)
    end = run.ends(CHILD)
    wait = run.call(MAIN, "wait4", CHILD)
    again = run.fork(CHILD)
    first = run.call(CHILD, "getpid", pid=CHILD)
    last = run.ends(CHILD)
    second = run.call(MAIN, "wait4", CHILD)
    edges = run.edges()
    assert (again, first, "clone") in edges
    assert [edge for edge in edges if edge[2] == "wait"] == [(end, wait, "wait"), (last, second, "wait")]


def test_vfork_returns_when_the_child_runs_a_program(run: Any) -> None:
    run.event("process_start", CHILD, tid=CHILD, parent=MAIN, vfork=True)
    making = run.begin(MAIN, "vfork")
    close = run.call(CHILD, "close", pid=CHILD)
    execve = run.call(CHILD, "execve", 0, pid=CHILD)
    run.event("exec", CHILD, tid=CHILD, program="/bin/true", argv=["true"])
    made = run.end(making, CHILD)
    after = run.call(MAIN, "getpid")
    later = run.call(CHILD, "getpid", pid=CHILD)
    assert run.edges() == [(made, close, "clone"), (execve, after, "vfork")]
    order = Order(run.records)
    assert order.before(close, after)
    assert not order.before(after, later)


def test_kill_comes_before_the_handlers_first_call(run: Any) -> None:
    run.fork(CHILD)
    waiting = run.begin(CHILD, "pause", pid=CHILD)
    kill = run.call(MAIN, "kill", 0, {"pid": CHILD, "sig": "SIGUSR1"})
    cut = run.end(waiting, -514, error="ERESTARTNOHAND")
    run.event("signal", CHILD, tid=CHILD, signal=10, code=0, handler=4096, sender=MAIN)
    handler = run.call(CHILD, "write", 1, pid=CHILD)
    later = run.call(CHILD, "write", 1, pid=CHILD)
    assert [edge for edge in run.edges() if edge[2] == "signal"] == [(kill, cut, "signal")]
    assert (kill, handler, "handler") in run.edges()
    order = Order(run.records)
    assert order.before(kill, later)
    assert order.waker(cut) == kill
    assert order.waker(handler) is None


def test_a_signal_of_somebody_else_is_not_ours(run: Any) -> None:
    run.fork(CHILD)
    run.call(CHILD, "getpid", pid=CHILD)
    run.call(MAIN, "kill", 0, {"pid": CHILD, "sig": "SIGUSR1"})
    for sender in ({"sender": 999}, {}):
        run.event("signal", CHILD, tid=CHILD, signal=10, code=0, handler=4096, **sender)
        run.call(CHILD, "write", 1, pid=CHILD)
    assert [edge[2] for edge in run.edges()] == ["clone"]


def test_a_child_that_is_killed_and_its_sigchld(run: Any) -> None:
    run.fork(CHILD)
    last = run.call(CHILD, "getpid", pid=CHILD)
    run.fork(OTHER)
    kill = run.call(OTHER, "kill", 0, {"pid": CHILD, "sig": "SIGKILL"}, pid=OTHER)
    run.event("signal", CHILD, signal=9, code=0, sender=OTHER)
    run.event("process_end", CHILD, code=None, signal=9)
    run.event("signal", MAIN, tid=MAIN, signal=17, code=2, handler=4096, sender=CHILD)
    handler = run.call(MAIN, "wait4", CHILD)
    edges = set(run.edges())
    assert {(last, handler, "handler"), (kill, handler, "handler"), (last, handler, "wait")} <= edges
    assert Order(run.records).before(kill, handler)


def test_a_signal_to_a_group_and_one_that_is_waited_for(run: Any) -> None:
    run.fork(CHILD)
    waiting = run.begin(CHILD, "rt_sigtimedwait", pid=CHILD)
    kill = run.call(MAIN, "kill", 0, {"pid": 0, "sig": "SIGUSR2"})
    told = {"info": {"si_signo": "SIGUSR2", "si_code": "SI_USER", "si_pid": MAIN}}
    wait = run.end(waiting, 12, args=told)
    assert (kill, wait, "signal") in run.edges()


def test_signalfd(run: Any) -> None:
    run.fork(CHILD)
    kill = run.call(CHILD, "kill", 0, {"pid": MAIN, "sig": "SIGUSR1"}, pid=CHILD)
    data = b"".join(number.to_bytes(4, "little") for number in (10, 0, 0, CHILD)).ljust(128, b"\0")
    read = run.call(
        MAIN, "read", 128, {"fd": 5, "buf": data.decode("latin-1")}, {"fd": 9}, fds={"fd": "signalfd"}
    )
    assert (kill, read, "signal") in run.edges()


def test_a_stopped_process_goes_on_after_sigcont(run: Any) -> None:
    run.fork(CHILD)
    run.call(CHILD, "getpid", pid=CHILD)
    run.event("stopped", CHILD, signal=19, sender=MAIN)
    cont = run.call(MAIN, "kill", 0, {"pid": CHILD, "sig": "SIGCONT"})
    run.event("continued", CHILD, signal=18, sender=MAIN)
    after = run.call(CHILD, "getpid", pid=CHILD)
    assert (cont, after, "handler") in run.edges()


def test_the_end_of_a_writer_in_another_process_is_the_end_of_a_pipe(run: Any) -> None:
    """`echo | cat`: the reader sees the end when the writer has exited, and the shell has closed its own end."""
    run.pipe()
    run.fork(CHILD)
    write = run.write(CHILD, 2, 5, pid=CHILD, args={"fd": 4})
    ours = run.call(MAIN, "close", 0, {"fd": 4}, {"fd": 2})
    read = run.read(MAIN, 1, 5, args={"fd": 3})
    reading = run.begin(MAIN, "read", {"fd": 3}, {"fd": 1})
    end = run.ends(CHILD)
    eof = run.end(reading, 0)
    edges = run.edges()
    assert (write, read, "pipe") in edges
    assert [edge for edge in edges if edge[1] == eof] == [(end, eof, "close")]
    assert Order(run.records).waker(eof) == end
    assert ours < eof


def test_exec_closes_what_was_to_be_closed(run: Any) -> None:
    run.pipe(flags="O_CLOEXEC")
    run.fork(CHILD)
    run.call(MAIN, "close", 0, {"fd": 4}, {"fd": 2})
    reading = run.begin(MAIN, "read", {"fd": 3}, {"fd": 1})
    execve = run.call(CHILD, "execve", 0, pid=CHILD)
    run.event("exec", CHILD, tid=CHILD, program="/bin/true", argv=["true"])
    eof = run.end(reading, 0)
    assert (execve, eof, "close") in run.edges()


def test_a_shared_table_is_closed_by_its_last_user(run: Any) -> None:
    run.pipe()
    run.fork(CHILD, name="clone", files="shared")
    close = run.call(CHILD, "close", 0, {"fd": 4}, {"fd": 2}, pid=CHILD)
    eof = run.read(MAIN, 1, 0, args={"fd": 3})
    run.ends(CHILD)
    assert (close, eof, "close") in run.edges()


def test_an_accepted_connection_that_only_the_child_serves(run: Any) -> None:
    """The fork server: its own close of the connection ends nothing."""
    client, server = "TCP 127.0.0.1:5000->127.0.0.1:80", "TCP 127.0.0.1:80<-127.0.0.1:5000"
    accepted = run.call(
        MAIN, "accept4", 5, {"fd": 3}, {"fd": 1, "result": 2}, fds={"fd": "TCP", "result": server}
    )
    run.fork(CHILD)
    run.call(MAIN, "close", 0, {"fd": 5}, {"fd": 2}, fds={"fd": server})
    write = run.write(CHILD, 2, 3, pid=CHILD, args={"fd": 5, "buf": "abc"}, fds={"fd": server})
    run.fork(OTHER)
    read = run.read(OTHER, 3, 3, pid=OTHER, args={"fd": 7, "buf": "abc"}, fds={"fd": client})
    assert (write, read, "socket") in run.edges()
    assert accepted < read


def test_a_vfork_knows_what_let_it_return_and_comes_first(run: Any) -> None:
    run.event("process_start", CHILD, tid=CHILD, parent=MAIN, vfork=True)
    making = run.begin(MAIN, "vfork")
    end = run.ends(CHILD)
    made = run.end(making, CHILD, woken_by=end)
    order = Order(run.records)
    assert order.waker(made) == end
    assert order.before(made, end)
    assert not order.before(end, made)
