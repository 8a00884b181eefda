"""pty_server under the plugin: what its record of calls says of a session from the first byte to the last."""

import signal
from typing import Any

import pytest
from websockets.sync.client import connect

PATIENCE = 30


@pytest.mark.emu(allow_leaks="descriptors")  # the shell leaves its terminal open when it exits
def test_a_session_in_calls(emu: Any) -> None:
    guest = emu.start("pty_server.elf", 0, "/bin/sh", root="/", env={"PATH": "/usr/bin:/bin", "PS1": "$ "})
    guest.wait_for_output("listening")
    with connect(f"ws://127.0.0.1:{guest.address[1]}/term", open_timeout=PATIENCE) as session:
        session.send(b"echo $((6*7)); exit\n")
        seen = b"".join(message for message in session if isinstance(message, bytes))
    assert b"42\r\n" in seen
    guest.wait_for_output("ends")
    guest.signal(signal.SIGTERM)
    assert guest.wait() == 0
    guest.trace.expect("accept4 -> recvfrom -> fork -> epoll_ctl -> close", same_thread=True)
    guest.trace.expect("fork -> setsid -> ioctl(request=TIOCSCTTY) -> dup2 -> execve")
    guest.trace.expect(
        "setsid -> ioctl(request=TIOCSCTTY) -> dup2 -> dup2 -> dup2 -> execve", same_thread=True
    )
    guest.trace.expect("wait4 > 0 -> sendto -> shutdown -> exit_group", same_thread=True)
    guest.trace.never("kill").at_all()


def test_a_stop_in_calls(emu: Any) -> None:
    """With a client that is still there; the plugin fails the test for what any of the processes leaves open."""
    guest = emu.start("pty_server.elf", 0, "/bin/cat", root="/")
    guest.wait_for_output("listening")
    with connect(f"ws://127.0.0.1:{guest.address[1]}/term", open_timeout=PATIENCE) as session:
        session.send(b"x\n")
        assert session.recv(PATIENCE)
        guest.signal(signal.SIGTERM)
        for _ in session:
            pass
        assert session.close_code == 1001
    assert guest.wait() == 0
    guest.trace.expect("kill(sig=SIGTERM) -> wait4 > 0 -> exit_group", same_thread=True)
    guest.trace.never("kill(sig=SIGKILL)").at_all()
