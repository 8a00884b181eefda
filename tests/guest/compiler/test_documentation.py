"""Every program in docs/guest-language.md compiles, and every error shown there is the compiler's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import guest.compiler
from guest.compiler.check.functions import check_library
from guest.compiler.declare import Program
from guest.compiler.diagnostics import CompileError, Rejected, Report
from guest.compiler.sources import Sources

PAGE = Path(guest.compiler.__file__).parents[2] / "docs" / "guest-language.md"
BLOCKS = re.findall(r"^```(python|text)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
PROGRAMS = [
    (text, BLOCKS[i + 1][1] if i + 1 < len(BLOCKS) and BLOCKS[i + 1][0] == "text" else "")
    for i, (kind, text) in enumerate(BLOCKS)
    if kind == "python"
]


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_example(number: int, tmp_path: Path) -> None:
    source, expected = PROGRAMS[number]
    file = tmp_path / "example.py"
    file.write_text(source)
    report = Report()
    sources = Sources(file, report)
    try:
        check_library(Program(sources, report), sources.load(file))
    except (CompileError, Rejected):
        pass
    assert "\n".join(map(str, report.diagnostics)) == expected.rstrip("\n")


def test_the_page_has_examples() -> None:
    assert len(PROGRAMS) > 15


@pytest.mark.parametrize("number", [i for i, (text, error) in enumerate(PROGRAMS) if "_start" in text])
def test_whole_programs_build(number: int, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(PROGRAMS[number][0])
    assert guest.compiler.build(file)[:4] == b"\x7fELF"
