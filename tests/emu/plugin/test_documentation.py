"""The tutorial of docs/pytest.md does what it says: its files are written, its commands run, their output is looked for."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent
PAPER = ROOT / "docs" / "pytest.md"
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r"# (\S+\.py)(?:: (.*))?\n")


def blocks() -> Iterator[tuple[str, str]]:
    """The blocks of the tutorial: language and text."""
    text = PAPER.read_text()
    return iter(BLOCK.findall(text[: text.index("\n## Guests")]))


def write(folder: Path, text: str) -> None:
    """Writes a file as its title says: new, in addition, or in the place of something."""
    title = TITLE.match(text)
    assert title, text
    path, what, body = folder / title[1], title[2], text[title.end() :]
    if what is None:
        path.write_text(body)
    elif what == "more":
        path.write_text(path.read_text() + "\n\n" + body)
    else:
        instead = re.fullmatch(r"instead of `(.*)`", what)
        assert instead, what
        old = path.read_text()
        assert old.count(instead[1] + "\n") == 1
        path.write_text(old.replace(instead[1] + "\n", body))


def words(line: str) -> str:
    """A line without what differs from run to run."""
    line = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", line)
    return re.sub(r"_{5,}|-{5,}", "---", line).strip()


def test_the_tutorial(pytester: pytest.Pytester) -> None:
    for language, text in blocks():
        if language == "python":
            write(pytester.path, text)
            continue
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            program, *arguments = command.split()
            if program == "cat":
                assert (pytester.path / arguments[0]).read_text() == shown
                continue
            assert program == "pytest"
            result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
            said = [words(line) for line in result.outlines]
            for line in filter(None, map(words, shown.splitlines())):
                found = next((at for at, other in enumerate(said) if line in other), None)
                assert found is not None, f"{line}\nis not (or not there) in\n{result.stdout.str()}"
                del said[: found + 1]


def test_the_example_of_the_readme(pytester: pytest.Pytester) -> None:
    (example,) = [text for _, text in BLOCK.findall(README.read_text()) if "def test_a_request(emu)" in text]
    pytester.makepyfile(test_readme=example)
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "--emu-update").assert_outcomes(passed=1)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_all_python_in_the_papers_can_be_parsed() -> None:
    for paper in (PAPER, PAPER.parent / "hooks.md"):
        for language, text in BLOCK.findall(paper.read_text()):
            if language == "python" and "instead of" not in text:
                compile(text, paper.name, "exec")


def test_every_word_of_the_plugin_is_in_the_paper() -> None:
    text = PAPER.read_text()
    names = [
        "emu.start",
        "emu.run",
        "emu.load",
        "--emu-update",
        "--emu-seed",
        "emu_timeout",
        "emu_golden",
        "emu_failures",
    ]
    names += ["seed", "timeout", "net", "allow_leaks", "allow_faults", "allow_unknown"]
    for name in names:
        assert name in text
