"""Builds programs, or takes them from the cache when nothing that they were made of has changed."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
PROGRAMS = PACKAGE.parent / "programs"
KEPT_PROGRAMS = 500
"""More than every program and test guest of the project in every variant."""


def build(
    program: str | os.PathLike[str],
    *,
    strip: bool = False,
    debug: bool = True,
    symbols: bool = True,
    opt: str = "s",
) -> bytes:
    """The ELF of a program: a path, or the name of a bundled one (`server`, `server.elf`).

    `opt`: "s" for size, "2" for speed. Raises CompileError for a wrong program, OSError for one that cannot be
    read, ValueError for an unknown `opt`.
    """
    if opt not in ("s", "2"):
        raise ValueError(f"opt must be 's' or '2', not {opt!r}")
    file = find_program(program)
    options = {"strip": strip, "debug": debug, "symbols": symbols, "opt": opt}
    manifest = cache_folder() / f"{_key(file, options)}.json"
    found = _from_cache(manifest)
    if found is not None:
        return found
    # Only a miss loads LLVM, which costs more than everything else at start-up.
    driver: Any = importlib.import_module("guest.compiler.driver")
    elf, sources = driver.build_program(file, **options)
    assert isinstance(elf, bytes)
    _to_cache(manifest, elf, sources.read, sources.missed)
    return elf


def find_program(program: str | os.PathLike[str]) -> Path:
    """The main module's file. Raises FileNotFoundError."""
    path = Path(program)
    if path.is_file() and path.suffix != ".elf":
        return path.resolve()
    name = path.name.removesuffix(".elf").removesuffix(".py")
    bundled = PROGRAMS / f"{name}.py"
    if path.parent == Path() and bundled.is_file():
        return bundled
    raise FileNotFoundError(2, "no such program", str(program))


def cache_folder() -> Path:
    """Where built programs are kept: $EMU_CACHE_DIR, $XDG_CACHE_HOME/emu or ~/.cache/emu; nowhere without a home."""
    own = os.environ.get("EMU_CACHE_DIR")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "emu"
    except RuntimeError:  # a user whom neither $HOME nor the passwd file knows, as in some containers
        return Path(os.devnull) / "emu"


@cache
def _compiler_digest() -> str:
    """Stands for the compiler itself: its sources and the version of LLVM's binding."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    # Found without importing it; importlib.metadata would cost as much as the rest of a cache hit.
    spec = find_spec("llvmlite")
    if spec is not None and spec.origin is not None:
        digest.update((Path(spec.origin).parent / "_version.py").read_bytes())
    return digest.hexdigest()


def _key(file: Path, options: dict[str, Any]) -> str:
    words = json.dumps([_compiler_digest(), str(file), options], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _from_cache(manifest: Path) -> bytes | None:
    """The kept ELF, when every file it was made of is as it was."""
    try:
        record = json.loads(manifest.read_bytes())
        if any(Path(item).exists() for item in record["missed"]):
            return None
        for item, digest in record["read"].items():
            if _digest(Path(item).read_bytes()) != digest:
                return None
        elf = manifest.with_suffix(".elf").read_bytes()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return elf if _digest(elf) == record.get("elf") else None


def _to_cache(manifest: Path, elf: bytes, read: dict[Path, bytes], missed: set[Path]) -> None:
    """Keeps an ELF; a cache that cannot be written is only slower."""
    record = {
        "elf": _digest(elf),
        "read": {str(file): _digest(data) for file, data in sorted(read.items())},
        "missed": sorted(map(str, missed)),
    }
    try:
        manifest.parent.mkdir(parents=True, exist_ok=True)
        for file, data in (
            (manifest.with_suffix(".elf"), elf),
            (manifest, json.dumps(record).encode()),
        ):
            # Another process may build the same program: only whole files may ever be seen.
            scratch = file.with_name(f"{file.name}.{os.getpid()}")
            scratch.write_bytes(data)
            scratch.replace(file)
        _forget_oldest(manifest.parent)
    except OSError:
        pass


def _forget_oldest(folder: Path) -> None:
    """Keeps the cache to the programs built last. Raises OSError."""
    kept = sorted(folder.glob("*.json"), key=lambda item: item.stat().st_mtime_ns)
    for manifest in kept[:-KEPT_PROGRAMS]:
        manifest.unlink(missing_ok=True)
        manifest.with_suffix(".elf").unlink(missing_ok=True)
