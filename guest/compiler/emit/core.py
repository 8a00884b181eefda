"""The state of emitting one function: blocks, temporaries, storage, source places, traps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from guest.compiler import tree
from guest.compiler.diagnostics import Span
from guest.compiler.emit.layout import value_type
from guest.compiler.symbols import FunctionSymbol
from guest.compiler.types import Type

if TYPE_CHECKING:
    from guest.compiler.emit.module import ModuleEmitter

ExpressionEmitter: TypeAlias = Callable[["FunctionEmitter", Any], str]
StatementEmitter: TypeAlias = Callable[["FunctionEmitter", Any], None]

EXPRESSIONS: dict[type[tree.Expr], ExpressionEmitter] = {}
STATEMENTS: dict[type[tree.Stmt], StatementEmitter] = {}


def expression(kind: type[tree.Expr]) -> Callable[[ExpressionEmitter], ExpressionEmitter]:
    """Registers the emitter of one kind of expression."""

    def register(emitter: ExpressionEmitter) -> ExpressionEmitter:
        EXPRESSIONS[kind] = emitter
        return emitter

    return register


def statement(kind: type[tree.Stmt]) -> Callable[[StatementEmitter], StatementEmitter]:
    """Registers the emitter of one kind of statement."""

    def register(emitter: StatementEmitter) -> StatementEmitter:
        STATEMENTS[kind] = emitter
        return emitter

    return register


class FunctionEmitter:
    """Writes the body of one function. Values are LLVM operands without their type, such as `%t4` or `7`."""

    def __init__(self, module: ModuleEmitter, symbol: FunctionSymbol) -> None:
        self.module = module
        self.symbol = symbol
        self.storage: list[str] = []
        self.lines: list[str] = []
        self.cold: list[str] = []
        self.variables: dict[tree.Variable, str] = {}
        self.held: dict[tree.Held, str] = {}
        self.loops: list[tuple[str, str]] = []
        """(break target, continue target) of the enclosing loops."""
        self.terminated = False
        self._count = 0
        self._debug = module.debug.function(symbol) if module.debug is not None else None
        self.place = symbol.span
        # Coroutines: where a return and a destroyed suspension go, and where the result is kept.
        self.final_label = ""
        self.cleanup_label = ""
        self.suspend_label = ""
        self.promise = ""
        self.frame = ("", "")

    # Text

    @property
    def debug_number(self) -> int | None:
        return self._debug

    def _suffix(self, span: Span) -> str:
        if self._debug is None or self.module.debug is None:
            return ""
        return f", !dbg !{self.module.debug.location(span, self._debug)}"

    def _open(self) -> None:
        """Code after a terminator goes into a block that nothing reaches."""
        if self.terminated:
            self.begin(self.label("dead"))

    def temporary(self) -> str:
        self._count += 1
        return f"%t{self._count}"

    def label(self, hint: str) -> str:
        """A fresh block name."""
        self._count += 1
        return f"{hint}.{self._count}"

    def op(self, text: str) -> str:
        """An instruction with a result; gives the result's name."""
        self._open()
        name = self.temporary()
        self.lines.append(f"  {name} = {text}{self._suffix(self.place)}")
        return name

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self._open()
        self.lines.append(f"  {text}{self._suffix(self.place)}")

    def terminate(self, text: str) -> None:
        """The last instruction of a block."""
        self.do(text)
        self.terminated = True

    def jump(self, label: str) -> None:
        self.terminate(f"br label %{label}")

    def jump_if_open(self, label: str) -> None:
        if not self.terminated:
            self.jump(label)

    def branch(self, test: str, yes: str, no: str) -> None:
        self.terminate(f"br i1 {test}, label %{yes}, label %{no}")

    def begin(self, label: str) -> None:
        """Starts a block; an open one falls into it."""
        if not self.terminated:
            self.jump(label)
        self.lines.append(f"{label}:")
        self.terminated = False

    # Storage

    def slot(self, llvm_type: str, align: int = 0) -> str:
        """Storage for the whole call."""
        name = self.temporary()
        self.storage.append(f"  {name} = alloca {llvm_type}" + (f", align {align}" if align else ""))
        return name

    def variable(self, item: tree.Variable) -> str:
        """The address of a local variable."""
        if item not in self.variables:
            self.variables[item] = self.slot(value_type(item.type))
        return self.variables[item]

    # Dispatch

    def value(self, node: tree.Expr) -> str:
        """Emits an expression; gives its operand ('' for calls that give nothing)."""
        outer, self.place = self.place, node.span
        try:
            return EXPRESSIONS[type(node)](self, node)
        finally:
            self.place = outer

    def typed(self, node: tree.Expr) -> str:
        """The operand with its type in front."""
        return f"{value_type(node.type)} {self.value(node)}"

    def block(self, nodes: list[tree.Stmt]) -> None:
        for node in nodes:
            self.place = node.span
            STATEMENTS[type(node)](self, node)

    # Traps

    def trap_unless(self, test: str, message: str, span: Span) -> None:
        """Goes on when `test` holds; otherwise says so on stderr and executes ud2."""
        good, bad = self.label("good"), self.label("trap")
        self.branch(test, good, bad)
        self.cold.append(f"{bad}:")
        suffix = self._suffix(span)
        code = self.module.trap_code(span, message)
        if code is not None:
            report = self.module.report_symbol()
            self.cold.append(f"  call void {report}(i32 {code}) #3{suffix}")
        self.cold.append(f"  call void @llvm.trap() #4{suffix}")
        self.cold.append(f"  unreachable{suffix}")
        self.module.intrinsic("void @llvm.trap()")
        self.begin(good)

    def call(self, result: Type | str, target: str, arguments: list[str]) -> str:
        """A call; arguments carry their types."""
        kind = result if isinstance(result, str) else value_type(result)
        text = f"call {kind} {target}({', '.join(arguments)})"
        if kind == "void":
            self.do(text)
            return ""
        return self.op(text)

    def intrinsic(self, kind: str, name: str, arguments: list[str]) -> str:
        """A call of an LLVM intrinsic, declared on first use."""
        types = ", ".join(item.rsplit(" ", 1)[0] if item != "token none" else "token" for item in arguments)
        self.module.intrinsic(f"{kind} @{name}({types})")
        return self.call(kind, f"@{name}", arguments)
