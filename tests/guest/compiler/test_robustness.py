"""Whatever the source looks like, the compiler answers with a program or with messages, never with a traceback."""

from __future__ import annotations

import ast
import copy
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import guest.compiler
from guest.compiler import CompileError
from guest.compiler.check.functions import check_library
from guest.compiler.declare import Program
from guest.compiler.diagnostics import Rejected, Report
from guest.compiler.driver import compile_program
from guest.compiler.sources import Sources

PROGRAMS = Path(__file__).parent / "programs"
TREES = {file.stem: ast.parse(file.read_text()) for file in sorted(PROGRAMS.glob("*.py"))}
EXTRA = "None ... 1.5 's' b'' [1] (1,2) u8 atomic x[1:2] -1 ~5 1<<70 null True ptr[u8] array[u8,4] f len addr {1} main"
POOL: list[ast.AST] = [ast.parse(item, mode="eval").body for item in EXTRA.split()]
for _tree in TREES.values():
    POOL += [item for item in ast.walk(_tree) if isinstance(item, ast.expr | ast.stmt)]


class Mutator(ast.NodeTransformer):
    """Puts parts of other programs in place of some expressions and statements."""

    def __init__(self, chooser: random.Random, rate: float) -> None:
        self.chooser = chooser
        self.rate = rate

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        kind = ast.expr if isinstance(node, ast.expr) else ast.stmt if isinstance(node, ast.stmt) else None
        stored = isinstance(getattr(node, "ctx", None), ast.Store)
        if kind is not None and not stored and self.chooser.random() < self.rate:
            other = self.chooser.choice(POOL)
            if isinstance(other, kind):
                return copy.deepcopy(other)
        return node


def mutated(seed: int) -> str:
    chooser = random.Random(seed)
    tree = copy.deepcopy(TREES[chooser.choice(sorted(TREES))])
    tree = Mutator(chooser, chooser.choice([0.002, 0.01, 0.05])).visit(tree)
    return ast.unparse(ast.fix_missing_locations(tree))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mutated")
    (made / "prelude.py").write_text((PROGRAMS / "prelude.py").read_text())
    return made


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32))
def test_mutated_programs_are_checked(folder: Path, seed: int) -> None:
    file = folder / "checked.py"
    file.write_text(mutated(seed))
    report = Report()
    sources = Sources(file, report)
    try:
        check_library(Program(sources, report), sources.load(file))
    except (CompileError, Rejected):
        assert report.diagnostics


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32))
def test_mutated_programs_are_compiled(folder: Path, seed: int) -> None:
    file = folder / "compiled.py"
    file.write_text(mutated(seed))
    try:
        made = compile_program(file).object
    except CompileError as error:
        made = str(error).encode()
    assert made.startswith((b"\x7fELF", b"compiled.py:", b"prelude.py:"))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    text=st.one_of(
        st.binary(max_size=60), st.text(max_size=60).map(lambda item: item.encode(errors="replace"))
    )
)
@example(b"\xff")
@example(b"\0")
@example(b"\xef\xbb\xbfx = 1\n")
@example(b"x = " + b"-" * 5000 + b"1")
@example(b"x = " + b"(" * 300)
@example(b"x = " + b"1+" * 3000 + b"1")
@example(b"def f(): pass\n" * 3)
@example(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n")
def test_any_bytes(folder: Path, text: bytes) -> None:
    file = folder / "bytes.py"
    file.write_bytes(text)
    with pytest.raises(CompileError) as caught:
        guest.compiler.build(file)
    assert str(caught.value).startswith("bytes.py:")
