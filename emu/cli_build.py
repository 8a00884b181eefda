"""`emu build`: compiles a guest program and writes the ELF."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from emu.failure import NOT_FOUND, Failure
from emu.streams import put
from guest.compiler import CompileError
from guest.compiler import build as compile_program

REJECTED = 1
"""The exit status for a program that does not compile."""


def build(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    target = Path(
        arguments.output or Path(arguments.program).name.removesuffix(".py").removesuffix(".elf") + ".elf"
    )
    elf = compiled(arguments.program, strip=arguments.strip)
    try:
        _write(target, elf)
    except OSError as error:
        raise Failure(f"{target}: cannot be written: {error.strerror}") from None
    put(f"{target}: {len(elf)} bytes")
    return 0


def compiled(program: str, *, strip: bool = False) -> bytes:
    """The ELF of a program's file or bundled name; its diagnostics are printed, and a `Failure` raised."""
    try:
        return compile_program(program, strip=strip)
    except CompileError as error:
        print(error, file=sys.stderr)
        count = len(error.diagnostics)
        raise Failure(f"{program}: {count} error{'s' * (count != 1)}, nothing was built", REJECTED) from None
    except FileNotFoundError:
        if Path(program).is_dir():
            raise Failure(f"{program}: is a directory", NOT_FOUND) from None
        raise Failure(
            f"{program}: not found: neither a file nor a bundled program ({', '.join(bundled())})", NOT_FOUND
        ) from None
    except OSError as error:
        raise Failure(f"{error.filename or program}: {error.strerror}") from None


def bundled() -> list[str]:
    """The names of the bundled programs."""
    folder = Path(compile_program.__code__.co_filename).parent.parent / "programs"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def _write(target: Path, elf: bytes) -> None:
    """Puts the whole file there or nothing, executable within the umask. A device or pipe is written to, not replaced."""
    if target.is_dir():
        raise IsADirectoryError(21, "is a directory")
    if target.exists() and not target.is_file():  # a device or a FIFO is written to, never replaced
        target.write_bytes(elf)
        return
    target = target.resolve()
    if target.exists() and not target.is_file():
        target.write_bytes(elf)
        return
    umask = os.umask(0)
    os.umask(umask)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(handle, "wb") as file:
            file.write(elf)
            os.fchmod(file.fileno(), 0o777 & ~umask)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
