"""build(): names of programs, the cache, determinism, options, and what it costs to import."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

import guest.compiler
from guest.compiler import CompileError, cache

ROOT = Path(guest.compiler.__file__).parents[2]
SOURCE = "from prelude import _start\nfrom guest.lang import i64\nimport part\ndef main() -> i64:\n    return part.X\n"


def in_a_fresh_process(code: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("opt", ["s", "2"])
def test_same_input_same_bytes(tmp_path: Path, opt: str) -> None:
    """Another folder, another hash seed, another name of the cache: nothing of it shows."""
    digests = set()
    for seed in ("1", "2"):
        folder = tmp_path / f"copy{seed}"
        folder.mkdir()
        for file in (Path(__file__).parent / "programs").glob("*.py"):
            (folder / file.name).write_text(file.read_text())
        code = (
            "import hashlib, guest.compiler\n"
            "for name in ('coroutines.py', 'views.py'):\n"
            f"    print(hashlib.sha256(guest.compiler.build(name, opt={opt!r})).hexdigest())\n"
        )
        digests.add(in_a_fresh_process(code, folder, PYTHONHASHSEED=seed, EMU_CACHE_DIR=str(folder / "c")))
    assert len(digests) == 1


def test_cache_follows_what_was_read(
    write_program: Callable[..., Path], execute: Callable[[bytes], subprocess.CompletedProcess[bytes]]
) -> None:
    file = write_program(SOURCE, part="X = 1\n")
    assert execute(guest.compiler.build(file)).returncode == 1
    (file.parent / "part.py").write_text("X = 2\n")
    assert execute(guest.compiler.build(file)).returncode == 2


def test_cache_notices_a_module_that_now_shadows_another(write_program: Callable[..., Path]) -> None:
    file = write_program(SOURCE, part="X = 1\n")
    first = guest.compiler.build(file)
    assert guest.compiler.build(file) == first
    (file.parent / "guest").mkdir()
    assert guest.compiler.build(file) == first


def test_damaged_cache_is_not_believed(write_program: Callable[..., Path]) -> None:
    file = write_program(SOURCE, part="X = 1\n")
    good = guest.compiler.build(file)
    for kept in cache.cache_folder().glob("*.elf"):
        kept.write_bytes(kept.read_bytes()[:-1])
    assert guest.compiler.build(file) == good
    for kept in cache.cache_folder().glob("*.json"):
        kept.write_text("[]")
    assert guest.compiler.build(file) == good


def test_unwritable_cache_only_costs_time(
    write_program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMU_CACHE_DIR", "/proc/nowhere")
    assert guest.compiler.build(write_program(SOURCE, part="X = 1\n"))[:4] == b"\x7fELF"


def test_a_user_without_a_home_has_no_cache(
    write_program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EMU_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54321)  # of which the passwd file knows nothing
    assert guest.compiler.build(write_program(SOURCE, part="X = 1\n"))[:4] == b"\x7fELF"


def test_a_hit_does_not_load_llvm(write_program: Callable[..., Path]) -> None:
    file = write_program(SOURCE, part="X = 1\n")
    guest.compiler.build(file)
    code = (
        "import sys, guest.compiler\n"
        f"guest.compiler.build({str(file)!r})\n"
        "print([name for name in ('llvmlite', 'elftools', 'ast') if name in sys.modules])\n"
    )
    loaded = in_a_fresh_process(code, file.parent)
    assert "llvmlite" not in loaded
    assert "elftools" not in loaded


def test_strip_leaves_neither_symbols_nor_debug_information(write_program: Callable[..., Path]) -> None:
    file = write_program(SOURCE, part="X = 1\n")
    full = ELFFile(io.BytesIO(guest.compiler.build(file)))
    bare = ELFFile(io.BytesIO(guest.compiler.build(file, strip=True)))
    assert full.get_section_by_name(".symtab") is not None
    assert full.has_dwarf_info()
    assert bare.get_section_by_name(".symtab") is None
    assert not bare.has_dwarf_info()
    assert bare.header["e_type"] == "ET_EXEC"


@pytest.mark.parametrize("name", ["server", "server.elf", "server.py"])
def test_bundled_programs_have_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cache.find_program(name) == ROOT / "guest" / "programs" / "server.py"


def test_missing_program() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.py"):
        guest.compiler.build("nowhere.py")


def test_unknown_optimisation(write_program: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match="opt must be"):
        guest.compiler.build(write_program(SOURCE, part="X = 1\n"), opt="3")


def test_error_carries_its_diagnostics(write_program: Callable[..., Path]) -> None:
    with pytest.raises(CompileError) as caught:
        guest.compiler.build(write_program(SOURCE, part="X = None\n"))
    (item,) = caught.value.diagnostics
    assert (item.path, item.line, item.column, item.end_column) == ("part.py", 1, 5, 9)
    assert item.source_line == "X = None"


def test_unreached_functions_are_left_out(write_program: Callable[..., Path]) -> None:
    source = SOURCE + "def never() -> i64:\n    return 1\n"
    elf = ELFFile(io.BytesIO(guest.compiler.build(write_program(source, part="X = 1\n"))))
    names = {item.name for item in elf.get_section_by_name(".symtab").iter_symbols()}
    assert "main.never" not in names
    assert "_start" in names


def test_server_is_small_enough() -> None:
    assert len(guest.compiler.build("server", strip=True)) <= 48 * 1024


def test_cache_forgets_the_oldest_programs(
    write_program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "KEPT_PROGRAMS", 2)
    for value in range(4):
        guest.compiler.build(write_program(SOURCE, name=f"main{value}.py", part="X = 1\n"))
    assert len(list(cache.cache_folder().iterdir())) == 4


def test_odd_file_names(
    write_program: Callable[..., Path], execute: Callable[[bytes], subprocess.CompletedProcess[bytes]]
) -> None:
    source = SOURCE + "\n@naked\ndef f() -> None:\n    asm('jmp {main}')\n"
    source = source.replace("import i64", "import asm, i64, naked").replace(
        "return part.X", "return other() + 3"
    )
    source += "\ndef other() -> i64:\n    assert part.X == 1\n    return part.X\n"
    file = write_program(source, name='my-odd "pro gram" \u00fc.py', part="X = 1\n")
    assert execute(guest.compiler.build(file)).returncode == 4


def test_developers_door(write_program: Callable[..., Path]) -> None:
    file = write_program(SOURCE, part="X = 1\n")
    run = [sys.executable, "-m", "guest.compiler", str(file), "-o"]
    folder = file.parent
    for arguments, start in (
        (["a.elf"], b"\x7fELF"),
        (["b.elf", "--strip"], b"\x7fELF"),
        (["c.ll", "--emit-llvm"], b";"),
    ):
        subprocess.run(
            [*run, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            timeout=60,
        )
        assert (folder / arguments[0]).read_bytes().startswith(start)
    (folder / "part.py").write_text("X = None\n")
    wrong = subprocess.run(
        [*run, "d.elf"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(b"part.py:1:5: error: ")
