"""Emits the whole program as one LLVM module, from the entry outwards; what nothing reaches is left out."""

from __future__ import annotations

from collections.abc import Callable

from guest.compiler import tree
from guest.compiler.diagnostics import Span
from guest.compiler.emit.debug import DebugInfo
from guest.compiler.emit.layout import byte_string, constant, escape, memory_or_bytes, symbol
from guest.compiler.symbols import ConstantSymbol, FunctionSymbol, GlobalSymbol
from guest.compiler.types import align_of

TRIPLE = "x86_64-unknown-none-elf"
LARGEST_LINE = 0xFFFF


class ModuleEmitter:
    """Collects functions, data and declarations of the module `name`. `allocators` gives the frame functions of coroutines."""

    def __init__(
        self,
        name: str,
        *,
        debug: DebugInfo | None,
        size: bool,
        allocators: Callable[[FunctionSymbol], tuple[FunctionSymbol, FunctionSymbol]],
        report: FunctionSymbol | None,
        exported: bool = False,
    ) -> None:
        self.name = name
        self.debug = debug
        self.size = size
        self.frame_functions = allocators
        self.report = report
        self.exported = exported
        self.waiting: list[FunctionSymbol] = []
        self.seen: set[FunctionSymbol] = set()
        self.visible: set[FunctionSymbol] = set()
        self.functions: list[str] = []
        self.data: list[str] = []
        self.declarations: dict[str, None] = {}
        self.assembly: list[tuple[str, str, Span]] = []
        """Template, constraints and place of all inline assembly, to find the place of a wrong one."""
        self._globals: set[GlobalSymbol] = set()
        self._constants: set[ConstantSymbol] = set()
        self._bytes: dict[bytes, str] = {}
        self._anonymous: dict[tuple[str, str, int], str] = {}
        self._trap_places: dict[tuple[int, int], int] = {}
        self._trap_text = bytearray()
        self._trap_words: dict[str, int] = {}

    # What functions refer to

    def root(self, function: FunctionSymbol) -> None:
        """Keeps a function under its own name, whether or not it is referred to."""
        self.visible.add(function)
        self.reference(function)

    def is_visible(self, function: FunctionSymbol) -> bool:
        return function in self.visible

    def reference(self, function: FunctionSymbol) -> str:
        """The symbol of a function, which is thereby compiled in."""
        if function not in self.seen:
            self.seen.add(function)
            self.waiting.append(function)
        return symbol(function.link_name)

    def function_symbol(self, node: tree.FunctionRef) -> str:
        return self.reference(node.function.target or node.function)

    def report_symbol(self) -> str:
        assert self.report is not None
        return self.reference(self.report)

    def intrinsic(self, declaration: str) -> None:
        """Declares an external function once."""
        self.declarations[f"declare {declaration}"] = None

    def bytes_symbol(self, data: bytes) -> str:
        """The symbol of read-only bytes; equal ones are kept once."""
        if data not in self._bytes:
            name = f"@.bytes.{len(self._bytes)}"
            self._bytes[data] = name
            kept = data or b"\0"
            self.data.append(
                f"{name} = private unnamed_addr constant [{len(kept)} x i8] {byte_string(kept)}, align 1"
            )
        return self._bytes[data]

    def anonymous_constant(self, kind: str, text: str, align: int) -> str:
        """Read-only data without a name of its own."""
        key = (kind, text, align)
        if key not in self._anonymous:
            name = f"@.data.{len(self._anonymous)}"
            self._anonymous[key] = name
            self.data.append(f"{name} = private unnamed_addr constant {kind} {text}, align {align}")
        return self._anonymous[key]

    def global_symbol(self, item: GlobalSymbol) -> str:
        name = symbol(item.link_name)
        if item not in self._globals:
            self._globals.add(item)
            kind, text = constant(self, item.type, item.initial) if item.initial else self._zero(item)
            self.data.append(f"{name} = internal global {kind} {text}, align {align_of(item.type)}")
        return name

    def _zero(self, item: GlobalSymbol) -> tuple[str, str]:
        return memory_or_bytes(item.type), "zeroinitializer"

    def constant_symbol(self, item: ConstantSymbol) -> str:
        name = symbol(item.link_name)
        if item not in self._constants:
            self._constants.add(item)
            kind, text = constant(self, item.value.type, item.value)
            align = align_of(item.value.type)
            self.data.append(f"{name} = internal constant {kind} {text}, align {align}")
        return name

    # Traps

    def trap_code(self, span: Span, message: str) -> int | None:
        """What the report function is called with: a row of the trap table above the line; None without report."""
        if self.report is None:
            return None
        row = (self._word(span.path), self._word(message))
        number = self._trap_places.setdefault(row, len(self._trap_places))
        return number << 16 | min(span.line, LARGEST_LINE)

    def _word(self, text: str) -> int:
        if text not in self._trap_words:
            self._trap_words[text] = len(self._trap_text)
            self._trap_text += text.encode() + b"\0"
        return self._trap_words[text]

    def _trap_data(self) -> list[str]:
        rows = b"".join(
            path.to_bytes(4, "little") + message.to_bytes(4, "little") for path, message in self._trap_places
        )
        result = []
        for name, content in (("table", rows), ("text", bytes(self._trap_text))):
            kept = content or b"\0"
            result.append(
                f"@.trap.{name} = internal unnamed_addr constant [{len(kept)} x i8] {byte_string(kept)}, align 1"
            )
        return result

    # The whole

    def emit(self, function: Callable[[ModuleEmitter, FunctionSymbol], str]) -> str:
        """The text of the module: `function` emits each reached function."""
        while self.waiting:
            self.functions.append(function(self, self.waiting.pop(0)))
        # A program may define memcmp itself, which then must not be declared too.
        own_names = {symbol(item.link_name) for item in self.seen if item.export}
        size = " optsize" if self.size else ""
        # LLVM may call the memory functions, which we have; from strlen loops it would make a call that we lack.
        own = ' "no-builtins"' if self.exported else ' "no-builtin-strlen" "no-builtin-wcslen"'
        common = f'nounwind null_pointer_is_valid "frame-pointer"="all"{size}{own}'
        if self.report is not None:
            self.data += self._trap_data()
        parts = [
            f'source_filename = "{escape(self.name.encode())}"',
            f'target triple = "{TRIPLE}"',
            *self.data,
            "",
            *self.functions,
            *(text for text in self.declarations if not any(f" {name}(" in text for name in own_names)),
            "",
            f"attributes #0 = {{ {common} }}",
            "attributes #1 = { nounwind noinline }",
            "attributes #3 = { nounwind cold nomerge }",
            "attributes #4 = { nounwind nomerge }",
        ]
        if self.debug is not None:
            parts += self.debug.lines()
        return "\n".join(parts) + "\n"
