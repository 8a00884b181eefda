"""Debug information: files, functions and source places as LLVM metadata (DWARF 4)."""

from __future__ import annotations

from guest.compiler.diagnostics import Span
from guest.compiler.emit.layout import escape
from guest.compiler.symbols import FunctionSymbol

PYTHON = "DW_LANG_Python"


class DebugInfo:
    """Hands out metadata numbers; `lines` is the text of the whole at the end."""

    def __init__(self, main_path: str) -> None:
        self._numbers: dict[str, int] = {}
        self._distinct: list[str] = []
        self.main = self._node(_file(main_path))
        self.unit = self._new(
            f'distinct !DICompileUnit(language: {PYTHON}, file: !{self.main}, producer: "emu guest compiler", '
            "isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug, nameTableKind: None)"
        )
        empty = self._node("!{null}")
        self.type = self._node(f"!DISubroutineType(types: !{empty})")

    def _node(self, text: str) -> int:
        """The number of a uniqued node."""
        if text not in self._numbers:
            self._numbers[text] = self._new(text)
        return self._numbers[text]

    def _new(self, text: str) -> int:
        self._distinct.append(text)
        return len(self._distinct) - 1

    def function(self, symbol: FunctionSymbol) -> int:
        """The node of a function's definition."""
        file = self._node(_file(symbol.module.path))
        return self._new(
            f'distinct !DISubprogram(name: "{escape(symbol.qualified.encode())}", '
            f'linkageName: "{escape(symbol.link_name.encode())}", '
            f"scope: !{file}, file: !{file}, line: {symbol.span.line}, scopeLine: {symbol.span.line}, "
            f"type: !{self.type}, flags: DIFlagPrototyped, "
            f"spFlags: DISPFlagLocalToUnit | DISPFlagDefinition | DISPFlagOptimized, unit: !{self.unit})"
        )

    def location(self, span: Span, function: int) -> int:
        """The node of a source place within a function."""
        return self._node(f"!DILocation(line: {span.line}, column: {span.column + 1}, scope: !{function})")

    def lines(self) -> list[str]:
        """All metadata, as it stands at the end of the module."""
        version = self._new('!{i32 7, !"Dwarf Version", i32 4}')
        metadata = self._new('!{i32 2, !"Debug Info Version", i32 3}')
        return [
            f"!llvm.dbg.cu = !{{!{self.unit}}}",
            f"!llvm.module.flags = !{{!{version}, !{metadata}}}",
            *(f"!{i} = {text}" for i, text in enumerate(self._distinct)),
        ]


def _file(path: str) -> str:
    # A fixed directory keeps the output the same on every machine.
    return f'!DIFile(filename: "{escape(path.encode())}", directory: ".")'
