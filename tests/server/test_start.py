"""How the server begins and ends: arguments, the address, the errors that stop it, its size."""

import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from guest.compiler import build


@pytest.fixture
def run(server_elf: Path, launch: Callable) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the server with these arguments until it ends by itself."""

    def started(*args: str) -> subprocess.CompletedProcess[str]:
        line, environment = launch(list(args), {})
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=20, check=False)

    return started


@pytest.mark.parametrize(
    "args",
    [
        ["x"],
        [""],
        ["-1"],
        ["65"],
        ["4x"],
        ["99999999999999999999"],
        ["4", "localhost"],
        ["4", "127.0.0"],
        ["4", "127.0.0.1.1"],
        ["4", "127.0.0.256"],
        ["4", "127.0.0.1", "65536"],
        ["4", "127.0.0.1", "80 "],
        ["4", "127.0.0.1", "80", "more"],
    ],
)
def test_bad_arguments_get_a_usage_line(run: Callable, args: list[str]) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: server [WORKERS [IP [PORT]]]")
    assert done.stderr.count("\n") == 1


def test_a_port_in_use_is_said(run: Callable) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("1", "127.0.0.1", str(port))
    assert done.returncode == 1
    assert done.stderr == f"server: bind 127.0.0.1:{port}: EADDRINUSE (address in use)\n"


def test_an_address_of_another_machine_is_said(run: Callable, launcher: str) -> None:
    if launcher != "native":
        pytest.skip("the bench answers for addresses that are not loopback")
    done = run("1", "192.0.2.1", "0")
    assert done.returncode == 1
    assert "EADDRNOTAVAIL" in done.stderr


@pytest.mark.parametrize("workers", [0, 1, 2, 64])
def test_threads(serve: Callable, workers: int) -> None:
    server = serve(workers)
    assert server.alive()
    assert server.threads() == (workers + 1 if workers else 1)


def test_an_interrupt_ends_it(serve: Callable) -> None:
    server = serve(4)
    with server.connect() as client:
        # Answered, so accepted: the kernel resets connections that still wait to be.
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(1000).endswith(b"ok\n")
        assert server.interrupt() == 128 + signal.SIGINT
        assert client.recv(1) == b""


def test_the_stripped_program_is_small() -> None:
    assert len(build("server", strip=True)) <= 48 * 1024
