"""Calls on files and paths, natively and emulated in the same directory; and what keeps a guest inside its roots."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent


def fill(work: Path) -> None:
    """What the guests find in their directory."""
    work.mkdir()
    (work / "file").write_bytes(b"content\n")
    (work / "folder").mkdir()
    (work / "folder" / "inner").write_bytes(b"inner\n")
    (work / "link").symlink_to("file")
    (work / "absolute").symlink_to(work / "file")
    (work / "to-folder").symlink_to("folder")
    (work / "to-folder-slash").symlink_to("folder/")
    (work / "dangling").symlink_to("nothing")
    (work / "loop").symlink_to("loop")
    (work / "up").symlink_to("folder/../file")
    (work / "through-file").symlink_to("file/x")
    os.mkfifo(work / "fifo")


@pytest.fixture
def alike(elf: Callable[[str], Path], tmp_path: Path) -> Callable[..., str]:
    """Runs a guest natively and emulated in the same directory, freshly filled; both must say the same, which is returned."""

    def compare(name: str, *args: str, status: int = 0) -> str:
        path = elf(name)
        work = tmp_path / "work"
        emulator = [sys.executable, "-m", "emu", "run", "--rw", str(work), str(path), "--", *args]
        said = []
        for command in ([str(path), *args], emulator):
            shutil.rmtree(work, ignore_errors=True)
            fill(work)
            environment = {"PYTHONPATH": str(REPOSITORY)} if command is emulator else {}
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
                env=environment,
                cwd=work,
                check=False,
            )
            code = done.returncode if done.returncode >= 0 else 128 - done.returncode
            assert code == status, (done.stdout + done.stderr).decode("latin-1")
            said.append(done.stdout.decode("latin-1"))
        assert said[1] == said[0]
        return said[0]

    return compare


@pytest.mark.parametrize(
    "name",
    [
        "files_attributes",
        "files_fifo",
        "files_inotify",
        "files_io",
        "files_links",
        "files_space",
        "files_descriptors",
        "files_paths",
        "files_vectors",
        "proc_others",
        "mapping_basic",
        "pipes_basic",
        "pipes_splice",
        "pipes_threads",
    ],
)
def test_guests_say_the_same(alike: Callable[..., str], name: str) -> None:
    alike(name)


def test_a_write_without_a_reader_kills(alike: Callable[..., str]) -> None:
    assert alike("pipes_basic", "die", status=141).endswith("one argument: no\n")


@pytest.fixture
def shown(elf: Callable[[str], Path]) -> Callable[..., bytes]:
    """What an emulated guest finds in the files that it is told to show."""

    def show(*paths: str, options: tuple[str, ...] = ()) -> bytes:
        command = [sys.executable, "-m", "emu", "run", *options, str(elf("shows")), "--", *paths]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(command, capture_output=True, timeout=60, env=environment, check=True)
        assert done.stderr == b""
        return done.stdout

    return show


def test_random_devices_follow_from_the_seed(shown: Callable[..., bytes]) -> None:
    first = shown("/dev/urandom", "/dev/random")
    assert len(first) == 2 * 65536
    assert first[:65536] != first[65536:]
    assert shown("/dev/urandom", "/dev/random") == first
    assert shown("/dev/urandom", "/dev/random", options=("--seed", "1")) != first


def test_a_guest_reads_about_itself(shown: Callable[..., bytes], elf: Callable[[str], Path]) -> None:
    assert shown("/proc/self/cmdline").endswith(b"shows.elf\0/proc/self/cmdline\0")
    assert shown("/proc/self/exe") == elf("shows").read_bytes()[:65536]
    maps = shown("/proc/self/maps").decode().splitlines()
    assert any(line.endswith("[stack]") for line in maps)
    assert any(" r-xp " in line and line.endswith("shows.elf") for line in maps)


def test_a_root_is_shown(shown: Callable[..., bytes], tmp_path: Path) -> None:
    fill(tmp_path / "work")
    options = ("--root", str(tmp_path / "work"))
    assert (
        shown("/file", "/folder/../link", "/absolute", options=options)
        == b"content\ncontent\nopen: -ENOENT\n"
    )
    assert shown("/etc/passwd") == b"open: -ENOENT\n"
