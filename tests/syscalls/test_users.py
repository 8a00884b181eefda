"""User and group ids and capabilities say the same natively and emulated."""

import os
from collections.abc import Callable
from typing import Any

import pytest


def test_of_somebody_without_privileges(same: Callable[..., object]) -> None:
    same("users_all")


@pytest.mark.skipif(os.getuid() != 0, reason="the guest has to be root natively, too")
def test_of_root(native: Callable[..., Any], emulated: Callable[..., Any]) -> None:
    done = emulated("users_all", "root", options=("--user", "0"))
    assert done.stdout.decode() == native("users_all", "root").stdout.decode()
    assert done.status == 0, done.stderr


def test_the_command_line_says_who_it_is(emulated: Callable[..., Any]) -> None:
    done = emulated("users_all", "root", options=("--user", "0:7"))
    assert done.stdout.startswith(b"root 0 0 0 / 7 7 7\n")
