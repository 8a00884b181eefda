"""The papers agree with the code: every `emu` command that they show exists, and the support table is the code's."""

import re
import shlex
from pathlib import Path

import pytest

from emu.cli import parse, parser
from emu.cli_syscalls import FAMILIES, as_markdown, support
from emu.failure import Failure
from syscalls.table import TABLE

ROOT = Path(__file__).parent.parent
PAPERS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(
    r"(?:^\s*|`|(?<=&& ))((?:\.venv/bin/)?emu (?:run|trace|build|syscalls|--)[^`#|&>\n]*)", re.MULTILINE
)


def commands() -> list[tuple[str, str]]:
    return [
        (path.name, found.strip())
        for path in PAPERS
        for found in COMMAND.findall(path.read_text())
        if found.strip()
    ]


@pytest.mark.parametrize(("paper", "command"), commands())
def test_commands_in_the_papers_exist(paper: str, command: str) -> None:
    words = [word for word in shlex.split(command)[1:] if word not in ("...", "[...]")]
    if words in (["trace"], ["run"], ["build"], ["--version"], ["--help"]):
        return  # the command's mere name
    try:
        parse(words)
    except Failure as failure:
        pytest.fail(f"{paper}: {command}: {failure}")


def test_commands_in_the_help_exist() -> None:
    actions = next(action for action in parser()._actions if action.dest == "command")
    texts = [parser().epilog or "", *(command.epilog or "" for command in actions.choices.values())]  # type: ignore[union-attr]
    for line in "\n".join(texts).splitlines():
        if line.startswith("  emu "):
            parse(shlex.split(re.split(r"\s{2,}", line.strip())[0])[1:])


def test_the_support_table_is_the_codes() -> None:
    assert (ROOT / "docs" / "syscalls.md").read_text() == as_markdown(support()) + "\n", (
        "write it anew: emu syscalls --markdown > docs/syscalls.md"
    )


def test_every_family_is_listed() -> None:
    assert {entry.family for entry in TABLE.values()} <= set(FAMILIES)
