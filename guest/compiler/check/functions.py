"""Checks function bodies, and the program as a whole."""

from __future__ import annotations

import ast

from guest.compiler import tree
from guest.compiler.check import calls, flow, lowlevel, operators, statements, values
from guest.compiler.check.core import Checker
from guest.compiler.declare import Program
from guest.compiler.diagnostics import Rejected, Span
from guest.compiler.sources import SourceModule
from guest.compiler.symbols import FunctionSymbol
from guest.compiler.types import VOID

HANDLERS = (calls, flow, lowlevel, operators, statements, values)
"""Importing these modules registers their handlers."""


def check_program(program: Program, main: SourceModule) -> FunctionSymbol:
    """Checks every function of every module; gives `_start`. Raises CompileError."""
    check_library(program, main)
    start = main.names.get("_start")
    if not isinstance(start, FunctionSymbol):
        program.report.error(
            Span(main.path, 1, 0, 1, 0),
            "the program has no _start: import it with `from guest.rt.start import _start`",
        )
    program.report.raise_if_any()
    assert isinstance(start, FunctionSymbol)
    return start


def check_library(program: Program, main: SourceModule) -> None:
    """Checks every function of every module; there need be no `_start`. Raises CompileError."""
    program.bind(main)
    for module in program.bound:
        for name in [key for owner, key in program.pending if owner is module]:
            program.lookup(module, name, Span(module.path, 1, 0, 1, 0))
    for struct in list(program.structs):
        _guarded(program.complete, struct)
    for function in list(program.functions):
        _guarded(program.complete_function, function)
    for function in list(program.functions):
        _guarded(check_function, program, main, function)
    program.report.raise_if_any()
    for module in program.bound:
        program.sources.check_scopes(module)
    program.report.raise_if_any()


def _guarded(step: object, *arguments: object) -> None:
    try:
        step(*arguments)  # type: ignore[operator]
    except Rejected:
        pass


def check_function(program: Program, main: SourceModule, symbol: FunctionSymbol) -> None:
    """Fills in the body of one function."""
    program.complete_function(symbol)
    if "extern" in symbol.marks:
        _resolve_extern(program, main, symbol)
        return
    node = symbol.node
    checker = Checker(program, symbol.module, symbol)
    checker.global_names = _globals(node)
    checker.local_names = _locals(node) - checker.global_names
    parameters = []
    for item in symbol.parameters:
        if item.name in checker.variables:
            raise checker.reject(item.span, f"the parameter {item.name} is given twice")
        variable = tree.Variable(item.name, item.type, item.span)
        checker.variables[item.name] = variable
        parameters.append(variable)
    checker.assigned = set(checker.variables)
    if symbol.is_naked:
        _check_naked(checker, node)
    if any(isinstance(item, ast.Expr) and _is_ellipsis(item.value) for item in node.body):
        raise program.report.reject(
            symbol.span, f"{symbol.name} has no body: only an @extern function is declared so"
        )
    body = statements.check_block(checker, node.body)
    if checker.assigned is not None and symbol.result != VOID and not symbol.is_naked:
        program.report.error(
            symbol.span, f"{symbol.name} can end without a return: it must give {symbol.result}"
        )
    symbol.body = tree.FunctionBody(symbol, parameters, body, symbol.struct)


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _check_naked(checker: Checker, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    for item in node.body:
        if isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant):
            continue
        if isinstance(item, ast.Expr) and isinstance(item.value, ast.Call):
            func = item.value.func
            if isinstance(func, ast.Name | ast.Attribute):
                symbol = checker.symbol_of(func)
                if getattr(symbol, "name", None) == "asm":
                    continue
        raise checker.reject(item, "a @naked function holds only asm(...) statements")


def _resolve_extern(program: Program, main: SourceModule, symbol: FunctionSymbol) -> None:
    body = [
        item
        for item in symbol.node.body
        if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
    ]
    if body and not all(isinstance(item, ast.Pass) for item in body):
        raise program.report.reject(symbol.span, "an @extern function has no body: write ...")
    target = program.lookup(main, symbol.name, symbol.span)
    if target is symbol or not isinstance(target, FunctionSymbol):
        raise program.report.reject(
            symbol.span, f"the program's main module {main.path} does not define {symbol.name}"
        )
    program.complete_function(target)
    wanted = [item.type for item in symbol.parameters]
    found = [item.type for item in target.parameters]
    if wanted != found or symbol.result != target.result or symbol.is_async != target.is_async:
        words = f"({', '.join(map(str, wanted))}) -> {symbol.result}"
        raise program.report.reject(
            target.span, f"{symbol.name} must be declared as {symbol.module.path} wants it: {words}"
        )
    symbol.target = target


class _Names(ast.NodeVisitor):
    """Collects the names that a function binds, not looking into nested scopes."""

    def __init__(self) -> None:
        self.stored: set[str] = set()
        self.globals: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.stored.add(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        self.globals.update(node.names)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.stored.add(node.name)


def _collect(node: ast.FunctionDef | ast.AsyncFunctionDef) -> _Names:
    names = _Names()
    for item in node.body:
        names.visit(item)
    return names


def _globals(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return _collect(node).globals


def _locals(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return _collect(node).stored | {item.arg for item in node.args.args}


def check_trusted(program: Program, module: SourceModule) -> None:
    """Checks one of the compiler's own guest modules. Raises CompileError."""
    for name in [key for owner, key in program.pending if owner is module]:
        program.lookup(module, name, Span(module.path, 1, 0, 1, 0))
    for function in program.functions:
        if function.module is module:
            _guarded(check_function, program, module, function)
    program.report.raise_if_any()
