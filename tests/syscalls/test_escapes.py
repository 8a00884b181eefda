"""Attempts to get out of the bench, a row each: of the roots, of the network, to processes, memory and settings of the host. All must fail."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tools.conformance import escapes, escapes_files, escapes_memory, escapes_system, scripted  # noqa: E402
from tools.conformance.escapes import ATTEMPTS, Try, World  # noqa: E402
from tools.conformance.scripted import result  # noqa: E402

assert escapes_files
assert escapes_system  # they fill the table


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path / "world") as made:
        yield made


@pytest.mark.parametrize("name", ATTEMPTS)
def test_no_attempt_gets_out(elf: Callable[[str], Path], world: World, name: str) -> None:
    assert escapes.make(elf("scripted"), world, ATTEMPTS[name]).findings == []


def chunks() -> list[list[str]]:
    names = [entry.name for entry in escapes_memory.calls()]
    return [names[at : at + 40] for at in range(0, len(names), 40)]


@pytest.mark.slow
@pytest.mark.parametrize("names", chunks(), ids=lambda names: f"{names[0]} to {names[-1]}")
def test_no_call_reads_or_writes_the_bench_s_memory(elf: Callable[[str], Path], names: list[str]) -> None:
    for entry in escapes_memory.calls():
        if entry.name in names:
            assert list(escapes_memory.findings(elf("scripted"), entry)) == []


@contextmanager
def racing(world: World) -> Iterator[list[int]]:
    """Somebody on the host swaps a directory below `rw` and a symbolic link that leads out, as fast as possible; the number of swaps."""
    real, link, name = world.rw / "real", world.rw / "link", world.rw / "swap"
    real.mkdir()
    (real / "deep").mkdir()
    link.symlink_to(world.outside)
    (world.outside / "deep").mkdir()
    swaps, over = [0], threading.Event()

    def swap() -> None:
        while not over.is_set():
            for one in (real, link):
                with suppress(OSError):
                    os.rename(one, name)
                    os.rename(name, one)
                    swaps[0] += 1

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield swaps
    finally:
        over.set()
        thread.join()


def test_no_race_is_won_against_the_walk(elf: Callable[[str], Path], world: World) -> None:
    """The host changes names while the bench walks: what the guest opens, makes and removes is inside all the same."""

    def build(t: Try) -> None:
        t.works("chdir", os.fsencode(world.rw))
        rounds = t.put((3000).to_bytes(8, "little"))
        top = len(t.steps)
        for path in (
            b"swap/secret",
            b"swap/../outside/secret",
            b"swap/deep/../secret",
            b"swap/deep/../../secret",
            b"real/../../outside/secret",
        ):
            t.goto_if(
                result(t.call("open", path, 0, 0)), 3, 1 << 20
            )  # a descriptor: the script runs off its end
            t.call("truncate", path, 0)
        t.call("mkdir", b"swap/deep/made", 0o755)
        t.call("open", b"swap/made", 0o4101, 0o644)
        t.call("close_range", 3, 0xFFFFFFFF, 0)
        t.call("unlink", b"swap/secret")
        t.call("rename", b"swap/deep", b"swap/moved")
        t.step(scripted.LOOP, top, rounds)

    world.before = []
    with racing(world) as swaps:
        world.before = world.facts()
        outcome = escapes.make(elf("scripted"), world, build)
    assert outcome.findings == []
    assert swaps[0] > 100
    assert (world.outside / "secret").read_bytes() == world.secret


def test_no_race_is_won_by_another_process_of_the_guest(elf: Callable[[str], Path], world: World) -> None:
    """One guest process swaps names, another walks; a thread of the second one changes the path while it is read."""

    def build(t: Try) -> None:
        t.works("chdir", os.fsencode(world.rw))
        t.works("mkdir", b"real", 0o755)
        t.works("symlink", b"../outside", b"link")
        t.works("symlink", os.fsencode(world.outside), b"other")
        child = t.works("fork")
        walks = t.goto_if(result(child), 0)
        count = t.put((1000).to_bytes(8, "little"))
        top = len(t.steps)
        for name in (b"real", b"link", b"other"):
            t.call("rename", name, b"swap")
            t.call("sched_yield")
            t.call("rename", b"swap", name)
        t.call("renameat2", -100, b"real", -100, b"link", 2)
        t.step(scripted.LOOP, top, count)
        t.works("kill", result(child), 9)
        over = t.goto_if(0, 0)
        t.land(walks)
        path = t.put(b"swap/secret".ljust(32, b"\0"))
        thread = t.step(scripted.THREAD, 0, 1, 0x50F00)
        top = len(t.steps)
        for way in (b"swap/secret", b"swap/../outside/secret", b"link/secret", b"real/secret"):
            fd = t.call("open", way, 0, 0)
            t.goto_if(result(fd), 3, 1 << 20)
        fd = t.call("open", path, 0, 0)
        t.goto_if(result(fd), 3, 1 << 20)
        t.call("sched_yield")
        t.goto_if(0, 0, top)
        t.land(thread)
        top = len(t.steps)
        t.step(scripted.STORE, 0, path, int.from_bytes(b"../outsi", "little"), 8)
        t.step(scripted.STORE, 0, path + 8, int.from_bytes(b"de/secre", "little"), 8)
        t.step(scripted.STORE, 0, path, int.from_bytes(b"swap/../", "little"), 8)
        t.call("sched_yield")
        t.goto_if(0, 0, top)
        t.land(over)

    assert escapes.make(elf("scripted"), world, build).findings == []


def test_a_writable_temporary_folder_does_not_turn_the_bench_against_others(
    elf: Callable[[str], Path], world: World
) -> None:
    """The bench's private directory lies in $TMPDIR: a guest that may write there moves it away, and puts a link in its place."""

    def build(t: Try) -> None:
        t.options += ["--rw", str(world.folder / "tmp")]
        folder = t.opened(t.path("tmp"), 0o200000)
        got = t.works("getdents64", result(folder), room := t.room(4096), 4096)
        t.tell(room, result(got))
        for at in (24, 48, 72, 56, 80):
            name = room + at + 19
            t.call("renameat", result(folder), name, result(folder), b"moved")
            t.call("renameat2", result(folder), name, result(folder), t.text(t.path("rw", "sub")), 2)
            t.call("symlinkat", t.path("outside"), result(folder), name)
            t.call("unlinkat", result(folder), name, 0x200)
            t.call("unlinkat", result(folder), name, 0)
            for below in (b"proc", b"root", b"../../outside"):
                t.peek(below, result(folder))
        t.refused("ENOENT", "chdir", t.path("tmp", "moved"))
        t.works("mkdir", t.path("tmp", "own"), 0o700)
        t.works("rmdir", t.path("tmp", "own"))

    outcome = escapes.make(elf("scripted"), world, build)
    assert outcome.findings == []
    assert b"emu-" in outcome.output  # it was there to be found


def test_what_is_private_is_deleted_however_deep_it_is(elf: Callable[[str], Path], world: World) -> None:
    """Nested deeper than a path can say, with permissions that stop whoever is no root."""

    def build(t: Try) -> None:
        t.works("chdir", b"/tmp")
        rounds = t.put((3000).to_bytes(8, "little"))
        top = len(t.steps)
        t.works("mkdir", b"a-long-name-of-a-directory", 0o700)
        t.works("chdir", b"a-long-name-of-a-directory")
        t.call("open", b"file", 0o101, 0)
        t.call("close_range", 3, 0xFFFFFFFF, 0)
        t.call("chmod", b"..", 0o100)
        t.step(scripted.LOOP, top, rounds)

    assert escapes.make(elf("scripted"), world, build).findings == []
