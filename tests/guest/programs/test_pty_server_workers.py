"""pty_server's workers: how many there are, what they leave behind (nothing), and how all of them stop."""

import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wsproto.frame_protocol import Opcode

PATIENCE = 30


def is_running(pid: int) -> bool:
    """Whether a process of this machine is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_fifteen_and_no_more(server: Any) -> None:
    clients = [server.terminal() for _ in range(15)]
    late = server.client()
    with pytest.raises(AssertionError, match="503 Service Unavailable"):
        late.open()
    server.wait_for_log("no worker is free\n")
    for number, client in enumerate(clients):
        client.type(f"echo $(({number}+1000))\n")
    for number, client in enumerate(clients):
        client.wait_for(f"{number + 1000}\r\n")
    assert server.is_well()
    clients[7].type("exit\n")
    assert clients[7].wait_for_close() == (1000, "exit status 0")
    clients[7].close()
    server.wait_until_free(14)
    server.terminal().type("exit\n")


def test_a_worker_holds_only_what_it_needs(server: Any) -> None:
    if not server.native:
        pytest.skip("looks at processes of this machine")
    others = [server.terminal() for _ in range(3)]
    visitors = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(3)]
    assert server.is_well()
    for _ in others:
        server.pids()
    server.terminal()
    worker, shell = server.pids()
    held = {number: os.readlink(f"/proc/{worker}/fd/{number}") for number in os.listdir(f"/proc/{worker}/fd")}
    kinds = sorted(target.split(":")[0] for number, target in held.items() if int(number) > 2)
    assert kinds == [
        "/dev/pts/ptmx" if "/dev/pts/ptmx" in kinds else "/dev/ptmx",
        "anon_inode",
        "anon_inode",
        "socket",
    ]
    assert sum(int(number) <= 2 for number in held) == 3
    assert {name for name in os.listdir(f"/proc/{shell}/fd") if int(name) < 10} == {"0", "1", "2"}
    for visitor in visitors:
        visitor.close()


def test_nobody_is_busy_while_nothing_happens(server: Any) -> None:
    if not server.native:
        pytest.skip("looks at processes of this machine")
    client = server.terminal()
    worker, _ = server.pids()
    client.type("seq 1000\n")  # the parent, who had this connection before, hears nothing of it
    client.wait_for("1000\r\n$ ")
    assert comes_to_rest(server.process.pid)
    assert comes_to_rest(worker)


def test_no_descriptor_for_a_terminal(serve: Callable, launcher: str) -> None:
    if launcher != "native":
        pytest.skip("the limit would be the bench's")
    server = serve(descriptors=7)  # three, two of its own, the listening socket, one connection
    client = server.client().open()
    assert client.wait_for_close() == (1011, "no terminal")
    server.wait_for_log(r"ends with status 1 \(0 of 15\)\n")
    client.close()
    assert server.is_well()


def test_no_descriptor_for_a_connection(serve: Callable, launcher: str) -> None:
    if launcher != "native":
        pytest.skip("the limit would be the bench's")
    server = serve(descriptors=7, IDLE_MS=100, HEADER_MS=700)
    first = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    second = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    before = sum(map(int, ticks(server.process.pid)))
    second.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert second.recv(1000).endswith(b"\r\n\r\nok\n")  # as soon as the first one's time is up
    assert sum(map(int, ticks(server.process.pid))) - before < 10  # and not by trying again all the time
    first.close()
    second.close()


def test_places_are_used_again_and_again(server: Any) -> None:
    for _ in range(20):
        client = server.client().open()
        client.type("exit\n")
        assert client.wait_for_close() == (1000, "exit status 0")
        client.close()
        server.wait_until_free()


def test_workers_that_end_at_once_are_all_reaped(server: Any) -> None:
    clients = [server.terminal() for _ in range(8)]
    for client in clients:
        client.type("exit\n")
    for client in clients:
        client.wait_for_close()
        client.close()
    server.wait_until_free(0)


@pytest.mark.parametrize("manner", ["closes", "resets", "after the handshake", "half-closes"])
def test_a_client_that_leaves(server: Any, manner: str) -> None:
    client = server.client().open()
    worker, shell = server.pids()
    if manner != "after the handshake":
        client.wait_for("$ ")
        client.type("seq 100000 & sleep 100\n")  # there is much to be written to who does not read any more
        client.wait_for("100")
    if manner == "resets":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if manner == "half-closes":
        client.socket.shutdown(socket.SHUT_WR)
    else:
        client.close()
    server.wait_until_free()
    assert server.is_well()
    if server.native:
        assert not is_running(worker)
        assert not is_running(shell)


def test_a_client_that_leaves_before_its_answer(server: Any) -> None:
    for _ in range(5):
        client = server.client()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.socket.sendall(b"GET /xterm-6.0.0.js HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
        client.close()
    assert server.is_well()


def test_a_shell_that_ignores_its_hangup_is_killed(serve: Callable) -> None:
    server = serve("/bin/sh", "-c", "trap '' HUP TERM; echo re''ady; while :; do sleep 1; done")
    client = server.client().open()
    worker, shell = server.pids()
    client.wait_for("ready")
    client.close()
    server.wait_until_free()
    if server.native:
        assert not is_running(worker)
        assert not is_running(shell)


def test_a_shell_hears_of_the_hangup(serve: Callable, tmp_path: Path) -> None:
    server = serve("/bin/sh", "-c", "trap 'exit 7' HUP; echo re''ady; while :; do sleep 0.1; done")
    client = server.client().open()
    client.wait_for("ready")
    begin = time.monotonic()
    client.close()
    server.wait_until_free()
    assert time.monotonic() - begin < 1.9  # it was not killed


def ticks(pid: int) -> list[str]:
    """The processor time of a process of this machine so far, in its own code and in the kernel."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]


