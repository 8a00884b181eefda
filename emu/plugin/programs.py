"""Which ELF a test means: a file's, a bundled program's, or the one that Python guest source in the test is compiled to."""

import difflib
import hashlib
import os
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

from guest.compiler import CompileError, build
from guest.compiler.cache import PROGRAMS, cache_folder, find_program


def program(name: str | os.PathLike[str], folder: Path) -> tuple[str | bytes, str]:
    """What `emu.Machine` takes, and the guest's name.

    A relative path is looked for beside the test (in `folder`), then in the working directory; a `.py` file is compiled. Otherwise
    it is the name of a bundled program. Raises FileNotFoundError, `guest.compiler.CompileError`.
    """
    __tracebackhide__ = True
    text = os.fspath(name)
    places = [folder / text, Path(text)]
    for path in places:
        if path.is_file():
            short = path.name.removesuffix(".py").removesuffix(".elf")
            return (_built(path) if path.suffix == ".py" else str(path)), short
    try:
        source = find_program(text)
    except FileNotFoundError:
        raise FileNotFoundError(_missing(text, places)) from None
    return _built(text), source.stem


def _missing(name: str, places: list[Path]) -> str:
    """What there is instead of a program with this name."""
    looked = list(dict.fromkeys(str(path.absolute()) for path in places))
    for path in places:
        if path.is_dir():
            return f"no program {name!r}: {path.absolute()} is a folder"
    nowhere = (
        f"{looked[0]} is no file" if len(looked) == 1 else f"neither {looked[0]} nor {looked[1]} is a file"
    )
    bundled = sorted(path.stem for path in PROGRAMS.glob("*.py") if path.stem != "__init__")
    beside = [path.stem for place in places for path in place.parent.glob("*.elf")]
    known = {stem: f"{stem}.elf" for stem in [*beside, *bundled]}
    near = difflib.get_close_matches(Path(name).stem, list(known), 1)
    guess = f": did you mean {known[near[0]]!r}?" if near else ""
    return f"no program {name!r}{guess} ({nowhere}, and the bundled programs are {', '.join(bundled)})"


def inline(source: str, folder: Path) -> bytes:
    """The ELF of guest source that stands in a test; the modules beside the test can be imported. Raises CompileError.

    It is compiled once, whatever the number of runs: the compiler keeps what it has built by content.
    """
    __tracebackhide__ = True
    text = textwrap.dedent(source).lstrip("\n")
    digest = hashlib.sha256(f"{folder}\0{text}".encode()).hexdigest()[:16]
    home = _home(digest)
    path = home / "guest.py"
    for module in folder.glob("*.py"):
        link = home / module.name
        if module.name != path.name and not link.exists():
            _put(link, lambda scratch, module=module: scratch.symlink_to(module))  # type: ignore[misc]
    if not path.exists():
        _put(path, lambda scratch: scratch.write_text(text))
    return _built(path)


def _built(program: str | Path) -> bytes:
    __tracebackhide__ = True
    try:
        return build(program)
    except CompileError as error:
        raise error.with_traceback(
            None
        ) from None  # it shows the place in the guest; the compiler's own says nothing


def _home(digest: str) -> Path:
    """A folder for one source. Its path is the same in every run, because the compiler's cache goes by it."""
    home = cache_folder() / "inline" / digest
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError:  # nowhere to keep anything: compiled each time
        home = Path(tempfile.mkdtemp(prefix="emu-inline-"))
    return home


def _put(path: Path, make: Callable[[Path], object]) -> None:
    """Makes a file that another worker may be making, too: whole or not at all."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    make(scratch)
    scratch.replace(path)
