"""Guests of tests: started, talked to, ended."""

from collections.abc import Callable
from pathlib import Path

import pytest


def test_a_server_is_started_talked_to_and_stopped(tests: Callable) -> None:
    tests(
        """
def test_it(emu):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    host, port = guest.wait_until_listening()
    assert host == "127.0.0.1" and port > 0
    assert guest.address == (host, port)
    assert guest.addresses == [(host, port)]
    assert guest.exit_status is None
    ask(guest)
    assert guest.trace.expect("accept4 -> recvfrom -> sendto -> close", same_fd=True)[1].args["buf"] == REQUEST
    guest.trace.never("write").after("close", same_fd=True)
    guest.trace.each_fd().is_closed()
    assert guest.stop() == 128 + 9
    assert guest.exit_status.signal == 9
    assert guest.stdout.startswith(b"listening on http://")
    assert guest.stderr == b""
    assert not guest.leaks
    guest.trace.each_fd().is_closed()
"""
    ).outcomes(passed=1)


def test_a_program_runs_to_its_end(tests: Callable, tmp_path: Path) -> None:
    tests(
        """
ECHO = body('''
buffer = array[u8, 64]()
count = syscall(numbers.read, 0, buffer.ptr, 64)
syscall(numbers.write, 1, buffer.ptr, count)
syscall(numbers.write, 2, b"done".ptr, 4)
return argc
''')


@pytest.mark.parametrize("stdin", ["text", b"bytes"])
def test_it(emu, stdin):
    guest = emu.run("one", b"two", source=ECHO, stdin=stdin)
    assert guest.stdout == (stdin.encode() if isinstance(stdin, str) else stdin)
    assert guest.stderr == b"done"
    assert guest.exit_status == 3
    assert guest.exit_status != 0


def test_input_that_comes_later(emu):
    guest = emu.start(source=ECHO, stdin=None)
    guest.stdin.write(b"later")
    assert guest.wait_for_output("later") == b"later"
    assert guest.wait() == 1
    with pytest.raises(ValueError, match="start it with stdin=None"):
        emu.run(source=ECHO).stdin


def test_large_input_and_output(emu):
    cat = body('''
buffer = array[u8, 4096]()
while True:
    count = syscall(numbers.read, 0, buffer.ptr, 4096)
    if count <= 0:
        return count
    syscall(numbers.write, 1, buffer.ptr, count)
''')
    data = bytes(range(256)) * 2000
    assert emu.run(source=cat, stdin=data).stdout == data


def test_input_that_nobody_reads(emu):
    assert emu.run(source=body("return 0"), stdin=bytes(1 << 20)).exit_status == 0
"""
    ).outcomes(passed=5)


def test_where_programs_are_found(tests: Callable, pytester: pytest.Pytester) -> None:
    pytester.mkdir("deeper")
    (pytester.path / "seven.py").write_text("SEVEN = 7\n")
    (pytester.path / "guest_file.py").write_text(
        "from guest.lang import i64, ptr, u8\nfrom guest.rt.start import _start\nfrom seven import SEVEN\n\n\n"
        "def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:\n    return SEVEN\n"
    )
    run = tests(
        """
from guest.compiler import build

def test_a_python_file(emu):
    assert emu.run("guest_file.py").exit_status == 7


def test_an_elf(emu, tmp_path):
    elf = tmp_path / "some.elf"
    elf.write_bytes(build("guest_file.py"))
    guest = emu.run(elf)
    assert guest.exit_status == 7
    assert guest.name == "some"


def test_source_imports_modules_beside_the_test(emu):
    guest = emu.run(source=HEAD.replace("from syscalls", "from seven import SEVEN\\nfrom syscalls") + "    return SEVEN")
    assert guest.exit_status == 7


def test_nowhere(emu):
    emu.run("nowhere.elf")


def test_nothing(emu):
    emu.run()
"""
    )
    run.outcomes(passed=3, failed=2)
    assert "no program 'nowhere.elf' (" in run.text
    assert "the bundled programs are" in run.text
    assert "name a program, or give the source of one: emu.start(source=...)" in run.text


def test_a_wrong_guest_program(tests: Callable) -> None:
    run = tests(
        """
def test_it(emu):
    emu.run(source=body("return 1.5"))
"""
    )
    run.outcomes(failed=1)
    assert "guest.py:7:12: error: " in run.text


