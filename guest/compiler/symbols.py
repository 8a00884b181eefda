"""What names stand for: functions, globals, constants, modules, and the names of guest.lang."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from guest.compiler.diagnostics import Span
    from guest.compiler.sources import SourceModule
    from guest.compiler.tree import Expr, FunctionBody
    from guest.compiler.types import Struct, Type


@dataclass
class Parameter:
    name: str
    type: Type
    default: Expr | None
    span: Span


@dataclass(eq=False)
class FunctionSymbol:
    """A function or method; the signature is filled in by the declaration pass."""

    name: str
    module: SourceModule
    node: ast.FunctionDef | ast.AsyncFunctionDef
    span: Span
    struct: Struct | None = None
    parameters: list[Parameter] = field(default_factory=list)
    result: Type | None = None
    marks: frozenset[str] = frozenset()
    export: str | None = None
    broken: bool = False
    body: FunctionBody | None = None
    target: FunctionSymbol | None = None
    """For an `@extern` function: the one of that name in the program's main module."""

    @property
    def qualified(self) -> str:
        return f"{self.struct.name}.{self.name}" if self.struct else self.name

    @property
    def link_name(self) -> str:
        """The ELF symbol."""
        if self.export:
            return self.export
        if self.name == "_start" and not self.struct:
            return "_start"
        return f"{self.module.name}.{self.qualified}"

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def is_pure(self) -> bool:
        return "pure" in self.marks

    @property
    def is_naked(self) -> bool:
        return "naked" in self.marks


@dataclass(eq=False)
class GlobalSymbol:
    """A module-level variable with static storage; `initial` None means zeros."""

    name: str
    module: SourceModule
    type: Type
    span: Span
    initial: Expr | None = None

    @property
    def link_name(self) -> str:
        return f"{self.module.name}.{self.name}"


@dataclass(eq=False)
class ConstantSymbol:
    name: str
    module: SourceModule
    value: Expr
    span: Span

    @property
    def link_name(self) -> str:
        return f"{self.module.name}.{self.name}"


@dataclass(eq=False)
class TypeSymbol:
    """A struct or an alias of a type."""

    name: str
    type: Type


@dataclass(eq=False)
class ModuleSymbol:
    module: SourceModule


@dataclass(eq=False)
class LangSymbol:
    """A name of guest.lang; `guest.lang` itself is the empty name."""

    name: str


@dataclass(eq=False)
class HostSymbol:
    """A module, class or integer of the `syscalls` package, read as a plain Python object."""

    name: str
    value: object


@dataclass(eq=False)
class BrokenSymbol:
    """A name whose declaration was already reported as wrong."""

    name: str


Symbol: TypeAlias = (
    FunctionSymbol
    | GlobalSymbol
    | ConstantSymbol
    | TypeSymbol
    | ModuleSymbol
    | LangSymbol
    | HostSymbol
    | BrokenSymbol
)
