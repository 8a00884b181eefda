"""Processes: fork, vfork, clone, ends, orphans, say the same natively and emulated.

| theme | guest |
|---|---|
| memory, descriptors, locks and ids after fork | fork_basic |
| what a child inherits: umask, limits, signals, no timers | fork_state |
| fork by one of several threads, in a handler | fork_threads |
| vfork, CLONE_VM with and without waiting | fork_vfork |
| clone's sharing flags, exit signals, pidfds, ids | fork_clone |
| what several processes use together: listeners, pipes, epoll, futexes, sent descriptors | fork_shared |
| refused flags of clone and clone3 | fork_flags |
| threads with tables and directories of their own, unshare | fork_tables |
| record locks between processes | process_locks |
| one memory for several processes, maps, code and faults after fork | process_memory |
| zombies, subreapers, PR_SET_PDEATHSIG | process_orphans |
| two hundred at once, a tree | process_crowd |
| everything at random: stops, signals, ends, forks in handlers | process_storm |
| clocks and timers by process, RLIMIT_CPU | process_timers |
| limits (on the bench only) | process_limit |
| the same run twice | process_relay |
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu import Machine

Same = Callable[..., Any]
Emulated = Callable[..., Any]

VOLATILE = ("time", "duration", "blocked")
"""Members of a record that tell times."""


@pytest.mark.parametrize(
    "guest",
    [
        "fork_basic",
        "fork_state",
        "fork_threads",
        "fork_vfork",
        "fork_clone",
        "fork_flags",
        "fork_shared",
        "fork_tables",
        "process_locks",
        "process_memory",
        "process_orphans",
        "process_crowd",
        "process_relay",
        "process_storm",
        "process_timers",
    ],
)
def test_processes(same: Same, guest: str) -> None:
    same(guest)


def test_the_limit_of_the_bench(emulated: Emulated) -> None:
    outcome = emulated("process_limit", options=("--processes", "20"))
    assert outcome.stdout.decode() == (
        "fork: -EAGAIN\nmade: 18\nagain: -EAGAIN\nthe other one: exited 7\nthere is room again: exited 3\nend: yes\n"
    )
    assert b"limit of 20 processes" in outcome.stderr
    assert outcome.stderr.count(b"EAGAIN") == 1
    assert outcome.status == 0


def test_the_limit_that_the_guest_has_set(emulated: Emulated) -> None:
    outcome = emulated("process_limit", "3", options=("--user", "1000"))
    assert b"made: 28\n" in outcome.stdout
    assert b"the other one: exited 7\nthere is room again: exited 3\nend: yes\n" in outcome.stdout
    assert outcome.status == 0


def test_the_same_run_twice(elf: Callable[[str], Path], tmp_path: Path) -> None:
    runs = []
    for _ in range(2):
        with (
            (tmp_path / "output").open("wb") as output,
            Machine(elf("process_relay"), stdin=None, stdout=output.fileno(), trace=True) as machine,
        ):
            assert machine.run() == 0
            records = machine.trace
        assert len({record["pid"] for record in records if "pid" in record}) == 11
        runs.append([_without_times(record) for record in records])
    assert len(runs[0]) > 500
    assert runs[0] == runs[1]


def _without_times(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in VOLATILE}
