"""pty_server: a shell at a terminal of its own behind each WebSocket."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

PATIENCE = 30
ROOT = Path(__file__).parents[3]


def test_a_shell_answers(server: Any) -> None:
    client = server.terminal()
    client.type("echo $((6*7))-$TERM-$HOME\n")
    client.wait_for("42-xterm-256color-/tmp\r\n")


def test_a_client_that_others_wrote(server: Any) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/term", open_timeout=PATIENCE) as session:
        session.send(b"echo 1$((1+1))3; exit 4\n")
        seen = b""
        for message in session:
            assert isinstance(message, bytes)
            seen += message
    assert b"123\r\n" in seen
    assert (session.close_code, session.close_reason) == (1000, "exit status 4")


def test_it_is_a_terminal(server: Any) -> None:
    client = server.terminal()
    client.type("test -t 0 && test -t 1 && test -t 2 && echo all$((3))\n")
    client.wait_for("all3")
    client.type("tty\n")
    client.wait_for("/dev/pts/")
    client.type("test $(cut -d' ' -f6 /proc/$$/stat) = $$ && echo lea''ds\n")
    client.wait_for("leads")


def test_only_the_terminal_is_open_in_the_shell(server: Any) -> None:
    client = server.terminal()
    client.type(
        "for fd in 0 1 2 3 4 5 6 7 8 9; do if true <&$fd; then echo op''en $fd; fi; done 2>/dev/null; echo en''ough\n"
    )
    seen = client.wait_for("enough")
    assert re.findall(r"open (\d)", seen) == ["0", "1", "2"]


def test_signals_are_as_a_program_expects_them(server: Any) -> None:
    client = server.terminal()
    client.type("grep -E 'Sig(Blk|Ign)' /proc/self/status; echo do''ne\n")
    seen = client.wait_for("done")
    assert re.findall(r"Sig(\w+):\s+0{16}\r\n", seen) == ["Blk", "Ign"]


def test_the_size_of_the_window(server: Any) -> None:
    client = server.terminal()
    client.type("stty size\n")
    client.wait_for("24 80\r\n")
    client.resize(132, 43)
    client.type("stty size\n")
    client.wait_for("43 132\r\n")


def test_a_new_size_is_signalled(server: Any) -> None:
    client = server.terminal()
    client.type("trap 'stty size' WINCH; echo re''ady\n")
    client.wait_for("ready")
    client.resize(90, 33)
    client.type("\n")  # dash looks at its traps between commands
    client.wait_for("33 90\r\n")


def test_control_c_interrupts_what_is_in_the_foreground(server: Any) -> None:
    client = server.terminal()
    client.type("sh -c 'echo st''arted; exec sleep 100'\n")
    client.wait_for("started")
    client.type("\x03")
    client.wait_for("^C")
    client.wait_for("$ ")
    client.type("echo st''ill here\n")
    client.wait_for("still here")


def test_control_d_is_the_end_of_input(server: Any) -> None:
    client = server.terminal()
    client.type("\x04")
    assert client.wait_for_close() == (1000, "exit status 0")


def test_the_end_of_the_shell_ends_the_worker(server: Any) -> None:
    client = server.terminal()
    client.type("echo by''e; exit 3\n")
    assert client.wait_for_close() == (1000, "exit status 3")
    assert b"bye\r\n" in client.output
    assert client.is_at_end()
    client.close()
    server.wait_until_free()


def test_a_shell_that_is_killed(server: Any) -> None:
    client = server.terminal()
    client.type("kill -9 $$\n")
    assert client.wait_for_close() == (1000, "exit status 137")


def test_all_output_comes_before_the_end(serve: Callable) -> None:
    server = serve("/bin/sh", "-c", "seq 20000; exit 5")
    client = server.client().open()
    assert client.wait_for_close() == (1000, "exit status 5")
    assert client.output.decode() == "".join(f"{number}\r\n" for number in range(1, 20001))


def test_utf8_is_erased_by_the_character(serve: Callable) -> None:
    server = serve("/bin/sh", "-c", "head -n1 | od -An -tx1; exit")
    client = server.client().open()
    client.type("aé\x7fb\n")
    assert client.wait_for_close() == (1000, "exit status 0")
    assert b" 61 62 0a" in client.output


def test_a_program_that_is_not_there(serve: Callable) -> None:
    server = serve("/nowhere/shell")
    client = server.client().open()
    assert client.wait_for_close() == (1000, "exit status 127")
    assert client.output.decode() == "pty_server: /nowhere/shell: ENOENT (no such file)\r\n"
    server.wait_until_free()


def test_the_shell_of_the_environment(serve: Callable, elf: Callable[[str], Path], launcher: str) -> None:
    if launcher != "native":
        pytest.skip("the fixture gives a shell; natively the server is started without one")
    with subprocess.Popen(
        [elf("pty_server"), "0"], env={"SHELL": "/bin/echo"}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(b":")[1])
        with connect(f"ws://127.0.0.1:{port}/term", open_timeout=PATIENCE) as session:
            assert session.recv(PATIENCE) == b"\r\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_it_is_bundled(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "emu",
        "run",
        "pty_server.elf",
        "--root",
        "/",
        "--",
        "0",
        "/bin/echo",
        "hello",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path, env=environment) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(b":")[1])
        with connect(f"ws://127.0.0.1:{port}/term", open_timeout=PATIENCE) as session:
            assert session.recv(PATIENCE) == b"hello\r\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_without_a_shell_in_its_root(elf: Callable[[str], Path]) -> None:
    """In the private root of a bench without options there is no program at all."""
    command = [sys.executable, "-m", "emu", "run", str(elf("pty_server")), "--", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(b":")[1])
        with connect(f"ws://127.0.0.1:{port}/term", open_timeout=PATIENCE) as session:
            assert session.recv(PATIENCE) == b"pty_server: /bin/sh: ENOENT (no such file)\r\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("arguments", [["x"], [""], ["-1"], ["65536"], ["80 "], ["0", ""]])
def test_bad_arguments_get_a_usage_line(
    arguments: list[str], launcher: str, request: pytest.FixtureRequest
) -> None:
    outcome = request.getfixturevalue(launcher)("pty_server", *arguments)
    assert outcome.status == 2
    assert outcome.stdout == b""
    assert outcome.stderr.startswith(b"usage: pty_server [PORT [SHELL [ARGUMENT...]]]")
    assert outcome.stderr.count(b"\n") == 1


def test_a_port_in_use_is_said(server: Any, launcher: str, request: pytest.FixtureRequest) -> None:
    outcome = request.getfixturevalue(launcher)("pty_server", str(server.port))
    assert outcome.status == 1
    assert (
        outcome.stderr.decode() == f"pty_server: bind 127.0.0.1:{server.port}: EADDRINUSE (address in use)\n"
    )
