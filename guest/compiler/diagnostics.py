"""What the compiler says about a wrong program: places, messages, and their printed form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

LIMIT = 20
"""How many diagnostics one compilation reports at most."""


@dataclass(frozen=True)
class Span:
    """A stretch of source; lines count from 1, columns (in characters) from 0, the end is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Diagnostic:
    """One message about one place. `column` and `end_column` count characters from 1; the end is exclusive."""

    path: str
    line: int
    column: int
    end_column: int
    message: str
    source_line: str

    def __str__(self) -> str:
        head = f"{self.path}:{self.line}:{self.column}: error: {self.message}"
        if not self.source_line.strip():
            return head
        width = max(1, min(self.end_column, len(self.source_line) + 1) - self.column)
        # A tab keeps its width under the caret, whatever that width is.
        pad = "".join("\t" if c == "\t" else " " for c in self.source_line[: self.column - 1])
        return f"{head}\n    {self.source_line}\n    {pad}^{'~' * (width - 1)}"


class CompileError(Exception):
    """The program does not compile; `diagnostics` says why, in source order of discovery."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(str(item) for item in self.diagnostics))


class Rejected(Exception):
    """Unwinds the checking of one statement or declaration after its fault was reported."""


class Report:
    """Collects diagnostics; a fault is reported once, the same place and words never twice."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._lines: dict[str, list[str]] = {}

    def add_source(self, path: str, text: str) -> None:
        """Makes the source lines of `path` known, to be shown in messages."""
        self._lines[path] = text.splitlines()

    def error(self, span: Span, message: str) -> None:
        """Records one fault; raises CompileError when the limit is reached."""
        lines = self._lines.get(span.path, [])
        source = lines[span.line - 1] if 0 < span.line <= len(lines) else ""
        end = span.end_column if span.end_line == span.line else len(source)
        item = Diagnostic(
            span.path, span.line, span.column + 1, max(end, span.column + 1) + 1, message, source
        )
        if item not in self.diagnostics:
            self.diagnostics.append(item)
        if len(self.diagnostics) >= LIMIT:
            raise CompileError(self.diagnostics)

    def reject(self, span: Span, message: str) -> Rejected:
        """Records one fault and gives the exception that unwinds: `raise report.reject(...)`."""
        self.error(span, message)
        return Rejected()

    def raise_if_any(self) -> None:
        """Raises CompileError when anything was reported."""
        if self.diagnostics:
            raise CompileError(self.diagnostics)


def span_of(node: ast.AST, path: str, lines: list[str]) -> Span:
    """The span of a syntax node; the byte offsets of `ast` become character columns."""
    line = getattr(node, "lineno", 1)
    end_line = getattr(node, "end_lineno", None) or line
    start = _characters(lines, line, getattr(node, "col_offset", 0))
    end = _characters(lines, end_line, getattr(node, "end_col_offset", None) or 0)
    return Span(path, line, start, end_line, end)


def _characters(lines: list[str], line: int, offset: int) -> int:
    if not 0 < line <= len(lines):
        return 0
    text = lines[line - 1]
    if text.isascii():
        return offset
    return len(text.encode()[:offset].decode(errors="replace"))
