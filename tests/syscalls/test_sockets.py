"""Sockets: guests that say the same natively and emulated."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    "guest",
    [
        "sockets_create",
        "sockets_tcp",
        "sockets_udp",
        "sockets_unix",
        "sockets_ipv6",
        "sockets_options",
        "sockets_threads",
        "sockets_messages",
    ],
)
def test_guest_says_the_same(same: Callable[..., Any], guest: str) -> None:
    assert same(guest).stdout.count(b"\n") > 30


def test_broken_pipe_ends_the_process(same: Callable[..., Any]) -> None:
    outcome = same("sockets_tcp", "pipe", status=128 + 13)
    assert outcome.stdout.endswith(b"SIGPIPE\n")
