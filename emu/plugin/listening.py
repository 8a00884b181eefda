"""Where a guest listens: told by hooks on its own calls, at the moment when the host's kernel has begun to listen."""

import fcntl
import os
import socket
import struct
import termios
from typing import Any, NamedTuple

from emu.hooks import Call
from emu.machine import Machine
from emu.plugin.clock import Deadline
from emu.plugin.recorder import Recorder
from syscalls.process import Thread
from syscalls.unix_names import FAMILY, names_of, sun_path

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Found(NamedTuple):
    """A socket that the guest can be reached at; `address` is what the host's getsockname says."""

    family: int
    kind: int
    address: Any


class Listening:
    """Watches a machine."""

    def __init__(self, machine: Machine) -> None:
        self._found: list[Found] = []
        self._nodes: list[int] = []
        machine.on("listen", function=self._on_listen, when="after")
        machine.on("bind", function=self._on_bind, when="after")

    def all(self) -> list[Found]:
        """What has been found so far, in the order in which it came to be."""
        return list(self._found)

    def wait(self, kind: int, deadline: Deadline, recorder: Recorder) -> Found | None:
        """The first of this kind of socket; None when the time is over, or the guest."""
        while True:
            running = recorder.is_running()
            count = recorder.count
            found = next((one for one in self._found if one.kind == kind), None)
            if found is not None or not running or deadline.passed:
                return found
            recorder.wait(count, deadline.left)

    def _on_listen(self, call: Call) -> None:
        if call.result == 0:
            self._note(call)

    def _on_bind(self, call: Call) -> None:
        if call.result == 0:
            self._note(call, socket.SOCK_DGRAM)

    def _note(self, call: Call, kind: int | None = None) -> None:
        entry = call.thread.fds.get(call.registers[0])
        with socket.socket(fileno=os.dup(entry.host)) as host:
            if kind in (None, host.type):
                self._found.append(Found(host.family, host.type, self._address(call.thread, host)))

    def _address(self, thread: Thread, host: socket.socket) -> Any:
        """What a test can connect to: a path in the guest's file system is none, but its node can be held."""
        name = host.getsockname()
        if host.family != socket.AF_UNIX or not isinstance(name, str) or not name:
            return name
        path = sun_path(names_of(thread).to_guest(FAMILY + os.fsencode(name)))
        node = thread.files.socket_node(thread, path)
        self._nodes.append(node)
        return f"/proc/self/fd/{node}"

    def close(self) -> None:
        """Lets go of what is held."""
        while self._nodes:
            os.close(self._nodes.pop())


def reachable(found: Found) -> Any:
    """The address to connect to."""
    if found.family in (socket.AF_INET, socket.AF_INET6):
        return (_ANY.get(found.address[0], found.address[0]), *found.address[1:])
    return found.address


def fresh_socket(address: Any, known: list[Found]) -> socket.socket:
    """An unconnected socket of the family and type that fit an address: the guest's own, or what it looks like."""
    for found in known:
        if address in (found.address, reachable(found)):
            return socket.socket(found.family, found.kind)
    if not isinstance(address, tuple):
        return socket.socket(socket.AF_UNIX)
    return socket.socket(socket.AF_INET6 if len(address) == 4 or ":" in address[0] else socket.AF_INET)


def unsent(client: socket.socket) -> bool:
    """Whether bytes that were sent on a socket have not arrived yet."""
    try:
        waiting = fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):  # not connected, or closed
        return False
    return bool(struct.unpack("i", waiting)[0])
