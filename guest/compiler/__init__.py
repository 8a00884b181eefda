"""The guest compiler: typed Python in, a freestanding x86_64 ELF out."""

from __future__ import annotations

from guest.compiler.cache import build
from guest.compiler.diagnostics import CompileError, Diagnostic

__all__ = ["CompileError", "Diagnostic", "build"]
