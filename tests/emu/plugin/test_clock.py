"""Deadlines by the clock and by the work done."""

import time

from emu.plugin.clock import Deadline


def test_by_the_clock() -> None:
    assert 0 < Deadline(100.0).left <= 100.0
    assert not Deadline(100.0).passed
    assert Deadline(0.0).passed


def test_by_the_work_done() -> None:
    deadline = Deadline(1000.0, busy=0.01)
    begun = time.process_time()
    while time.process_time() < begun + 0.02:
        pass
    assert deadline.passed
    assert deadline.left == 0.0


def test_waiting_is_no_work() -> None:
    deadline = Deadline(1000.0, busy=5.0)
    time.sleep(0.01)
    assert not deadline.passed
