"""The papers agree with the code: every `emu` command that they show exists, and the support table is the code's."""

import argparse
import re
import runpy
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
    r"(?:^\s*|`|(?<=&& ))((?:\.venv/bin/)?emu (?:run|trace|view|diff|build|syscalls|--)[^`#|&>\n]*)",
    re.MULTILINE,
)

DEV_COMMAND = re.compile(r"python3 tools/dev\.py (\w+)")


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
    if words in (["trace"], ["run"], ["view"], ["diff"], ["build"], ["--version"], ["--help"]):
        return  # the command's mere name
    try:
        parse(words)
    except Failure as failure:
        pytest.fail(f"{paper}: {command}: {failure}")


def subcommands() -> dict[str, argparse.ArgumentParser]:
    return next(action.choices for action in parser()._actions if action.dest == "command")  # type: ignore[return-value]


@pytest.mark.parametrize("name", subcommands())
def test_every_command_and_option_is_in_the_papers(name: str) -> None:
    text = "\n".join(path.read_text() for path in PAPERS)
    assert re.search(rf"\bemu {name}\b", text), f"no paper shows emu {name}"
    for action in subcommands()[name]._actions:
        assert not action.option_strings or any(
            re.search(rf"(?<![\w-]){option}(?![\w-])", text) for option in action.option_strings
        ), f"no paper names {action.option_strings} of emu {name}"


def test_commands_of_the_entry_for_developers_are_its_own() -> None:
    entry = runpy.run_path(str(ROOT / "tools" / "dev.py"))
    own = {"run", "setup", *entry["COMMANDS"]}
    shown = {found for path in PAPERS for found in DEV_COMMAND.findall(path.read_text())}
    assert shown == own == set(DEV_COMMAND.findall(entry["__doc__"]))


def test_commands_in_the_help_exist() -> None:
    texts = [f"{command.description}\n{command.epilog}" for command in (parser(), *subcommands().values())]
    for line in "\n".join(texts).splitlines():
        if line.startswith("  emu "):
            parse(shlex.split(re.split(r"\s{2,}", line.strip())[0])[1:])


def test_the_support_table_is_the_codes() -> None:
    assert (ROOT / "docs" / "syscalls.md").read_text() == as_markdown(support()) + "\n", (
        "write it anew: emu syscalls --markdown > docs/syscalls.md"
    )


def test_every_family_is_listed() -> None:
    assert {entry.family for entry in TABLE.values()} <= set(FAMILIES)
