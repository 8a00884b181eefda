"""The servers of packages: heads of scripts, what is missing, what is left over; and one script run, natively and emulated. The soak's own judgements."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from guest.compiler import build
from tools.conformance import servers, soak, soak_load
from tools.conformance.report import DIFFERS, EQUAL, SKIPPED
from tools.conformance.run import Run


def test_each_script_says_what_it_does_and_needs() -> None:
    for script in servers.scripts():
        assert script.what
        assert script.needs, script.name
    assert {script.name for script in servers.scripts()} >= {"redis", "nginx", *servers.BRIEF}


def test_a_script_is_skipped_where_its_program_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "none.sh"
    path.write_text("# does nothing\n# needs: sh no-such-program\n")
    row = servers.row_of(servers.script_of(path), tmp_path)
    assert (row.result, row.note) == (SKIPPED, "not installed: no-such-program")


def test_a_script_is_run_twice_in_an_empty_folder(tmp_path: Path) -> None:
    path = tmp_path / "tiny.sh"
    path.write_text(
        '# says hello\n# needs: cat\nls\necho "$PORT" | grep -c "[0-9]"\necho hello | cat > file\nexit 3\n'
    )
    row = servers.row_of(servers.script_of(path), tmp_path)
    assert (row.result, row.note) == (EQUAL, "")
    assert {"execve", "vfork", "wait4"} <= row.calls


def test_two_runs_that_hang_are_not_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "NATIVE_LIMIT", 0.5)
    path = tmp_path / "hangs.sh"
    path.write_text("# hangs\n# needs: sleep\nsleep 1000 &\nwait\n")
    row = servers.row_of(servers.script_of(path), tmp_path)
    assert (row.result, row.note) == (DIFFERS, "the script does not end natively")
    assert servers.end_leftovers(tmp_path) == []


def test_what_a_native_script_leaves_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "left"
    path.mkdir()
    with subprocess.Popen(["/bin/sleep", "1000"], cwd=path, start_new_session=True) as left:
        assert servers.end_leftovers(path) == [left.pid]
        assert left.wait(10) == -9
    assert servers.end_leftovers(path) == []


def test_ports_are_free_and_different() -> None:
    assert len(set(servers.free_ports(3))) == 3


def test_a_limit_is_met_with_the_right_words() -> None:
    fine = soak.limited_row("a", "b", Run(0, b"x\n", b"memory exhausted\n", 0.1), b"x\n", b"exhausted")
    assert (fine.result, fine.note) == (EQUAL, "memory exhausted")
    assert (
        soak.limited_row("a", "b", Run(1, b"x\n", b"exhausted", 0.1), b"x\n", b"exhausted").result == DIFFERS
    )
    assert soak.limited_row("a", "b", Run(0, b"x\n", b"", 0.1), b"x\n", b"exhausted").result == DIFFERS


def test_memory_and_descriptors_of_a_process_are_counted() -> None:
    before = soak.descriptors(os.getpid())
    with open("/dev/null", "rb"):
        assert soak.descriptors(os.getpid()) == before + 1
    assert soak.resident_set(os.getpid()) > 1000


@pytest.mark.parametrize("load", [soak_load.load_http, soak_load.load_terminals])
def test_a_server_under_load_keeps_what_it_has(load: soak.Load, tmp_path: Path) -> None:
    guest = "server" if load is soak_load.load_http else "pty_server"
    arguments = ["1", "127.0.0.1", "0"] if guest == "server" else ["0", "/bin/sh"]
    elf = tmp_path / f"{guest}.elf"
    elf.write_bytes(build(guest))
    elf.chmod(0o755)
    began = time.monotonic()
    with soak.Served(["--root", "/"], [str(elf), *arguments], tmp_path) as server:
        row = soak.loaded_row(guest, "brief", server, load, 3)
    assert row.result == EQUAL, row.note
    assert time.monotonic() - began < 60


def test_a_fork_bomb_and_a_memory_hog_meet_their_limits(tmp_path: Path) -> None:
    for row in (soak.bomb_row(tmp_path), soak.hog_row(tmp_path)):
        assert row.result == EQUAL, row.note
