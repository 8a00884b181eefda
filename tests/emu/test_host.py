"""The host module: edges of descriptors, deadlines, calls from other host threads, signals."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from emu.host import Host

MS = 1_000_000


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_an_edge_is_reported_once(host: Host, pipe: tuple[int, int]) -> None:
    receiver, sender = pipe
    assert host.watch(receiver)
    assert host.watch(receiver)
    assert list(host.peek()) == []
    os.write(sender, b"x")
    assert list(host.wait(None)) == [receiver]
    assert list(host.peek()) == []
    os.write(sender, b"y")
    assert list(host.peek()) == [receiver]


def test_what_came_before_the_watch_is_reported(host: Host, pipe: tuple[int, int]) -> None:
    receiver, sender = pipe
    os.write(sender, b"x")
    host.watch(receiver)
    assert list(host.peek()) == [receiver]


def test_a_hang_up_is_an_edge(host: Host) -> None:
    here, there = socket.socketpair()
    with here:
        host.watch(here.fileno())
        host.peek()
        there.close()
        assert list(host.wait(None)) == [here.fileno()]
        host.forget(here.fileno())


def test_a_forgotten_descriptor_is_silent(host: Host, pipe: tuple[int, int]) -> None:
    receiver, sender = pipe
    host.watch(receiver)
    host.forget(receiver)
    host.forget(receiver)
    os.write(sender, b"x")
    assert list(host.peek()) == []
    host.watch(receiver)  # and can be watched again
    assert list(host.peek()) == [receiver]


def test_files_are_always_ready(host: Host, tmp_path: object) -> None:
    with open(f"{tmp_path}/file", "w") as file:
        assert not host.watch(file.fileno())
        assert not host.watch(file.fileno())
        host.forget(file.fileno())


def test_a_deadline_ends_the_wait(host: Host) -> None:
    start = host.monotonic_ns()
    for wait in (3 * MS, 300_000, -5):
        now = host.monotonic_ns()
        events = list(host.wait(now + wait))
        assert all(host.is_own(fd) for fd in events)
        assert host.monotonic_ns() >= now + wait
    assert host.monotonic_ns() - start < 2000 * MS


def test_a_deadline_that_was_not_reached_does_not_linger(host: Host, pipe: tuple[int, int]) -> None:
    receiver, sender = pipe
    host.watch(receiver)
    os.write(sender, b"x")
    assert receiver in host.wait(host.monotonic_ns() + 20 * MS)
    timer = threading.Timer(0.06, os.write, (sender, b"y"))
    timer.start()
    assert list(host.wait(None)) == [receiver]
    timer.join()


def test_another_thread_ends_the_wait(host: Host) -> None:
    timer = threading.Timer(0.02, host.interrupt)
    timer.start()
    assert all(host.is_own(fd) for fd in host.wait(host.monotonic_ns() + 10_000 * MS))
    timer.join()


def test_a_signal_ends_the_wait(host: Host) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    host.catch_signals([signal.SIGUSR1])
    timer = threading.Timer(0.02, signal.raise_signal, (signal.SIGUSR1,))
    timer.start()
    events = list(host.wait(host.monotonic_ns() + 10_000 * MS))
    timer.join()
    assert events
    assert all(host.is_own(fd) for fd in events)
    time.sleep(0)
    assert host.caught() == [signal.SIGUSR1]
    assert host.caught() == []
    host.release_signals()
    assert signal.getsignal(signal.SIGUSR1) is before


def test_nothing_is_left_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        host = Host()
        host.catch_signals([signal.SIGUSR1])
        host.close()
    assert set(os.listdir("/proc/self/fd")) == before
