"""Runs the passes one after the other: source file to linked ELF."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from guest.compiler.backend import AssemblyError, compile_object
from guest.compiler.check.functions import check_program, check_trusted
from guest.compiler.declare import Program
from guest.compiler.diagnostics import CompileError, Rejected, Report, Span
from guest.compiler.emit.debug import DebugInfo
from guest.compiler.emit.functions import emit_function
from guest.compiler.emit.module import ModuleEmitter
from guest.compiler.linker import link
from guest.compiler.sources import SourceModule, Sources
from guest.compiler.symbols import FunctionSymbol

BUILTINS = Path(__file__).resolve().parent / "builtins"


@dataclass(frozen=True)
class Compiled:
    """A checked and optimised program, before linking; `sources` tells what was read."""

    object: bytes
    ir: str
    sources: Sources


def compile_program(file: Path, *, debug: bool = True, opt: str = "s") -> Compiled:
    """Compiles the program whose main module is `file`. Raises CompileError, OSError."""
    report = Report()
    sources = Sources(file, report)
    program = Program(sources, report)
    try:
        main = sources.load(file)
        traps = _builtin(program, "traps")
        start = check_program(program, main)
        check_trusted(program, traps)
        _refuse_equal_symbols(program)
    except Rejected:
        raise CompileError(report.diagnostics) from None
    except RecursionError:
        report.error(
            Span(sources.display_path(sources.main_file), 1, 0, 1, 0), "an expression is nested too deeply"
        )
        raise CompileError(report.diagnostics) from None
    emitter = ModuleEmitter(
        main.path,
        debug=DebugInfo(main.path) if debug else None,
        size=opt == "s",
        allocators=lambda symbol: _frame_functions(program, symbol),
        report=_function(traps, "report"),
    )
    emitter.root(start)
    for symbol in program.functions:
        if symbol.export:
            emitter.root(symbol)
    text = emitter.emit(emit_function)
    report.raise_if_any()
    try:
        binary, final = compile_object(text, lambda names: _memory_functions(names, debug), fast=opt == "2")
    except AssemblyError as error:
        report.error(_assembly_place(emitter, error, start.span), f"the assembler says: {error.message}")
        raise CompileError(report.diagnostics) from None
    return Compiled(binary, final, sources)


def build_program(
    file: Path, *, strip: bool = False, debug: bool = True, symbols: bool = True, opt: str = "s"
) -> tuple[bytes, Sources]:
    """The linked ELF, and what was read for it. Raises CompileError, OSError."""
    compiled = compile_program(file, debug=debug and not strip, opt=opt)
    elf = link(compiled.object, symbols=symbols and not strip, debug=debug and not strip)
    return elf, compiled.sources


def _assembly_place(emitter: ModuleEmitter, error: AssemblyError, default: Span) -> Span:
    """The asm statement that LLVM complains of: it has the line shown, or its mnemonic, or the constraint."""
    words = error.excerpt.split()
    quoted = re.findall(r"'([^' ]+)'", error.message)
    for template, constraints, span in emitter.assembly:
        if (
            error.excerpt.strip() in (line.strip() for line in template.splitlines())
            or constraints in error.excerpt
        ):
            return span
    for template, constraints, span in emitter.assembly:
        first = {line.split()[0] for line in template.splitlines() if line.strip()}
        if (words and words[0] in first) or any(item in constraints for item in quoted):
            return span
    return default


def _refuse_equal_symbols(program: Program) -> None:
    """Two functions cannot have one ELF symbol. Raises CompileError."""
    known: dict[str, FunctionSymbol] = {}
    for item in program.functions:
        if item.export or item.link_name in known:
            other = known.setdefault(item.link_name, item)
            if other is not item:
                program.report.error(
                    item.span, f"the symbol {item.link_name} is already that of {other.qualified}"
                )
        else:
            known[item.link_name] = item
    program.report.raise_if_any()


def _builtin(program: Program, name: str) -> SourceModule:
    module = program.sources.load(BUILTINS / f"{name}.py")
    program.trusted.add(module)
    program.bind(module)
    return module


def _function(module: SourceModule, name: str) -> FunctionSymbol:
    symbol = module.names[name]
    assert isinstance(symbol, FunctionSymbol)
    return symbol


def _frame_functions(program: Program, wanted: FunctionSymbol) -> tuple[FunctionSymbol, FunctionSymbol]:
    """The program's coroutine allocator and deallocator."""
    found = []
    for mark in ("coroutine_allocator", "coroutine_deallocator"):
        marked = [item for item in program.functions if mark in item.marks]
        if len(marked) != 1:
            words = "no function" if not marked else "more than one function"
            program.report.error(wanted.span, f"async functions need a @{mark}: {words} is marked so")
            raise CompileError(program.report.diagnostics)
        found.append(marked[0])
    return found[0], found[1]


def _memory_functions(names: list[str], debug: bool) -> str:
    """IR that defines the memory functions of these names."""
    report = Report()
    program = Program(Sources(BUILTINS / "memory.py", report), report)
    module = _builtin(program, "memory")
    check_trusted(program, module)
    emitter = ModuleEmitter(
        module.path,
        debug=DebugInfo(module.path) if debug else None,
        size=True,
        allocators=lambda symbol: _frame_functions(program, symbol),
        report=None,
        exported=True,
    )
    for name in names:
        emitter.root(_function(module, name))
    return emitter.emit(emit_function)
