"""`emu run`: runs a program on the terminal's own stdin, stdout and stderr."""

import argparse
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from emu.elf import ElfError
from emu.failure import Failure
from emu.machine import Machine
from emu.streams import open_stream
from syscalls import history

_NO_ID = 0xFFFFFFFF  # (uid_t) -1
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    return execute(arguments, program(arguments.program))


def execute(
    arguments: argparse.Namespace,
    elf: str | bytes,
    prepare: Callable[[Machine], None] = lambda machine: None,
    **more: Any,
) -> int:
    """Runs a program under the options of the command line; its exit status as a shell has it. Raises `Failure`.

    `prepare` gets the machine before it runs; `more` are further arguments of `Machine`.
    """
    for option, folders in (("--root", [arguments.root] if arguments.root else []), ("--rw", arguments.rw)):
        for folder in folders:
            if not Path(folder).is_dir():
                raise Failure(f"{option} {folder}: not a directory")
    try:
        machine = Machine(
            elf,
            [arguments.program, *arguments.arguments],
            env=environment(arguments.env),
            seed=arguments.seed,
            net=arguments.net,
            user=user(arguments.user),
            root=arguments.root,
            writable=tuple(arguments.rw),
            stdin=open_stream(0),
            stdout=open_stream(1),
            stderr=open_stream(2),
            memory_limit=size(arguments.memory),
            thread_limit=positive("--threads", arguments.threads),
            process_limit=positive("--processes", arguments.processes),
            time_limit=positive("--time-limit", arguments.time_limit)
            if arguments.time_limit is not None
            else None,
            kernel=_kernel(arguments.kernel),
            **more,
        )
    except ElfError as error:
        raise Failure(str(error), error.status) from None
    with machine:
        prepare(machine)
        return machine.run().shell_status


def program(name: str) -> str | bytes:
    """The path of an ELF file, or the ELF of a bundled program where there is no such file; a `.py` file is compiled."""
    if Path(name).suffix == ".py" and Path(name).is_file():
        return _compiled(name)
    if not os.path.lexists(name) and _is_bundled(name):
        return _compiled(name)
    return name


def _kernel(text: str | None) -> str | None:
    if text is not None:
        try:
            history.parse(text)
        except ValueError as error:
            raise Failure(f"--kernel {error}") from None
    return text


def _compiler(module: str) -> Any:
    # Loaded when it is needed: a program that is an ELF file wants no compiler, which is a sixth of the start-up.
    return importlib.import_module(module)


def _compiled(name: str) -> bytes:
    elf: bytes = _compiler("emu.cli_build").compiled(name)
    return elf


def _is_bundled(name: str) -> bool:
    try:
        _compiler("guest.compiler.cache").find_program(name)
    except OSError:
        return False
    return True


Number = TypeVar("Number", int, float)


def user(text: str) -> tuple[int, int]:
    """The ids of `UID` or `UID:GID`; the group is the user's number where none is given. Raises `Failure`."""
    words = text.split(":")
    if not 1 <= len(words) <= 2 or not all(word.isascii() and word.isdigit() for word in words):
        raise Failure(f"--user {text}: a number is expected, or two: 1000, 0:0")
    uid, gid = int(words[0]), int(words[-1])
    if max(uid, gid) >= _NO_ID:
        raise Failure(f"--user {text}: ids go from 0 to {_NO_ID - 1}")
    return uid, gid


def positive(option: str, value: Number) -> Number:
    """A number above zero; raises `Failure`."""
    if not 0 < value < 1 << 31:
        raise Failure(f"{option} {value}: a number above 0 is expected")
    return value


def environment(settings: list[str]) -> dict[str, str]:
    """`NAME=VALUE`, or `NAME` for its value in emu's own environment."""
    found: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not name:
            raise Failure(f"--env {setting}: NAME=VALUE or NAME is expected")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def size(text: str) -> int:
    """Bytes of `4096`, `64K`, `512M`, `4G`; raises `Failure`."""
    number, unit = text.upper().removesuffix("B").removesuffix("I"), ""
    if number[-1:] in _UNITS:
        number, unit = number[:-1], number[-1:]
    if not number.isdecimal() or not number.isascii() or not 0 < int(number) * _UNITS[unit] <= 1 << 46:
        raise Failure(f"--memory {text}: a size such as 512M or 4G is expected")
    return int(number) * _UNITS[unit]
