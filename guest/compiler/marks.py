"""Reads decorators: @pure, @naked, @export("name") and the like."""

from __future__ import annotations

import ast
import re

from guest.compiler.check.core import Checker
from guest.compiler.symbols import LangSymbol

FUNCTION_MARKS = frozenset(
    {"pure", "naked", "extern", "inline", "noinline", "coroutine_allocator", "coroutine_deallocator"}
)
CLASS_MARKS = frozenset({"struct", "pure"})
SYMBOL = re.compile(r"[A-Za-z_.$][\w.$]*")


def read_marks(
    checker: Checker, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
) -> tuple[frozenset[str], str | None]:
    """The names of the decorators, and the symbol of @export."""
    allowed = CLASS_MARKS if isinstance(node, ast.ClassDef) else FUNCTION_MARKS
    marks: set[str] = set()
    export = None
    for item in node.decorator_list:
        target = item.func if isinstance(item, ast.Call) else item
        symbol = checker.symbol_of(target)
        name = symbol.name if isinstance(symbol, LangSymbol) else None
        if isinstance(item, ast.Call) and name == "export" and not isinstance(node, ast.ClassDef):
            argument = item.args[0] if len(item.args) == 1 and not item.keywords else None
            if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
                raise checker.reject(item, '@export takes the symbol, as in @export("memcpy")')
            if not SYMBOL.fullmatch(argument.value):
                raise checker.reject(argument, "this is not a symbol name")
            export = argument.value
        elif isinstance(item, ast.Call) or name not in allowed:
            raise checker.reject(item, f"the decorator {ast.unparse(item)} is not part of the guest language")
        else:
            marks.add(name)
    return frozenset(marks), export