def test_a_fixture_may_hold_a_guest(tests: Callable) -> None:
    """Its teardown finds the guest alive; what it did wrong is found after that."""
    run = tests(
        """
@pytest.fixture
def server(emu):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    yield guest
    ask(guest)
    print("teardown was answered")


def test_it(server):
    ask(server)


def test_that_fails(server):
    assert 0


@pytest.fixture
def leaking(emu):
    return emu.run(source=body("return syscall(numbers.eventfd2, 0, 0)"))


def test_that_leaks(leaking):
    assert leaking.exit_status == 3
""",
        "-s",
    )
    run.outcomes(passed=2, failed=1, errors=1)
    assert run.text.count("teardown was answered") == 2
    assert "server 1 127.0.0.1 0 (seed 0) still ran after N system calls" in run.text
    assert "guest leaked 1 descriptor:" in run.text
    assert "look at its trace: emu view .emu-failures/test_it.py-test_that_leaks/1-guest.jsonl" in run.text


def test_several_guests(tests: Callable) -> None:
    run = tests(
        """
def test_it(emu):
    one, two = (emu.start("server.elf", workers, "127.0.0.1", 0) for workers in (1, 2))
    assert one.address != two.address
    ask(one)
    ask(two)
    assert 0
"""
    )
    run.outcomes(failed=1)
    assert "emu view .emu-failures/test_it.py-test_it/1-server.jsonl\n\nserver 2 " in run.text
    assert "emu view .emu-failures/test_it.py-test_it/2-server.jsonl" in run.text


SOCKETS = """
def bound(domain, kind, address, listen):
    stores = "".join(f"address[{at}] = {byte}\\n" for at, byte in enumerate(address) if byte)
    return body(f'''
address = array[u8, 32]()
{stores}fd = syscall(numbers.socket, {domain}, {kind}, 0)
syscall(numbers.bind, fd, address.ptr, {len(address)})
{"syscall(numbers.listen, fd, 5)" if listen else "pass"}
buffer = array[u8, 16]()
{"client = syscall(numbers.accept, fd, 0, 0)" if listen else "client = fd"}
syscall(numbers.write, 1, buffer.ptr, syscall(numbers.read, client, buffer.ptr, 16))
syscall(numbers.close, fd)
return syscall(numbers.close, client)
''')
"""


def test_all_kinds_of_address(tests: Callable) -> None:
    tests(
        SOCKETS
        + """
@pytest.mark.parametrize("domain, address", [
    (socket.AF_INET, bytes([2, 0, 0, 0, 127, 0, 0, 1] + [0] * 8)),
    (socket.AF_INET, bytes([2, 0] + [0] * 14)),
    (socket.AF_INET6, bytes([10, 0] + [0] * 21 + [1] + [0] * 4)),
    (socket.AF_UNIX, bytes([1, 0]) + b"/tmp/s\\0"),
])
def test_streams(emu, domain, address):
    guest = emu.start(source=bound(int(domain), 1, address, True))
    with guest.connect() as client:
        assert client.family == domain
        client.sendall(b"hello")
        assert guest.wait().code is not None
    assert guest.stdout == b"hello"


def test_datagrams(emu):
    guest = emu.start(source=bound(2, 2, bytes([2, 0, 0, 0, 127, 0, 0, 1] + [0] * 8), False))
    with guest.connect(guest.wait_until_listening(kind=socket.SOCK_DGRAM)) as client:
        client.send(b"hello")
        guest.wait()
    assert guest.stdout == b"hello"
"""
    ).outcomes(passed=5)


def test_a_guest_that_was_not_started(tests: Callable) -> None:
    tests(
        """
def test_it(emu):
    guest = emu.load("server.elf", 1, "127.0.0.1", 0)
    for what in (guest.wait, guest.stop, guest.connect, guest.wait_until_listening):
        with pytest.raises(RuntimeError, match="<guest server: not started>: start it first"):
            what()
"""
    ).outcomes(passed=1)


def test_statements_wait_for_a_guest_that_runs(tests: Callable) -> None:
    tests(
        """
import threading


def test_it(emu):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    guest.wait_until_listening()
    later = threading.Timer(0.3, ask, [guest])
    later.start()
    guest.trace.expect("accept4 -> sendto -> close", same_fd=True)
    guest.trace.each_fd("TCP", opened_by="accept4").is_closed()
    later.join()


def test_in_vain(emu):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    guest.address
    with pytest.raises(AssertionError, match="accept4 was never called|There is no accept4 that succeeded"):
        guest.trace.expect("accept4", timeout=0.1)
    with pytest.raises(AssertionError, match="there is none"):
        guest.trace.each_fd("pipe").is_closed(timeout=0.1)
"""
    ).outcomes(passed=2)
