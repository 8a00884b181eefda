"""The developer's door: `python -m guest.compiler PROGRAM -o OUT [--strip] [--emit-llvm]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from guest.compiler.cache import find_program
from guest.compiler.diagnostics import CompileError
from guest.compiler.driver import compile_program
from guest.compiler.linker import link


def main() -> int:
    """Compiles without the cache; 1 when the program is wrong."""
    parser = argparse.ArgumentParser(prog="python -m guest.compiler", description=__doc__)
    parser.add_argument("program", help="a source file, or the name of a bundled program")
    parser.add_argument("-o", "--output", type=Path, help="where the ELF goes; none: only check and compile")
    parser.add_argument("--strip", action="store_true", help="without symbols and debug information")
    parser.add_argument("--emit-llvm", action="store_true", help="write LLVM IR instead of the ELF")
    parser.add_argument("--opt", choices=["s", "2"], default="s", help="for size or for speed")
    options = parser.parse_args()
    try:
        file = find_program(options.program)
        compiled = compile_program(file, debug=not options.strip, opt=options.opt)
    except (CompileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.emit_llvm:
        data = compiled.ir.encode()
    else:
        data = link(compiled.object, symbols=not options.strip, debug=not options.strip)
    if options.output is None:
        print(f"{file.name}: {len(data)} bytes")
        return 0
    options.output.write_bytes(data)
    if not options.emit_llvm:
        options.output.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main())