def comes_to_rest(pid: int) -> bool:
    """Whether a process of this machine takes no processor time any more for a while."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        before = ticks(pid)
        time.sleep(0.3)
        if ticks(pid) == before:
            return True
    return False


def resident(pid: int) -> int:
    """Bytes that a process of this machine has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_client_that_does_not_read_makes_nothing_grow(serve: Callable) -> None:
    server = serve("/bin/sh", "-c", "echo re''ady; exec yes")
    client = server.client().open()
    worker, _ = server.pids()
    client.wait_for("ready")
    if server.native:
        assert comes_to_rest(worker)
        assert resident(worker) < 4 << 20  # its ELF, the copied heap's used part, two buffers
    for _ in range(1000):
        client.wait_for("y\r\n")  # and what was held up comes
    client.close()
    server.wait_until_free()


def test_a_program_that_does_not_read_holds_the_client_up(serve: Callable) -> None:
    server = serve("/bin/sh", "-c", "stty raw -echo; echo re''ady; exec sleep 100", PING_MS=300)
    client = server.client().open()
    client.wait_for("ready")
    client.socket.settimeout(1)
    with pytest.raises(TimeoutError):
        client.socket.sendall(client.frame(Opcode.BINARY, b"x" * 65536) * 200)
    client.close()
    server.wait_until_free()


def test_output_and_input_at_once(serve: Callable) -> None:
    server = serve("/bin/sh", "-c", "stty raw -echo; echo re''ady; exec cat")
    client = server.client().open()
    client.wait_for("ready\n")
    sent, got = 0, 0
    for _ in range(30):
        client.send(Opcode.BINARY, b"x" * 10000)
        sent += 10000
        while sent - got > 50000:
            opcode, payload = client.next_frame()
            assert opcode == Opcode.BINARY
            got += len(payload)
    while got < sent:
        got += len(client.next_frame()[1])
    assert got == sent


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_graceful_stop(server: Any, number: int) -> None:
    clients = [server.terminal() for _ in range(3)]
    clients[0].type("sleep 100\n")
    idle = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    pids = [server.pids() for _ in range(3)]
    server.process.send_signal(number)
    for client in clients:
        assert client.wait_for_close() == (1001, "the server stops")
        assert client.is_at_end()
        client.close()
    assert idle.recv(1) == b""
    assert server.process.wait(PATIENCE) == 0
    server.wait_for_log(r"stopping\n")
    server.wait_until_free(0)
    if server.native:
        assert not any(is_running(pid) for pair in pids for pid in pair)


def test_a_stop_with_a_client_that_does_not_close(server: Any) -> None:
    client = server.terminal()
    begin = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begin < 8
    assert client.wait_for_close() == (1001, "the server stops")


def test_a_stop_does_not_wait_for_ever(server: Any) -> None:
    if not server.native:
        pytest.skip("stops a process of this machine")
    server.terminal()
    worker, shell = server.pids()
    os.kill(worker, signal.SIGSTOP)
    assert server.stop() == 0
    server.wait_for_log(r"ends with status 137 \(0 of 15\)\n")
    end = time.monotonic() + PATIENCE
    while is_running(shell) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_running(worker)
    assert not is_running(shell)


def test_a_parent_that_is_killed_takes_its_workers_along(server: Any) -> None:
    if not server.native:
        pytest.skip("a signal to the bench's process is not the guest's")
    client = server.terminal()
    pids = server.pids()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(PATIENCE)
    assert client.wait_for_close() == (1001, "the server stops")
    client.close()
    end = time.monotonic() + PATIENCE
    while any(is_running(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(is_running(pid) for pid in pids)
    server.process.returncode = 0  # as the fixture wants it
