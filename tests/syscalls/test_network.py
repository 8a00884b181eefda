"""What a guest may reach of the network. Nothing here leaves the machine: only refusals are tried beyond loopback."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.machine import Machine
from syscalls import network


@pytest.fixture
def run(elf: Callable[[str], Path], tmp_path: Path) -> Callable[..., tuple[str, list[str]]]:
    """Runs a guest; its output, and the bench's notes."""

    def run(guest: str, *args: str, **options: Any) -> tuple[str, list[str]]:
        notes: list[str] = []
        path = elf(guest)
        with (tmp_path / "out").open("w+b") as out:
            machine = Machine(
                path, [str(path), *args], stdout=out.fileno(), say=notes.append, time_limit=30, **options
            )
            assert machine.run().code == 0
            out.seek(0)
            return out.read().decode(), notes

    return run


def section(text: str, title: str) -> dict[str, str]:
    """The indented lines below a title."""
    lines = text.splitlines()
    found: dict[str, str] = {}
    for line in lines[lines.index(title) + 1 :]:
        if not line.startswith("  "):
            break
        name, _, value = line.strip().partition(": ")
        found[name] = value
    return found


def test_loopback_is_all_there_is(run: Callable[..., tuple[str, list[str]]]) -> None:
    text, notes = run("network_reach")
    for title in ("any", "127.0.0.1", "127.9.9.9"):
        assert section(text, title) == {
            "bind": "0",
            "connect": "-ECONNREFUSED",
            "connect, udp": "0",
            "send": "3",
            "send, no family": "3",
        }
    for title in ("192.0.2.2", "8.8.8.8"):
        assert section(text, title) == {
            "bind": "-EADDRNOTAVAIL",
            "connect": "-ENETUNREACH",
            "connect, udp": "-ENETUNREACH",
            "send": "-ENETUNREACH",
            "send, no family": "-ENETUNREACH",
        }
    for title in ("::", "::1", "::ffff:127.0.0.1"):
        assert section(text, title) == {"bind": "0", "connect": "-ECONNREFUSED", "send": "3"}
    for title in ("::ffff:8.0.0.8", "2000::1", "fe00::1"):
        expected = {"bind": "-EADDRNOTAVAIL", "connect": "-ENETUNREACH", "send": "-ENETUNREACH"}
        assert section(text, title) == expected
    assert sum("reachable from this machine only" in note for note in notes) == 1
    assert sum("only loopback can be reached" in note for note in notes) == 1


def test_privileged_sockets_and_options_are_refused(run: Callable[..., tuple[str, list[str]]]) -> None:
    text, _ = run("network_reach")
    said = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0] != " ")
    assert {
        name: said[name] for name in ("netlink", "packet", "vsock", "alg", "old packet")
    } == dict.fromkeys(("netlink", "packet", "vsock", "alg", "old packet"), "-EAFNOSUPPORT")
    assert said["raw"] == said["raw IPv6"] == said["SO_MARK"] == said["IP_TRANSPARENT"] == "-EPERM"
    assert said["ping"] == "-EACCES"
    assert said["SO_BINDTODEVICE"] == said["SO_BINDTOIFINDEX"] == said["join, any"] == "-ENODEV"
    assert said["SO_BINDTODEVICE lo"] == said["join, loopback"] == "0"
    assert said["its length"] == "0"  # that the socket is tied to lo is not told
    assert said["SO_PEERPIDFD"] == said["SO_PASSPIDFD"] == said["TCP_MD5SIG"] == "-ENOPROTOOPT"


def test_a_closed_network(run: Callable[..., tuple[str, list[str]]]) -> None:
    text, notes = run("network_reach", net="none")
    for title in ("any", "127.0.0.1", "8.8.8.8"):
        found = section(text, title)
        assert found["bind"] == ("-EACCES" if title == "any" else "-EADDRNOTAVAIL")
        assert found["connect"] == found["connect, udp"] == found["send"] == "-ENETUNREACH"
    assert section(text, "::1") == {
        "bind": "-EADDRNOTAVAIL",
        "connect": "-ENETUNREACH",
        "send": "-ENETUNREACH",
    }
    assert text.splitlines()[-1] == "listen unbound: -EACCES"
    assert any("network is closed" in note for note in notes)


def test_without_the_tie_names_are_narrowed(
    run: Callable[..., tuple[str, list[str]]], same: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older kernels let only root bind to a device: the guest must see no difference."""
    native = same("sockets_tcp").stdout.decode()
    six = same("sockets_udp").stdout.decode()
    monkeypatch.setattr(network, "tie_to_loopback", lambda *_: False)
    assert run("sockets_tcp")[0] == native
    assert run("sockets_udp")[0] == six


def test_sockets_are_tied_to_the_loopback_device() -> None:
    class Process:
        pass

    from syscalls.scratch import Scratch

    thread: Any = Process()
    thread.process = Process()
    thread.process.scratch = Scratch()
    with socket.socket() as own:
        assert network.tie_to_loopback(own.fileno(), thread)
        assert own.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == b"lo\0"


def test_abstract_names_are_a_guests_own(run: Callable[..., tuple[str, list[str]]]) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0emu-test-of-the-host")
        server.listen()
        assert run("network_reach", "emu-test-of-the-host")[0] == "connect: -ECONNREFUSED\n"
        assert run("network_reach", "emu-test-of-the-host", net="host")[0] == "connect: 0\n"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (bytes([127, 0, 0, 1]), "127.0.0.1"),
        (bytes(16), "[::]"),
        (bytes(15) + b"\1", "[::1]"),
        (bytes.fromhex("20010db8000000000001000000000001"), "[2001:db8::1:0:0:1]"),
        (bytes.fromhex("20010db8000100010001000100010001"), "[2001:db8:1:1:1:1:1:1]"),
        (bytes.fromhex("00000000000000000000ffff7f000001"), "[::ffff:127.0.0.1]"),
        (bytes.fromhex("fe800000000000000000000000000000"), "[fe80::]"),
    ],
)
def test_addresses_as_text(name: bytes, shown: str) -> None:
    assert network.address_text(name) == shown
