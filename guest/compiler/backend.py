"""The one door to LLVM: IR text in, an optimised x86_64 object file out."""

from __future__ import annotations

import functools
import os
import re
import tempfile
from collections.abc import Callable

import llvmlite.binding as llvm

MEMORY_FUNCTIONS = ("memcpy", "memmove", "memset", "memcmp", "bcmp")
"""What LLVM may call for its own intrinsics and for comparisons."""

_NEEDS = re.compile(r"@(?:llvm\.)?(memcpy|memmove|memset|memcmp|bcmp)\b")
_LEFT_OVER = re.compile(r"presplitcoroutine|@llvm\.coro\.(?!free|size|begin\b)\w+")


class BackendError(Exception):
    """LLVM refused the module, which is a fault of the compiler and not of the program."""


class AssemblyError(Exception):
    """LLVM refused inline assembly: its words, and the offending line or constraint as far as LLVM shows it."""

    def __init__(self, message: str, excerpt: str) -> None:
        super().__init__(message)
        self.message = message
        self.excerpt = excerpt


@functools.cache
def _machine() -> llvm.TargetMachine:
    # Every function sets up its frame at its entry, so that call chains can be followed from any of its places.
    llvm.set_option("emu", "-enable-shrink-wrap=false")
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()
    target = llvm.Target.from_triple("x86_64-unknown-none-elf")
    # Baseline x86_64: the bench emulates no AVX.
    return target.create_target_machine(cpu="x86-64", features="", opt=2, reloc="static", codemodel="small")


def _optimised(text: str, *, fast: bool = False) -> llvm.ModuleRef:
    machine = _machine()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        line = next((item for item in str(error).splitlines() if " asm sideeffect " in item), "")
        if line:
            raise AssemblyError(str(error).splitlines()[1].rpartition("error: ")[2], line) from error
        raise BackendError(f"LLVM refuses the module: {error}") from error
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = fast
    llvm.create_pass_builder(machine, options).getModulePassManager().run(
        module, llvm.create_pass_builder(machine, options)
    )
    return module


def compile_object(
    text: str, memory_functions: Callable[[list[str]], str], *, fast: bool = False
) -> tuple[bytes, str]:
    """The object file, and the optimised IR; `fast` unrolls and vectorises loops.

    `memory_functions` gives IR that defines those of these names. Raises AssemblyError, BackendError.
    """
    module = _optimised(text, fast=fast)
    needed = sorted({match[1] for match in _NEEDS.finditer(str(module))})
    # Comparisons against zero may still turn from memcmp into bcmp.
    if "memcmp" in needed and "bcmp" not in needed:
        needed.append("bcmp")
    defined = {item.name for item in module.functions if not item.is_declaration}
    needed = [name for name in needed if name not in defined]
    if needed:
        module.link_in(_optimised(memory_functions(needed)))
        module.verify()
    final = str(module)
    left = _LEFT_OVER.search(final)
    if left:
        raise BackendError(f"a coroutine was not split: {left[0]}")
    return _emit_object(module), final


def _emit_object(module: llvm.ModuleRef) -> bytes:
    """The object file. LLVM ends the process on wrong inline assembly, so a child process does the work."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as words:
        child = os.fork()
        if child == 0:
            try:
                os.dup2(words.fileno(), 2)
                output.write(_machine().emit_object(module))
                output.flush()
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        words.seek(0)
        if status == 0:
            return output.read()
        said = words.read().decode(errors="replace").splitlines()
    for number, line in enumerate(said):
        if "error: " in line:
            excerpt = said[number + 1] if "<inline asm>" in line and number + 1 < len(said) else line
            raise AssemblyError(re.sub(r"<inline asm>:\d+:\d+: ", "", line.rpartition("error: ")[2]), excerpt)
    raise BackendError(f"LLVM ended with status {status}: {' '.join(said)}")


class Loaded:
    """Code in this process; it lives as long as this object."""

    def __init__(self, engine: llvm.ExecutionEngine) -> None:
        self._engine = engine

    def address(self, name: str) -> int:
        """The address of a function."""
        return int(self._engine.get_function_address(name))


def load_in_process(text: str) -> Loaded:
    """Compiles IR into this process; the memory functions are those of the C library. Raises BackendError."""
    module = _optimised(text)
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple("x86_64-unknown-none-elf")
    # The engine owns its machine, so it gets one of its own.
    machine = target.create_target_machine(cpu="x86-64", features="", opt=2, jit=True)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return Loaded(engine)
