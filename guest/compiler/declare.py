"""The declaration pass: binds the names of every module and gives functions, structs and globals their types."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from dataclasses import dataclass
from types import ModuleType

from guest.compiler.check.core import CALLS, Checker
from guest.compiler.definitions import constant, global_variable, lay_out, signature
from guest.compiler.diagnostics import Rejected, Report, Span
from guest.compiler.marks import read_marks
from guest.compiler.sources import PROJECT_ROOT, SourceModule, Sources
from guest.compiler.symbols import (
    BrokenSymbol,
    FunctionSymbol,
    HostSymbol,
    LangSymbol,
    ModuleSymbol,
    Symbol,
    TypeSymbol,
)
from guest.compiler.types import (
    Array,
    Struct,
    Type,
    has_storage,
)

LANG_MODULE = "guest.lang"
BUILTINS = frozenset({"len", "range", "bool", "bytes", "tuple"})
LANG_TYPES = frozenset({"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "bool", "bytes", "buffer"})
DECORATORS = frozenset(
    {
        "struct",
        "pure",
        "naked",
        "export",
        "extern",
        "inline",
        "noinline",
        "coroutine_allocator",
        "coroutine_deallocator",
    }
)
ORDERS = frozenset({"relaxed", "acquire", "release", "acq_rel", "seq_cst"})
LANG_NAMES = (
    LANG_TYPES | DECORATORS | ORDERS | {"ptr", "array", "fn", "coro", "null", "atomic", "asm", "embed"}
)
"""The names of guest.lang that are not calls; those are the keys of CALLS."""
HIDDEN_NAMES = frozenset({"len", "range", "trap_table", "trap_text"})


@dataclass(eq=False)
class Pending:
    """A module-level name whose declaration was not looked at yet."""

    name: str
    node: ast.stmt
    source: str = ""
    """For an import: the dotted module."""
    alias: ast.alias | None = None
    busy: bool = False


class Program:
    """All modules of one build."""

    def __init__(self, sources: Sources, report: Report) -> None:
        self.sources = sources
        self.report = report
        self.pending: dict[tuple[SourceModule, str], Pending] = {}
        self.structs: dict[Struct, tuple[SourceModule, ast.ClassDef]] = {}
        self.incomplete: dict[Struct, str] = {}
        self.functions: list[FunctionSymbol] = []
        self.incomplete_functions: set[FunctionSymbol] = set()
        self.bound: list[SourceModule] = []
        self.trusted: set[SourceModule] = set()
        """The compiler's own guest modules, which may ask for the trap tables."""

    def silent(self) -> Rejected:
        """Unwinds where the fault was already reported."""
        return Rejected()

    # Binding

    def bind(self, module: SourceModule) -> None:
        """Enters every name of the module, and of those it imports."""
        if module in self.bound:
            return
        self.bound.append(module)
        for node in module.tree.body:
            try:
                self._bind_statement(module, node)
            except Rejected:
                continue

    def _bind_statement(self, module: SourceModule, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case ast.Import():
                for alias in node.names:
                    self._bind_import(module, node, alias)
            case ast.ImportFrom():
                self._bind_import_from(module, node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._enter(module, node.name, Pending(node.name, node))
            case ast.Assign(targets=[ast.Name(id=name)]):
                self._enter(module, name, Pending(name, node))
            case ast.AnnAssign(target=ast.Name(id=name)):
                self._enter(module, name, Pending(name, node))
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                raise self.report.reject(module.span(node), "at module level only a plain name is assigned")
            case ast.Pass():
                pass
            case _:
                raise self.report.reject(
                    module.span(node),
                    "at module level only imports, functions, @struct classes, constants and globals may stand",
                )

    def _enter(self, module: SourceModule, name: str, pending: Pending) -> None:
        key = (module, name)
        if key in self.pending or name in module.names:
            raise self.report.reject(module.span(pending.node), f"{name} is already defined in this module")
        self.pending[key] = pending

    def _bind_import(self, module: SourceModule, node: ast.Import, alias: ast.alias) -> None:
        symbol = self._import(module, alias, alias.name)
        if alias.asname:
            module.names[alias.asname] = symbol
            return
        head = alias.name.split(".")[0]
        module.names[head] = symbol if head == alias.name else self._import(module, alias, head)

    def _bind_import_from(self, module: SourceModule, node: ast.ImportFrom) -> None:
        if node.module == "__future__":
            return
        dotted = self._absolute(module, node)
        if dotted != LANG_MODULE and dotted.split(".")[0] != "syscalls":
            self._import(module, node, dotted)
        for alias in node.names:
            if alias.name == "*":
                raise self.report.reject(
                    module.span(node), "import the names one by one: * hides what is used"
                )
            name = alias.asname or alias.name
            if isinstance(module.names.get(name), LangSymbol) and dotted == LANG_MODULE:
                continue
            self._enter(module, name, Pending(alias.name, node, dotted, alias))
            # Looked at now, so that the imported module is bound too.
            self.lookup(module, name, module.span(alias))

    def _absolute(self, module: SourceModule, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = module.name.split(".")
        if module.file.name != "__init__.py":
            package = package[:-1]
        if node.level - 1 > len(package):
            raise self.report.reject(module.span(node), "this relative import leaves the program")
        package = package[: len(package) - (node.level - 1)]
        return ".".join([*package, *(node.module.split(".") if node.module else [])])

    def _import(self, module: SourceModule, node: ast.AST, dotted: str) -> Symbol:
        if dotted == LANG_MODULE:
            return LangSymbol("")
        if dotted.split(".")[0] == "syscalls":
            return self._host_module(module, node, dotted)
        file = self.sources.find_module(dotted)
        if file is None:
            hint = ": a guest program cannot use Python's own modules" if _is_python_module(dotted) else ""
            raise self.report.reject(module.span(node), f"no module {dotted}{hint}")
        loaded = self.sources.load(file)
        self.bind(loaded)
        return ModuleSymbol(loaded)

    def _host_module(self, module: SourceModule, node: ast.AST, dotted: str) -> HostSymbol:
        try:
            value = importlib.import_module(dotted)
        except ImportError:
            raise self.report.reject(module.span(node), f"no module {dotted}") from None
        package = PROJECT_ROOT / "syscalls"
        for file in sorted([*package.glob("*.py"), *(package / "flags").glob("*.py")]):
            self.sources.read_bytes(file)
        return HostSymbol(dotted, value)

    # Names

    def is_lang_name(self, name: str) -> bool:
        return (name in LANG_NAMES or name in CALLS) and name.isidentifier() and name not in HIDDEN_NAMES

    def lookup(self, module: SourceModule, name: str, span: Span) -> Symbol | None:
        """What a module-level name stands for, declared on demand; None when there is none."""
        pending = self.pending.get((module, name))
        if pending is not None:
            if pending.busy:
                raise self.report.reject(span, f"{name} is defined by means of itself")
            pending.busy = True
            try:
                symbol = self._declare(module, name, pending)
            except Rejected:
                symbol = BrokenSymbol(name)
            module.names[name] = symbol
            del self.pending[(module, name)]
        if name in module.names:
            return module.names[name]
        return LangSymbol(name) if name in BUILTINS else None

    def member(self, base: Symbol, name: str, span: Span) -> Symbol | None:
        """What `base.name` stands for; None when base is a value and not a namespace."""
        match base:
            case ModuleSymbol(module=module):
                if (module, name) in self.pending or name in module.names:
                    return self.lookup(module, name, span)
                file = self.sources.find_module(f"{module.name}.{name}")
                if file is not None and file.resolve() in self.sources.modules:
                    return ModuleSymbol(self.sources.modules[file.resolve()])
                raise self.report.reject(span, f"{module.name} has no name {name}")
            case LangSymbol(name=""):
                if not self.is_lang_name(name):
                    raise self.report.reject(span, f"guest.lang has no name {name}")
                return LangSymbol(name)
            case LangSymbol(name="atomic"):
                if f"atomic.{name}" not in CALLS:
                    raise self.report.reject(span, f"atomic has no operation {name}")
                return LangSymbol(f"atomic.{name}")
            case HostSymbol():
                return self._host_member(base, name, span)
            case BrokenSymbol():
                return base
        return None

    def _host_member(self, base: HostSymbol, name: str, span: Span) -> HostSymbol:
        value = getattr(base.value, name, None)
        if isinstance(base.value, ModuleType) and value is None:
            dotted = f"{base.name}.{name}"
            try:
                value = importlib.import_module(dotted)
            except ImportError:
                raise self.report.reject(span, f"{base.name} has no name {name}") from None
        if name.startswith("_") or not isinstance(value, int | type | ModuleType):
            raise self.report.reject(span, f"{base.name}.{name} is not an integer constant")
        return HostSymbol(f"{base.name}.{name}", value)

    def _declare(self, module: SourceModule, name: str, pending: Pending) -> Symbol:
        node = pending.node
        match node:
            case ast.ImportFrom():
                return self._imported(module, node, pending)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self.function(module, node, None)
            case ast.ClassDef():
                return self._struct(module, node)
            case ast.Assign():
                return constant(self, module, name, node)
            case ast.AnnAssign():
                return global_variable(self, module, name, node)
        raise AssertionError(node)

    def _imported(self, module: SourceModule, node: ast.ImportFrom, pending: Pending) -> Symbol:
        span = module.span(pending.alias or node)
        if pending.source == LANG_MODULE:
            if not self.is_lang_name(pending.name) and module not in self.trusted:
                raise self.report.reject(span, f"guest.lang has no name {pending.name}")
            return LangSymbol(pending.name)
        if pending.source.split(".")[0] == "syscalls":
            return self._host_member(self._host_module(module, node, pending.source), pending.name, span)
        base = self._import(module, node, pending.source)
        assert isinstance(base, ModuleSymbol)
        source = base.module
        if (source, pending.name) in self.pending or pending.name in source.names:
            symbol = self.lookup(source, pending.name, span)
            assert symbol is not None
            return symbol
        if self.sources.find_module(f"{pending.source}.{pending.name}") is not None:
            return self._import(module, node, f"{pending.source}.{pending.name}")
        raise self.report.reject(span, f"{pending.source} has no name {pending.name}")

    # Functions

    def function(
        self, module: SourceModule, node: ast.FunctionDef | ast.AsyncFunctionDef, struct: Struct | None
    ) -> FunctionSymbol:
        symbol = FunctionSymbol(node.name, module, node, self.name_span(module, node), struct)
        symbol.marks, symbol.export = read_marks(Checker(self, module), node)
        self.functions.append(symbol)
        self.incomplete_functions.add(symbol)
        return symbol

    def name_span(
        self, module: SourceModule, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> Span:
        span = module.span(node)
        line = module.lines[node.lineno - 1] if node.lineno <= len(module.lines) else ""
        found = re.compile(rf"(?:def|class)\s+({re.escape(node.name)})\b").search(line, span.column)
        column = found.start(1) if found else span.column
        return Span(module.path, node.lineno, column, node.lineno, column + len(node.name))

    def complete_function(self, symbol: FunctionSymbol) -> None:
        """Resolves the signature once; a broken one unwinds silently from the second time on."""
        if symbol in self.incomplete_functions:
            self.incomplete_functions.discard(symbol)
            try:
                signature(self, symbol)
            except Rejected:
                symbol.broken = True
                raise
        if symbol.broken:
            raise self.silent()

    # Structs

    def _struct(self, module: SourceModule, node: ast.ClassDef) -> TypeSymbol:
        marks, _ = read_marks(Checker(self, module), node)
        if "struct" not in marks:
            raise self.report.reject(self.name_span(module, node), f"the class {node.name} needs @struct")
        if node.bases or node.keywords or getattr(node, "type_params", None):
            raise self.report.reject(self.name_span(module, node), "a @struct class has no base classes")
        struct = Struct(node.name, module.name)
        self.structs[struct] = (module, node)
        self.incomplete[struct] = "waiting"
        if "pure" in marks:
            self.incomplete[struct] = "waiting pure"
        return TypeSymbol(node.name, struct)

    def complete_type(self, type: Type) -> None:
        """Makes the sizes of the structs in `type` known."""
        if isinstance(type, Array):
            self.complete_type(type.element)
        elif isinstance(type, Struct):
            self.complete(type)

    def storable(self, type: Type) -> bool:
        self.complete_type(type)
        return has_storage(type)

    def complete(self, struct: Struct) -> None:
        """Lays out a struct on first need."""
        state = self.incomplete.get(struct)
        if state is None:
            return
        module, node = self.structs[struct]
        if state == "busy":
            raise self.report.reject(
                self.name_span(module, node), f"{struct} contains itself: use ptr[{struct}]"
            )
        self.incomplete[struct] = "busy"
        try:
            lay_out(self, struct, module, node, state.endswith("pure"))
        finally:
            del self.incomplete[struct]


def _is_python_module(dotted: str) -> bool:
    return dotted.split(".")[0] in sys.stdlib_module_names
