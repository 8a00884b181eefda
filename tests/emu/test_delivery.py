"""Signals reach the thread that they are for, whatever it does, in storms as well, and in the same order in every run."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu import Machine

Same = Callable[..., Any]


@pytest.mark.parametrize("args", [("2000",), ("500", "t")], ids=["without clocks", "with short sleeps"])
def test_no_handler_is_lost_in_a_storm(same: Same, args: tuple[str, ...]) -> None:
    assert b": no" not in same("signals_storm", *args).stdout


def test_each_signal_is_taken_once_by_whoever_waits_for_it(same: Same) -> None:
    assert b"faults: 0\n" in same("signals_churn", "2000").stdout


def test_timers_into_threads_that_compute(same: Same) -> None:
    assert b"faults: 0\n" in same("timers_hail").stdout


def test_what_one_thread_cannot_take_another_one_takes(same: Same) -> None:
    same("signals_others")


def test_what_a_wait_had_blocked_is_handled_after_it(same: Same) -> None:
    assert b"handled: 1\n" in same("signals_remasked").stdout


class Log:
    """Keeps what a run did, without its times."""

    def __init__(self) -> None:
        self.happened: list[object] = []

    def record(self, record: Any) -> None:
        self.happened.append((record[4].tid, record[5].name, record[6], record[7]))

    def event(self, event: dict[str, Any]) -> None:
        self.happened.append({name: value for name, value in event.items() if name != "time"})

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("guest", "signals"), [("signals_storm", 1600), ("signals_churn", 400)])
def test_a_storm_is_the_same_in_every_run(elf: Callable[[str], Path], guest: str, signals: int) -> None:
    def storm() -> list[object]:
        log = Log()
        with Machine(elf(guest), ["storm", "400"], stdout=None, seed=7, trace=log) as machine:
            assert machine.run() == 0
        return log.happened

    first = storm()
    assert sum(isinstance(one, dict) and one["event"] == "signal" for one in first) >= signals
    assert first == storm()


@pytest.mark.parametrize("way", ["sigsuspend", "read", "computing"])
def test_a_thread_alone_hears_a_signal_from_outside(elf: Callable[[str], Path], way: str) -> None:
    receiver, sender = os.pipe()
    try:
        with Machine(elf("signals_alone"), ["alone", way[0]], stdout=sender) as machine:
            machine.start()
            assert os.read(receiver, 6) == b"ready\n"
            machine.send_signal(10)
            assert machine.wait(20) == 0
            assert os.read(receiver, 100).endswith(b"handlers: 1\n")
    finally:
        os.close(receiver)
        os.close(sender)
