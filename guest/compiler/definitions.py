"""What the declarations of a module mean: values of constants, types of globals, signatures, layouts of structs."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from guest.compiler import tree
from guest.compiler.check import fold
from guest.compiler.check.annotations import annotation, stored, type_or_none
from guest.compiler.check.core import Checker
from guest.compiler.diagnostics import Rejected
from guest.compiler.sources import SourceModule
from guest.compiler.symbols import (
    ConstantSymbol,
    FunctionSymbol,
    GlobalSymbol,
    LangSymbol,
    Parameter,
    Symbol,
    TypeSymbol,
)
from guest.compiler.types import BYTES, NULL, Field, Struct, Type, align_of, align_up, size_of

if TYPE_CHECKING:
    from guest.compiler.declare import Program


def constant(program: Program, module: SourceModule, name: str, node: ast.Assign) -> Symbol:
    """`NAME = value`: a constant, or another name for a type."""
    checker = Checker(program, module)
    if name.startswith("__") and name.endswith("__"):
        raise program.report.reject(module.span(node), f"{name} has no meaning in the guest language")
    type = type_or_none(checker, node.value)
    if type is not None:
        return TypeSymbol(name, type)
    return ConstantSymbol(name, module, constant_value(program, checker, node.value, None), module.span(node))


def constant_value(program: Program, checker: Checker, node: ast.expr, type: Type | None) -> tree.Expr:
    """The value of a constant expression, converted to `type` when one is given."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        symbol = checker.symbol_of(node.func)
        if isinstance(symbol, LangSymbol) and symbol.name == "embed":
            return _embed(program, checker, node)
    value = checker.expr(node, type)
    if type is not None:
        value = checker.coerce(value, type)
    if isinstance(value, tree.ConstantRef):
        value = value.symbol.value
    if not fold.is_constant(value):
        raise checker.reject(node, "this is not a constant expression")
    if value.type == NULL:
        raise checker.reject(node, "null has no type by itself")
    return value


def _embed(program: Program, checker: Checker, node: ast.Call) -> tree.Expr:
    if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Constant):
        raise checker.reject(node, 'embed takes one file name, as in embed("page.html")')
    name = node.args[0].value
    if not isinstance(name, str) or name.startswith("/") or ".." in name.split("/"):
        raise checker.reject(node.args[0], "embed takes a relative file name without ..")
    file = program.sources.find_embedded(checker.module, name)
    if file is None:
        raise checker.reject(
            node.args[0], f"no file {name}, neither beside {checker.module.path} nor in the project root"
        )
    return tree.BytesConst(checker.span(node), BYTES, program.sources.read_bytes(file))


def global_variable(program: Program, module: SourceModule, name: str, node: ast.AnnAssign) -> Symbol:
    """`name: T` or `name: T = value`: a variable with static storage."""
    checker = Checker(program, module)
    type = stored(checker, node.annotation)
    program.complete_type(type)
    initial = constant_value(program, checker, node.value, type) if node.value is not None else None
    return GlobalSymbol(name, module, type, module.span(node), initial)


def signature(program: Program, symbol: FunctionSymbol) -> None:
    """Fills in the parameters and the result of a function."""
    node, module = symbol.node, symbol.module
    checker = Checker(program, module)
    rest = node.args
    if getattr(node, "type_params", None):  # Python 3.12
        raise program.report.reject(symbol.span, "type parameters are not part of the guest language")
    for extra in (rest.vararg, rest.kwarg):
        if extra is not None:
            raise checker.reject(extra, "*args and **kwargs are not part of the guest language")
    if rest.kwonlyargs or rest.posonlyargs:
        raise checker.reject(
            node, "keyword-only and positional-only parameters are not part of the guest language"
        )
    defaults: list[ast.expr | None] = [None] * (len(rest.args) - len(rest.defaults)) + [*rest.defaults]
    for i, (item, default) in enumerate(zip(rest.args, defaults, strict=True)):
        if symbol.struct is not None and i == 0:
            if item.arg != "self":
                raise checker.reject(item, "the first parameter of a method is self")
            symbol.parameters.append(Parameter("self", symbol.struct, None, checker.span(item)))
            continue
        if item.annotation is None:
            raise checker.reject(item, f"the parameter {item.arg} needs a type, as in {item.arg}: u32")
        type = stored(checker, item.annotation)
        value = constant_value(program, checker, default, type) if default is not None else None
        symbol.parameters.append(Parameter(item.arg, type, value, checker.span(item)))
    if symbol.struct is not None and not rest.args:
        raise program.report.reject(symbol.span, "a method needs self as its first parameter")
    if node.returns is None:
        raise program.report.reject(symbol.span, f"{symbol.name} needs a result type, as in -> None")
    symbol.result = annotation(checker, node.returns)
    _check_marks(program, symbol)


def _check_marks(program: Program, symbol: FunctionSymbol) -> None:
    marks = symbol.marks
    if symbol.is_naked and symbol.is_async:
        raise program.report.reject(symbol.span, "an async function cannot be @naked")
    if "pure" in marks and symbol.is_async:
        raise program.report.reject(symbol.span, "an async function cannot be @pure")
    if symbol.name == "_start" and symbol.struct is None and not symbol.is_naked:
        raise program.report.reject(
            symbol.span, "_start must be @naked: the kernel enters it without a return address"
        )


def lay_out(program: Program, struct: Struct, module: SourceModule, node: ast.ClassDef, pure: bool) -> None:
    """Fills in the fields, their offsets, and the methods of a struct."""
    checker = Checker(program, module)
    offset = 0
    for item in node.body:
        try:
            match item:
                case ast.AnnAssign(target=ast.Name(id=name)):
                    type = stored(checker, item.annotation)
                    program.complete_type(type)
                    if name in struct.fields:
                        raise checker.reject(item, f"{name} is already a field of {struct}")
                    default = None
                    if item.value is not None:
                        default = constant_value(program, checker, item.value, type)
                    offset = align_up(offset, align_of(type))
                    struct.fields[name] = Field(name, type, offset, default)
                    offset += size_of(type)
                    struct.align = max(struct.align, align_of(type))
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    method = program.function(module, item, struct)
                    if pure:
                        method.marks |= {"pure"}
                    if item.name in struct.methods or item.name in struct.fields:
                        raise checker.reject(item, f"{item.name} is already a member of {struct}")
                    struct.methods[item.name] = method
                case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
                    pass
                case _:
                    raise checker.reject(item, "a @struct class holds annotated fields and methods only")
        except Rejected:
            continue
    struct.size = align_up(offset, struct.align)
