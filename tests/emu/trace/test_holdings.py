"""Descriptor tables through fork, exec, CLONE_FILES and the ends of processes."""

from typing import Any

from emu.trace.lives import Life, descriptors, leaks, lives

MAIN, CHILD = 1000, 1001


def opened(run: Any, fd: int = 3, object: int = 1, pid: int = MAIN, **args: Any) -> int:
    sequence: int = run.call(pid, "openat", fd, {"flags": "O_RDONLY"} | args, {"result": object}, pid=pid)
    return sequence


def close(run: Any, fd: int = 3, object: int = 1, pid: int = MAIN) -> int:
    sequence: int = run.call(pid, "close", 0, {"fd": fd}, {"fd": object}, pid=pid)
    return sequence


def told(life: Life) -> list[tuple[int, int, int | None, int | None]]:
    return [(one.pid, one.fd, one.opened, one.closed) for one in descriptors([life])]


def test_fork_copies_the_table(run: Any) -> None:
    one = opened(run)
    run.fork(CHILD)
    ours = close(run)
    theirs = close(run, pid=CHILD)
    (life,) = lives(run.records)
    assert told(life) == [(MAIN, 3, one, ours), (CHILD, 3, one, theirs)]
    assert life.closed == theirs
    assert [one.inherited for one in life.holdings] == [False, True]


def test_what_is_opened_after_the_fork_is_not_shared(run: Any) -> None:
    run.fork(CHILD)
    one = opened(run, 3, 1)
    two = opened(run, 3, 2, pid=CHILD)
    assert [told(life) for life in lives(run.records)] == [[(MAIN, 3, one, None)], [(CHILD, 3, two, None)]]


def test_the_end_of_a_process_closes_what_it_had_inherited(run: Any) -> None:
    one = opened(run)
    run.fork(CHILD)
    ours = close(run)
    end = run.ends(CHILD)
    (life,) = lives(run.records)
    assert told(life) == [(MAIN, 3, one, ours), (CHILD, 3, one, end)]
    assert life.closed == end
    assert leaks([life]) == []


def test_what_a_process_opened_and_left_is_its_leak(run: Any) -> None:
    run.fork(CHILD)
    opened(run, pid=CHILD)
    run.ends(CHILD)
    (life,) = lives(run.records)
    assert life.closed is None
    assert life.holdings[0].left
    assert leaks([life]) == [life]


def test_a_killed_process_lets_go_of_everything(run: Any) -> None:
    opened(run)
    run.fork(CHILD)
    ours = close(run)
    last = run.call(CHILD, "getpid", pid=CHILD)
    run.event("process_end", CHILD, code=None, signal=9)
    (life,) = lives(run.records)
    assert ours < last == life.closed


def test_exec_closes_by_the_flag(run: Any) -> None:
    kept = opened(run, 3, 1)
    opened(run, 4, 2, flags="O_RDONLY|O_CLOEXEC")
    run.call(MAIN, "fcntl", 5, {"fd": 3, "cmd": "F_DUPFD_CLOEXEC"}, {"fd": 1})
    run.call(MAIN, "fcntl", 0, {"fd": 5, "cmd": "F_SETFD", "arg": "0"}, {"fd": 1})
    run.call(MAIN, "socket", 6, {"type": "SOCK_STREAM|SOCK_CLOEXEC"}, {"result": 3})
    run.call(MAIN, "openat2", 7, {"how": {"flags": "O_CLOEXEC"}}, {"result": 4})
    run.call(MAIN, "ioctl", 0, {"fd": 7, "request": "FIONCLEX"}, {"fd": 4})
    execve = run.call(MAIN, "execve", 0)
    run.event("exec", MAIN, tid=MAIN, program="/bin/true", argv=["true"])
    found = lives(run.records)
    assert [life.closed for life in found] == [None, execve, execve, None]
    assert told(found[0]) == [(MAIN, 3, kept, None), (MAIN, 5, 2, None)]


def test_exec_whose_event_comes_first_or_alone(run: Any) -> None:
    opened(run, flags="O_CLOEXEC")
    run.event("exec", MAIN, tid=MAIN, program="/bin/true", argv=["true"])
    execve = run.call(MAIN, "execve", 0)
    again = opened(run, 3, 2, flags="O_CLOEXEC")
    run.event("exec", MAIN, tid=MAIN, program="/bin/true", argv=["true"])
    run.call(MAIN, "getpid")
    one, two = lives(run.records)
    assert one.closed == execve
    assert (two.opened, two.holdings[0].closed, two.holdings[0].implicit) == (again, None, True)


def test_clone_files_shares_the_table_until_exec(run: Any) -> None:
    one = opened(run, flags="O_RDONLY|O_CLOEXEC")
    run.fork(CHILD, name="clone", files="shared")
    two = opened(run, 4, 2, pid=CHILD)
    closed = close(run, 4, 2)
    execve = run.call(CHILD, "execve", 0, pid=CHILD)
    run.event("exec", CHILD, tid=CHILD, program="/bin/true", argv=["true"])
    ours = close(run)
    first, second = lives(run.records)
    assert (second.opened, second.closed) == (two, closed)
    assert told(first) == [(MAIN, 3, one, ours), (CHILD, 3, one, execve)]


def test_unshare_takes_a_copy(run: Any) -> None:
    opened(run)
    run.call(MAIN, "clone", CHILD)
    run.event("thread_start", MAIN, tid=CHILD, parent=MAIN)
    run.call(CHILD, "unshare", 0, {"flags": "CLONE_FILES"})
    run.call(CHILD, "close", 0, {"fd": 3}, {"fd": 1})
    (life,) = lives(run.records)
    assert life.closed is None
    last = close(run)
    assert lives(run.records)[0].closed == last


def test_close_range_with_unshare_leaves_the_others_alone(run: Any) -> None:
    opened(run)
    run.event("thread_start", MAIN, tid=CHILD, parent=MAIN)
    run.call(CHILD, "close_range", 0, {"flags": "CLOSE_RANGE_UNSHARE"}, registers=[3, 0xFFFFFFFF, 2, 0, 0, 0])
    assert lives(run.records)[0].closed is None


def test_a_thread_that_ends_takes_nothing_with_it(run: Any) -> None:
    opened(run)
    run.event("thread_start", MAIN, tid=CHILD, parent=MAIN)
    run.call(CHILD, "exit", None)
    run.event("thread_end", MAIN, tid=CHILD, status=0)
    assert lives(run.records)[0].holdings[0].left is False
    run.ends(MAIN)
    (life,) = lives(run.records)
    assert life.holdings[0].left
    assert life.closed is None
