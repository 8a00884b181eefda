"""Timers by deadline: what fires when, once, in which order."""

import random

from emu.timers import Timers


class Bells:
    """Timers that write down their names."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.rung = ""

    def arm(self, name: str, deadline: int) -> None:
        self.timers.arm(name, deadline, lambda: self.ring(name))

    def ring(self, name: str) -> None:
        self.rung += name


def test_what_is_due_fires_once_and_in_order() -> None:
    bells = Bells()
    for name, deadline in {"c": 30, "a": 10, "b": 20, "d": 31}.items():
        bells.arm(name, deadline)
    bells.timers.expire(9)
    assert bells.rung == ""
    bells.timers.expire(30)
    bells.timers.expire(30)
    assert bells.rung == "abc"
    assert len(bells.timers) == 1


def test_one_deadline_fires_in_the_order_of_arming() -> None:
    bells = Bells()
    for name in "xay":
        bells.arm(name, 5)
    bells.timers.expire(5)
    assert bells.rung == "xay"


def test_the_next_deadline_is_the_earliest_that_is_armed() -> None:
    bells = Bells()
    assert bells.timers.next() is None
    bells.arm("a", 10)
    bells.arm("b", 20)
    assert bells.timers.next() == 10
    bells.timers.disarm("a")
    assert bells.timers.next() == 20
    bells.arm("b", 5)
    assert bells.timers.next() == 5
    bells.timers.clear()
    assert bells.timers.next() is None
    assert not bells.timers


def test_arming_again_replaces() -> None:
    bells = Bells()
    bells.arm("a", 10)
    bells.arm("a", 50)
    bells.timers.expire(20)
    assert bells.rung == ""
    bells.timers.expire(50)
    assert bells.rung == "a"


def test_what_a_timer_arms_while_it_fires_waits_for_the_next_time() -> None:
    bells = Bells()

    def again() -> None:
        bells.ring("r")
        bells.timers.arm("repeats", 1, again)

    bells.timers.arm("repeats", 1, again)
    bells.timers.expire(1000)
    assert bells.rung == "r"
    bells.timers.expire(1000)
    assert bells.rung == "rr"


def test_a_timer_may_disarm_another_that_is_due() -> None:
    bells = Bells()
    bells.timers.arm("first", 1, lambda: bells.timers.disarm("second"))
    bells.arm("second", 2)
    bells.timers.expire(3)
    assert bells.rung == ""


def test_rearming_for_ever_keeps_no_heap_of_the_past() -> None:
    timers = Timers()
    for deadline in range(10_000):
        timers.arm("one", deadline, lambda: None)
    assert len(timers._heap) < 100
    assert timers.next() == 9_999


def test_many_at_random() -> None:
    choose = random.Random(4)
    timers = Timers()
    fired: list[int] = []
    deadlines: dict[int, int] = {}
    for _ in range(5_000):
        key = choose.randrange(200)
        if choose.random() < 0.3:
            timers.disarm(key)
            deadlines.pop(key, None)
        else:
            deadlines[key] = choose.randrange(1_000)
            timers.arm(key, deadlines[key], lambda key=key: fired.append(key))  # type: ignore[misc]
        assert timers.next() == min(deadlines.values(), default=None)
    timers.expire(600)
    assert sorted(fired) == sorted(key for key, deadline in deadlines.items() if deadline <= 600)
    assert [deadlines[key] for key in fired] == sorted(deadlines[key] for key in fired)
