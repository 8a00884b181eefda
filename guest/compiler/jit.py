"""Runs compiled functions inside this process, to hold them against the same functions under CPython."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guest.compiler.backend import Loaded, load_in_process
from guest.compiler.check.functions import check_library
from guest.compiler.declare import Program
from guest.compiler.diagnostics import CompileError, Rejected, Report
from guest.compiler.emit.functions import emit_function
from guest.compiler.emit.module import ModuleEmitter
from guest.compiler.sources import Sources
from guest.compiler.symbols import FunctionSymbol
from guest.compiler.types import BOOL, VOID, Array, Int, Struct, Type, View


class Library:
    """The functions of one module, compiled: `library.name(arguments)`.

    Integers and bools are passed and returned as Python's; `bytes` and `buffer` arguments as anything with a
    buffer (a writable one for buffer); structs and arrays as a bytearray of their layout. A trap kills this process.
    """

    def __init__(self, file: str | os.PathLike[str], names: list[str]) -> None:
        """Compiles the named functions. Raises CompileError, OSError."""
        report = Report()
        sources = Sources(Path(file), report)
        program = Program(sources, report)
        emitter = ModuleEmitter(str(file), debug=None, size=True, allocators=_no_coroutines, report=None)
        found: dict[str, FunctionSymbol] = {}
        try:
            main = sources.load(sources.main_file)
            check_library(program, main)
            for name in names:
                symbol = main.names[name]
                assert isinstance(symbol, FunctionSymbol)
                found[name] = symbol
                emitter.root(symbol)
        except Rejected:
            raise CompileError(report.diagnostics) from None
        self._loaded: Loaded = load_in_process(emitter.emit(emit_function))
        self._functions = {name: _callable(self._loaded, symbol) for name, symbol in found.items()}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            return self._functions[name]
        except KeyError:
            raise AttributeError(name) from None


def _no_coroutines(symbol: FunctionSymbol) -> tuple[FunctionSymbol, FunctionSymbol]:
    raise TypeError(f"{symbol.name} is a coroutine, which needs a whole program")


def _callable(loaded: Loaded, symbol: FunctionSymbol) -> Callable[..., Any]:
    assert symbol.result is not None
    result, types = symbol.result, [item.type for item in symbol.parameters]
    native = [kind for item in types for kind in _passed_as(item)]
    prototype = ctypes.CFUNCTYPE(_returned_as(result), *native)
    function = prototype(loaded.address(symbol.link_name))

    def call(*arguments: Any) -> Any:
        values = [value for item, type in zip(arguments, types, strict=True) for value in _pass(item, type)]
        given = function(*values)
        # Only the lowest bit of a returned bool is defined.
        return bool(given & 1) if result == BOOL else given

    return call


def _integer(type: Int) -> Any:
    return getattr(ctypes, f"c_{'' if type.signed else 'u'}int{type.bits}")


def _returned_as(type: Type) -> Any:
    if type == VOID:
        return None
    if type == BOOL:
        return ctypes.c_uint8
    if isinstance(type, Int):
        return _integer(type)
    raise TypeError(f"a result of type {type} cannot be taken from compiled code here")


def _passed_as(type: Type) -> list[Any]:
    if isinstance(type, Int):
        return [_integer(type)]
    if type == BOOL:
        return [ctypes.c_bool]
    if isinstance(type, View):
        # Two registers, as LLVM passes a pair (the same as two arguments).
        return [ctypes.c_void_p, ctypes.c_int64]
    if isinstance(type, Struct | Array):
        return [ctypes.c_void_p]
    raise TypeError(f"an argument of type {type} cannot be passed to compiled code here")


def _pass(value: Any, type: Type) -> list[Any]:
    if isinstance(type, View | Struct | Array):
        if isinstance(value, bytes):
            kept: Any = ctypes.create_string_buffer(value, len(value))
        else:
            kept = (ctypes.c_char * len(value)).from_buffer(value)
        # The casted pointer keeps the buffer alive through the call.
        pointer = ctypes.cast(kept, ctypes.c_void_p)
        return [pointer, len(value)] if isinstance(type, View) else [pointer]
    return [value]
