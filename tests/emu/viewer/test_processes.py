"""Both viewers on the trace of a shell with a pipeline: lanes by process, their programs' names, the tree of the processes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emu.machine import Machine
from emu.viewer.app import Viewer
from emu.viewer.dialogs import Tree

if TYPE_CHECKING:
    from textual.pilot import Pilot

SCRIPT = "echo hello | cat; (exit 3); true"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("shell") / "shell.jsonl"
    null = os.open(os.devnull, os.O_RDWR)
    with Machine(
        "/usr/bin/dash", ["sh", "-c", SCRIPT], root="/", stdin=null, stdout=null, stderr=null, say=lambda text: None
    ) as machine:  # fmt: skip
        machine.trace_to_file(str(target))
        machine.run()
    os.close(null)
    return target


def test_lanes_and_rows_say_the_process(look: Callable[..., Any], shell: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        labels = [viewer.lanes.render_line(y).text[:19].rstrip(" ▏") for y in range(1, 5)]
        assert labels == ["▸1000 dash", "  1001 dash", "  1002 cat", "  1003 dash"]
        await pilot.press("G")
        await pilot.pause()
        screen = [viewer.calls.render_line(y).text for y in range(viewer.calls.size.height)]
        assert "process" in screen[0]
        assert any(" 1003 dash " in row and "exit_group(3)" in row for row in screen)
        assert viewer.document.is_over
        assert viewer.document.lanes[1002].ended < viewer.document.end

    look(shell, scenario)


def test_the_tree_goes_to_a_process_and_its_filter(look: Callable[..., Any], shell: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        await pilot.press("p")
        await pilot.pause()
        tree = viewer.screen
        assert isinstance(tree, Tree)
        lines = ["".join(text for text, _ in line.parts) for line in tree._lines.lines]
        assert [line.split()[:3] for line in lines] == [
            ["1000", "dash", "0"],
            ["└", "1001", "dash"],
            ["└", "1002", "cat"],
            ["└", "1003", "dash"],
        ]
        assert "exited with 3" in lines[3]
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        position = viewer.calls.position
        assert position is not None
        assert viewer.document.record(position)["pid"] == 1002
        await pilot.press("P")
        await pilot.pause()
        while viewer.is_busy:
            await pilot.pause(0.01)
        shown = {
            viewer.document.record(viewer.document.position(row))["pid"]
            for row in range(len(viewer.document))
        }
        assert shown == {1002}

    look(shell, scenario)


def test_the_page(tab: Any, page_of: Callable[..., Path], shell: Path) -> None:
    tab.open(page_of(shell))
    assert tab.text("#failure") == ""
    names = tab.js(
        "return [...document.querySelectorAll('.lane-name .c-tid')].map((name) => name.textContent)"
    )
    assert names == ["1000 dash", "1001 dash", "1002 cat", "1003 dash"]
    assert "4 processes" in tab.text("#facts")
    tab.js("document.querySelectorAll('.lane-name')[2].click()")
    tab.until("return page.list.shown.length < page.trace.length")
    assert tab.js("return document.getElementById('filter').value") == "pid=1002"
    assert tab.js("return [...new Set([...page.list.shown].map((i) => page.trace.pid[i]))]") == [1002]
    assert tab.js("return [...new Set([...page.list.shown].map((i) => page.trace.who(i)))]") == [
        "1002 dash",
        "1002 cat",
    ]
    tab.js(
        "document.getElementById('filter').value = 'pid=cat'; document.getElementById('filter').dispatchEvent(new Event('input'))"
    )
    tab.until("return [...page.list.shown].every((i) => page.trace.who(i) === '1002 cat')")
    tab.js("document.getElementById('show-summary').click()")
    tab.js(
        "[...document.querySelectorAll('[role=tab]')].find((one) => one.textContent === 'processes').click()"
    )
    ends = tab.js(
        "return [...document.querySelectorAll('.family tbody tr')].map((row) => row.lastElementChild.textContent)"
    )
    assert ends == ["exited with 0", "exited with 0", "exited with 0", "exited with 3"]
