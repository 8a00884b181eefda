"""The scheduler: whose turn it is, what ends a wait, and that nobody starves."""

from typing import Any

from emu.sched import SLICE, Scheduler, Task
from syscalls.wait import Wait, WaitQueue, Wake


class Names:
    """Tasks by name, on one scheduler."""

    def __init__(self, names: str) -> None:
        self.scheduler = Scheduler()
        self.tasks = {name: Task(self.scheduler, name, None) for name in names}  # type: ignore[arg-type]

    def __getitem__(self, name: str) -> Task:
        return self.tasks[name]

    def order(self, used: int = 0) -> str:
        """Takes everybody out of the queues."""
        names = ""
        while (task := self.scheduler.next(used)) is not None:
            names += str(task.thread)
        return names


def test_first_in_first_out() -> None:
    n = Names("abc")
    n.scheduler.ready.extend([n["c"], n["a"], n["b"]])
    assert n.order() == "cab"


def test_woken_threads_come_before_spent_ones() -> None:
    n = Names("abc")
    n.scheduler.spent.append(n["a"])
    n.scheduler.ready.extend([n["b"], n["c"]])
    assert n.order() == "bca"


def test_spent_threads_do_not_starve() -> None:
    n = Names("abs")
    scheduler = n.scheduler
    scheduler.spent.append(n["s"])
    turns = ""
    for _ in range(400):  # a and b wake each other for ever
        task = scheduler.next(1000)
        assert task is not None
        turns += str(task.thread)
        (scheduler.spent if task is n["s"] else scheduler.ready).append(task)
        if len(turns) == 1:
            scheduler.ready.append(n["b" if task is n["a"] else "a"])
    assert turns.count("s") >= 400 * 1000 // (2 * SLICE)


def test_a_queue_wakes_in_order_of_arrival() -> None:
    n = Names("abc")
    queue = WaitQueue()
    for name in "bac":
        n.scheduler.park(n[name], Wait(queue=queue))
    assert queue.wake(2) == 2
    assert n.order() == "ba"
    assert n["b"].reason is Wake.QUEUE
    assert [task.thread for task in queue.waiters] == ["c"]


def test_a_descriptor_wakes_everybody_who_waits_for_it() -> None:
    n = Names("abc")
    n.scheduler.park(n["a"], Wait(fds=((5, 1), (6, 1))))
    n.scheduler.park(n["b"], Wait(fds=((6, 1),)))
    n.scheduler.park(n["c"], Wait(fds=((7, 1),)))
    n.scheduler.fd_event(6)
    n.scheduler.fd_event(5)  # a does not wait any more
    n.scheduler.fd_event(99)
    assert n.order() == "ab"
    assert n["a"].reason is Wake.READY
    assert list(n.scheduler.parked) == [n["c"]]


def test_deadlines() -> None:
    n = Names("abc")
    n.scheduler.park(n["a"], Wait(deadline=30))
    n.scheduler.park(n["b"], Wait(deadline=20))
    n.scheduler.park(n["c"], Wait(deadline=20))
    assert n.scheduler.next_deadline() == 20
    n.scheduler.expire(19)
    assert n.order() == ""
    n.scheduler.expire(20)
    assert n.order() == "bc"
    assert n["b"].reason is Wake.TIMEOUT
    assert n.scheduler.next_deadline() == 30


def test_the_first_reason_ends_all_others() -> None:
    n = Names("a")
    queue = WaitQueue()
    n.scheduler.park(n["a"], Wait(fds=((5, 1),), deadline=10, queue=queue))
    n.scheduler.expire(10)
    assert not queue.waiters
    n.scheduler.fd_event(5)
    n.scheduler.wake(n["a"], Wake.INTERRUPTED)
    assert n.order() == "a"
    assert n["a"].reason is Wake.TIMEOUT


def test_an_old_deadline_does_not_end_a_new_wait() -> None:
    n = Names("a")
    n.scheduler.park(n["a"], Wait(deadline=10))
    n.scheduler.wake(n["a"], Wake.INTERRUPTED)
    n.order()
    n.scheduler.park(n["a"], Wait(deadline=50))
    n.scheduler.expire(10)
    assert n.order() == ""
    assert n.scheduler.next_deadline() == 50


def test_stale_deadlines_are_cleared_away() -> None:
    n = Names("a")
    for turn in range(10_000):
        n.scheduler.park(n["a"], Wait(deadline=1_000_000 + turn))
        n.scheduler.wake(n["a"], Wake.READY)
        n.order()
    assert len(n.scheduler._deadlines) < 200


def test_deadlock_is_seen() -> None:
    n = Names("ab")
    n.scheduler.park(n["a"], Wait(queue=WaitQueue()))
    assert n.scheduler.is_deadlock()
    n.scheduler.park(n["b"], Wait(deadline=1))
    assert not n.scheduler.is_deadlock()
    n.scheduler.expire(1)
    assert not n.scheduler.is_deadlock()  # b is ready
    n.order()
    assert n.scheduler.is_deadlock()


def test_a_task_that_ended_is_forgotten_everywhere() -> None:
    n = Names("abc")
    queue = WaitQueue()
    n.scheduler.park(n["a"], Wait(fds=((5, 1),), queue=queue))
    n.scheduler.ready.append(n["b"])
    n.scheduler.spent.append(n["c"])
    for name in "abc":
        n.scheduler.remove(n[name])
    n.scheduler.fd_event(5)
    assert n.order() == ""
    assert not queue.waiters


def test_the_order_is_the_same_every_time() -> None:
    def play() -> list[Any]:
        n = Names("abcdef")
        queue = WaitQueue()
        turns: list[Any] = []
        n.scheduler.ready.extend(n.tasks.values())
        for step in range(200):
            task = n.scheduler.next(step * 37 % 999)
            if task is None:
                queue.wake(3)
                continue
            turns.append(task.thread)
            if step % 3 == 0:
                n.scheduler.park(task, Wait(queue=queue))
            elif step % 3 == 1:
                n.scheduler.spent.append(task)
            else:
                queue.wake(1)
                n.scheduler.ready.append(task)
        return turns

    assert play() == play()
