"""The laws of the layout, checked: top level, direction of imports, one door each, file sizes."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOP_LEVEL = {
    ".ci", ".gitignore", "LICENSE", "README.md", "docs", "emu", "fixtures", "guest", "pyproject.toml",
    "syscalls", "tests", "tools",
}  # fmt: skip
PRODUCT = ("emu", "guest", "syscalls")

MAY_IMPORT = {
    "emu": {"emu", "guest", "syscalls"},
    "guest": {"guest", "syscalls"},
    "syscalls": {"syscalls"},
}
ONE_DOOR = {
    "unicorn": "emu/engine.py",
    "llvmlite": "guest/compiler/",
    "select.epoll": "emu/host.py",
    "textual": "emu/viewer/",
}
LINES = 400


def tracked() -> list[str]:
    """The project's files: those git knows. In an unpacked archive there is no git, and nothing that is not the project's."""
    if not (ROOT / ".git").exists():
        own = [path for top in TOP_LEVEL for path in (ROOT / top, *(ROOT / top).rglob("*")) if path.is_file()]
        return [str(path.relative_to(ROOT)) for path in own if "__pycache__" not in path.parts]
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.splitlines() if (ROOT / name).exists()]


def sources() -> list[Path]:
    return [ROOT / name for name in tracked() if name.endswith(".py") and name.split("/")[0] in PRODUCT]


def all_sources() -> list[Path]:
    """The product, its tests and tools; without the wrong programs that the compiler's errors are tested with."""
    return [ROOT / name for name in tracked() if name.endswith(".py") and "/errors/" not in name]


def imports(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Absolute names of the imported modules; relative imports stay inside their package by nature."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def test_top_level_is_fixed() -> None:
    assert {name.split("/")[0] for name in tracked()} <= TOP_LEVEL


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    for name, node in imports(path):
        top = name.split(".")[0]
        assert top not in ("tests", "tools"), f"{path} imports {name}"
        if top in MAY_IMPORT:
            assert top in MAY_IMPORT[package], f"{path}:{node.lineno} imports {name}"  # type: ignore[attr-defined]
        if package == "guest" and top == "syscalls":
            assert name.startswith(("syscalls.numbers", "syscalls.flags")) or name == "syscalls", (
                f"{path}: a guest may use only numbers and flags, not {name}"
            )


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_one_door_each(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    for name, _ in imports(path):
        for module, door in ONE_DOOR.items():
            if name == module or name.startswith(module + "."):
                assert relative.startswith(door), f"{relative} imports {name}: only {door} may"
    if "epoll(" in path.read_text():
        assert relative == ONE_DOOR["select.epoll"] or "select.epoll(" not in path.read_text()


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_imports_what_its_file_does_not(path: Path) -> None:
    """An import inside a function hides a cycle, or a dependency."""
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                assert not isinstance(node, ast.Import | ast.ImportFrom), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", all_sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_open_with_their_duty_and_stay_small(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), f"{path} has no opening sentence"
    assert text.count("\n") <= LINES * 1.15, f"{path} is too long to read in one go"
    assert not re.search(r"^\s*from .* import \*", text, re.MULTILINE), f"{path} imports everything"


def test_no_star_imports_no_binaries_no_urls_in_pins() -> None:
    for name in tracked():
        data = (ROOT / name).read_bytes()
        assert not data.startswith(b"\x7fELF"), f"{name}: binaries are built, not committed"
        if "requirements" in name:
            assert b"://" not in data, f"{name} names a host"


def test_no_cycles_between_modules() -> None:
    """Imports at run time form no cycle (imports under TYPE_CHECKING do not count)."""
    graph: dict[str, set[str]] = {}
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sources()
    }
    for name, path in names.items():
        graph[name] = set()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                targets = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [target if target in names else node.module for target in targets]
            else:
                continue
            graph[name] |= {target for target in targets if target in names and target != name}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
