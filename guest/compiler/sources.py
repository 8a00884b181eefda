"""Finding, reading and parsing source files, and what each build read (for the cache)."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from guest.compiler.diagnostics import Rejected, Report, Span, span_of
from guest.compiler.symbols import Symbol

PROJECT_ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the `guest` package."""


@dataclass(eq=False)
class SourceModule:
    """One source file: `name` dotted, `path` as shown in messages, `file` where it was read."""

    name: str
    path: str
    file: Path
    text: str
    tree: ast.Module
    lines: list[str]
    names: dict[str, Symbol] = field(default_factory=dict)
    declared: bool = False

    def span(self, node: ast.AST) -> Span:
        return span_of(node, self.path, self.lines)


class Sources:
    """Reads modules for one build. Imports are looked for in the program's folder, then in the project root."""

    def __init__(self, main_file: Path, report: Report) -> None:
        self.main_file = main_file.resolve()
        self.program_folder = self.main_file.parent
        self.report = report
        self.modules: dict[Path, SourceModule] = {}
        self.read: dict[Path, bytes] = {}
        self.missed: set[Path] = set()
        """Files that were looked for in vain: had they existed, the build would differ."""

    def load(self, file: Path) -> SourceModule:
        """The module in `file`, parsed once. Raises OSError; a syntax error is reported and raised as Rejected."""
        file = file.resolve()
        if file in self.modules:
            return self.modules[file]
        path = self.display_path(file)
        raw = self.read_bytes(file)
        place = Span(path, 1, 0, 1, 0)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.report.reject(place, f"not UTF-8 at byte {error.start}") from None
        text = text.removeprefix("\ufeff")
        self.report.add_source(path, text)
        try:
            tree = ast.parse(text, filename=path)
        except SyntaxError as error:
            raise self._syntax(path, error) from None
        except (ValueError, RecursionError, MemoryError) as error:
            words = str(error) if isinstance(error, ValueError) else "nested too deeply"
            raise self.report.reject(place, f"syntax: {words}") from None
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        module = SourceModule(name, path, file, text, tree, text.splitlines())
        self.modules[file] = module
        return module

    def check_scopes(self, module: SourceModule) -> None:
        """Reports what Python finds wrong only after parsing, such as a `global` after the name's first use."""
        try:
            compile(module.tree, module.path, "exec", dont_inherit=True)
        except SyntaxError as error:
            self._syntax(module.path, error)

    def _syntax(self, path: str, error: SyntaxError) -> Rejected:
        line, column = error.lineno or 1, max((error.offset or 1) - 1, 0)
        end_line = error.end_lineno or line
        end = (error.end_offset or 0) - 1 if end_line == line else column + 1
        return self.report.reject(
            Span(path, line, column, line, max(end, column + 1)), f"syntax: {error.msg}"
        )

    def display_path(self, file: Path) -> str:
        """The path shown in messages: relative, and the same on every machine."""
        if file.is_relative_to(PROJECT_ROOT / "guest"):
            return file.relative_to(PROJECT_ROOT).as_posix()
        if file.is_relative_to(self.program_folder):
            return file.relative_to(self.program_folder).as_posix()
        if file.is_relative_to(PROJECT_ROOT):
            return file.relative_to(PROJECT_ROOT).as_posix()
        return file.name

    def read_bytes(self, file: Path) -> bytes:
        """The content of a file that the build depends on."""
        if file not in self.read:
            self.read[file] = file.read_bytes()
        return self.read[file]

    def find_module(self, dotted: str) -> Path | None:
        """The file of an absolute import, or None."""
        parts = dotted.split(".")
        for root in (self.program_folder, PROJECT_ROOT):
            base = root.joinpath(*parts)
            for candidate in (base.with_suffix(".py"), base / "__init__.py"):
                if self._exists(candidate):
                    return candidate
        return None

    def find_embedded(self, module: SourceModule, name: str) -> Path | None:
        """The file of `embed(name)`: beside the module, then in the project root."""
        for root in (module.file.parent, PROJECT_ROOT):
            if self._exists(root / name):
                return root / name
        return None

    def _exists(self, file: Path) -> bool:
        if file.is_file():
            return True
        self.missed.add(file)
        return False
