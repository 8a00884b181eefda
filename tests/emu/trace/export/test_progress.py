"""The progress bar: drawn on a terminal once an export takes a while, and nowhere else."""

import io
import sys
from types import SimpleNamespace

import pytest

from emu.trace.export import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Makes stderr a terminal; called in the test itself, because capturing begins anew after the fixtures."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return screen


def test_a_long_export_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr(progress, "PATIENCE", 0)
    with progress.shown(SimpleNamespace(size=1000, position=420)) as heard:
        heard(1024)
    assert "1,024 records" in screen.getvalue()
    assert "42%" in screen.getvalue()


def test_a_short_one_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress.shown(SimpleNamespace(size=1000, position=420)) as heard:
        heard(1024)
    assert screen.getvalue() == ""


@pytest.mark.parametrize(("size", "wanted"), [(0, True), (1000, False)])
def test_nothing_is_shown_where_it_is_of_no_use(
    monkeypatch: pytest.MonkeyPatch, size: int, wanted: bool
) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr(progress, "PATIENCE", 0)
    with progress.shown(SimpleNamespace(size=size, position=0), wanted) as heard:
        heard(1024)
    assert screen.getvalue() == ""


def test_a_file_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.shown(SimpleNamespace(size=1000, position=0)) as heard:
        heard(1024)
    assert sys.stderr.getvalue() == ""
