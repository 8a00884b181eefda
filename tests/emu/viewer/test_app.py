"""The terminal viewer on real traces: what is on the screen, and what keys and mouse do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from emu.trace.filter import Filter
from emu.trace.read import Reader
from emu.viewer.app import Viewer
from emu.viewer.lanes import LABEL

Look = Callable[..., Viewer]


def rows(viewer: Viewer) -> list[str]:
    """The rows of the list that are on the screen."""
    return [viewer.calls.render_line(y).text for y in range(1, viewer.calls.size.height)]


def lanes(viewer: Viewer) -> list[str]:
    return [viewer.lanes.render_line(y).text for y in range(1, viewer.lanes.size.height)]


def details(viewer: Viewer) -> str:
    return "\n".join("".join(text for text, _ in parts) for parts in viewer.pane.parts)


def note(viewer: Viewer) -> str:
    return str(viewer.query_one("#note", Static).content)


def selected(viewer: Viewer) -> dict[str, Any]:
    position = viewer.calls.position
    assert position is not None
    return viewer.document.record(position)


async def idle(viewer: Viewer, pilot: "Pilot[None]") -> None:
    """Waits until what keys have set off is done."""
    await pilot.pause()
    while viewer.is_busy:
        await pilot.pause(0.01)
    await pilot.pause()


async def typed(pilot: "Pilot[None]", text: str) -> None:
    """Types into the bar that has the keys."""
    bar = pilot.app.focused
    assert isinstance(bar, Input)
    bar.value = text
    await pilot.press("enter")


def first(viewer: Viewer, **members: Any) -> int:
    """The position of the first record with these members."""
    for position, record in enumerate(viewer.document.index.records()):
        if all(record.get(name) == value for name, value in members.items()):
            return position
    raise AssertionError(members)


def test_it_shows_lanes_list_and_details(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        head = str(viewer.query_one("#head", Static).content)
        assert "server.elf 2 127.0.0.1 0" in head
        assert "3 threads" in head
        assert [line[2:6] for line in lanes(viewer)] == ["1000", "1001", "1002"]
        assert any("─ futex ─" in line or " futex ─" in line for line in lanes(viewer))
        assert "socket(AF_INET, SOCK_STREAM" in rows(viewer)[0]
        assert rows(viewer)[0].rstrip().endswith("= 3<TCP>")
        assert "domain" in details(viewer)
        assert "AF_INET" in details(viewer)
        assert "rdi " in details(viewer)

    look(server_trace, scenario)


def test_moving_in_the_list_moves_details_and_the_cursor_of_the_lanes(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        await pilot.press("G")
        await pilot.pause()
        assert viewer.calls.cursor == len(viewer.document) - 1
        await pilot.press("g", "j", "j", "k")
        await pilot.pause()
        assert viewer.calls.cursor == 1
        assert viewer.lanes.moment == selected(viewer)["time"]
        assert selected(viewer)["name"] in details(viewer)
        await pilot.press("]")
        assert selected(viewer)["tid"] == 1000

    look(server_trace, scenario)


def test_every_event_of_the_trace_is_a_row(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        assert len(viewer.document) == sum(1 for _ in Reader(server_trace))
        viewer.go(first(viewer, event="thread_start"))
        await pilot.pause()
        assert any("thread started by 1000" in row for row in rows(viewer))
        assert "parent" in details(viewer)

    look(server_trace, scenario)


def test_the_filter_bar_has_the_words_of_the_command_line(look: Look, server_trace: Path) -> None:
    words = "trace=%network status=successful"
    chosen = Filter.parse(words)
    expected = [at for at, record in enumerate(Reader(server_trace)) if chosen.matches(record)]

    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        await pilot.press("f")
        await typed(pilot, words)
        await idle(viewer, pilot)
        assert viewer.document.rows is not None
        assert list(viewer.document.rows) == expected
        assert f"{len(expected)} of " in note(viewer)
        assert viewer.focused is viewer.calls
        await pilot.press("x")
        await idle(viewer, pilot)
        assert len(viewer.document) == len(viewer.document.index)
        await pilot.press("x")
        await idle(viewer, pilot)
        assert len(viewer.document) == len(expected)

    look(server_trace, scenario)


def test_a_wrong_filter_is_told_under_the_bar_and_changes_nothing(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        await pilot.press("f")
        await typed(pilot, "trace=acept4")
        await pilot.pause()
        assert "acept4" in note(viewer)
        assert "accept4" in note(viewer)
        assert viewer.document.filter is None
        assert isinstance(viewer.focused, Input)
        await pilot.press("escape")
        assert viewer.focused is viewer.calls

    look(server_trace, scenario)


def test_the_filter_of_the_command_line_is_in_the_bar(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        assert viewer.query_one("#filter", Input).value == "trace=accept4"
        names = {viewer.document.name(viewer.document.position(row)) for row in range(len(viewer.document))}
        assert names & {"accept4", "listen", "socket"} == {"accept4"}

    look(server_trace, scenario, words="trace=accept4")


def test_search_finds_what_the_lines_show_and_goes_around_the_end(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        await pilot.press("slash")
        await typed(pilot, "GET /nothing")
        await idle(viewer, pilot)
        found = viewer.calls.cursor
        assert "GET /nothing" in selected(viewer)["args"]["buf"]
        await pilot.press("n")
        await idle(viewer, pilot)
        assert viewer.calls.cursor == found
        await pilot.press("slash")
        await typed(pilot, "no such text anywhere")
        await idle(viewer, pilot)
        assert "not found" in note(viewer)
        assert viewer.calls.cursor == found

    look(server_trace, scenario)


def test_it_goes_to_the_call_that_woke_this_one_and_back(look: Look, traced: Callable[[str], Path]) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        waiting = next(
            at for at, record in enumerate(viewer.document.index.records()) if "woken_by" in record
        )
        viewer.go(waiting)
        await pilot.pause()
        assert "woken by" in details(viewer)
        waker = selected(viewer)["woken_by"]
        await pilot.press("w")
        await idle(viewer, pilot)
        assert selected(viewer)["sequence"] == waker
        await pilot.press("W")
        await idle(viewer, pilot)
        assert selected(viewer).get("woken_by") == waker
        await pilot.press("b", "b")
        assert viewer.calls.position == waiting

    look(traced("futex_threads"), scenario)


def test_a_byte_in_a_pipe_wakes_as_well(look: Look, traced: Callable[[str], Path]) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        records = list(viewer.document.index.records())
        at, waker = next(
            (at, found[0])
            for at, record in enumerate(records)
            if record.get("name") == "read" and (found := viewer.links.waker(record)) is not None
        )
        viewer.go(at)
        await pilot.press("w")
        await idle(viewer, pilot)
        assert selected(viewer)["sequence"] == waker
        assert selected(viewer)["name"] in ("write", "writev", "close")

    look(traced("pipes_threads"), scenario)


def test_a_call_that_nobody_woke_says_so(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        await pilot.press("g", "w")
        await idle(viewer, pilot)
        assert "woke this one" in note(viewer)

    look(server_trace, scenario)


def test_a_jump_to_a_call_that_the_filter_hides_lifts_the_filter(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        target = first(viewer, name="socket")
        viewer.go(target)
        await pilot.pause()
        assert viewer.calls.position == target
        assert viewer.document.filter is None
        assert "filter was lifted" in note(viewer)

    look(server_trace, scenario, words="trace=accept4")


def test_zoom_and_pan_with_keys(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        lanes, whole = viewer.lanes, viewer.lanes.end - viewer.lanes.start
        viewer.go(first(viewer, name="recvfrom"))
        await pilot.press("plus", "plus")
        assert lanes.end - lanes.start == pytest.approx(whole / 4, rel=0.01)
        assert lanes.start <= lanes.moment <= lanes.end
        before = lanes.start
        await pilot.press("left")
        assert lanes.start <= before
        await pilot.press("0")
        assert lanes.end - lanes.start == whole
        await pilot.press("z")
        record = selected(viewer)
        assert lanes.start <= record["time"] <= record["time"] + record["duration"] <= lanes.end
        for _ in range(80):
            viewer.action_zoom(0.5)
        assert lanes.end - lanes.start >= 1000
        for _ in range(80):
            viewer.action_zoom(2)
        assert lanes.end - lanes.start == whole

    look(server_trace, scenario)


def test_a_click_in_a_lane_selects_the_call_of_that_moment(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        x, line = LABEL + viewer.lanes.columns // 2, 2
        moment = (
            viewer.lanes.start + (viewer.lanes.end - viewer.lanes.start) * (x - LABEL) // viewer.lanes.columns
        )
        await pilot.click("#lanes", offset=(x, line))
        await pilot.pause()
        record = selected(viewer)
        assert record["tid"] == 1001
        assert record["time"] <= moment <= record["time"] + record["duration"]

    look(server_trace, scenario)


def test_the_wheel_zooms_at_the_pointer(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        lanes = viewer.lanes
        before = lanes.end - lanes.start
        event = {
            "widget": lanes,
            "y": 1,
            "delta_x": 0,
            "delta_y": 0,
            "button": 0,
            "shift": False,
            "meta": False,
            "ctrl": False,
        }
        lanes.post_message(events.MouseScrollUp(x=LABEL, **event))
        await pilot.pause()
        assert lanes.end - lanes.start == pytest.approx(before * 0.8, rel=0.01)
        assert lanes.start == viewer.document.begin
        lanes.post_message(events.MouseScrollDown(x=LABEL, **event | {"shift": True}))
        await pilot.pause()
        assert lanes.start == pytest.approx(viewer.document.begin + before * 0.08, rel=0.01)

    look(server_trace, scenario)


def test_a_fault_is_in_the_list_with_its_place(look: Look, traced: Callable[[str], Path]) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        viewer.go(first(viewer, event="fault"))
        await pilot.pause()
        assert any("SIGSEGV" in row for row in rows(viewer))
        assert "signals_fatal.py" in details(viewer)

    look(traced("signals_fatal"), scenario)


@pytest.mark.parametrize("size", [(40, 10), (60, 12), (100, 30), (250, 70), (12, 4), (1, 1)])
def test_any_size_will_do(look: Look, server_trace: Path, size: tuple[int, int]) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        await pilot.press(
            "down", "plus", "right", "G", "enter", "escape", "question_mark", "escape", "f", "escape"
        )
        await idle(viewer, pilot)
        assert all(viewer.lanes.render_line(y).cell_length == viewer.lanes.size.width for y in range(4))

    look(server_trace, scenario, size=size)


def test_a_torn_trace_is_shown_as_far_as_it_goes_and_says_where_it_stops(
    look: Look, server_trace: Path, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(server_trace.read_bytes()[:20_000])

    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        assert len(viewer.document) > 10
        assert "cut off" in note(viewer)
        assert "torn.jsonl:" in note(viewer)

    look(torn, scenario)


def test_records_that_lack_what_is_optional_and_hostile_ones_are_shown(look: Look, tmp_path: Path) -> None:
    call = {
        "event": "syscall", "sequence": 0, "time": 5, "duration": 0, "blocked": 9, "pid": 1, "tid": 7, "number": 1,
        "name": "write", "registers": [0] * 6, "result": None, "pc": 0, "args": {},
    }  # fmt: skip
    strange = [
        {**call, "sequence": 1, "name": "no_such_call", "number": 9999, "args": {"what": [1, {"a": None}], "z": "\u001b[2J"}},
        {**call, "sequence": 2, "args": {"fd": {"x": 1}, "buf": {"bytes": "\u0000\u001b[31m", "size": 9}, "count": "?"}, "fds": {"fd": "\u001b]0;x\u0007" + "y" * 500}},
        {**call, "sequence": 3, "tid": 2**31 - 1, "time": 2**62, "duration": 2**61, "result": -22, "file": "\u0000/etc/passwd", "line": -3, "stack": [{}, 5]},
        {"event": "fault", "time": 1, "pid": 1},
        {"event": "from the future", "time": 0, "pid": 1, "tid": 7, "colour": "\u001b[1m"},
    ]  # fmt: skip
    path = tmp_path / "strange.jsonl"
    header = {"format": "emu trace", "version": 1, "argv": ["\u001b[2J"]}
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, call, *strange)))

    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        for _ in range(len(viewer.document)):
            assert "\x1b" not in details(viewer)
            await pilot.press("down", "w", "W", "d", "escape", "c", "escape", "z", "plus", "0")
            await idle(viewer, pilot)
        assert "\x1b" not in "".join(rows(viewer))
        assert "\x1b" not in str(viewer.query_one("#head", Static).content)

    look(path, scenario)


def test_it_follows_a_file_that_grows(look: Look, server_trace: Path, tmp_path: Path) -> None:
    lines = server_trace.read_bytes().splitlines(keepends=True)
    growing = tmp_path / "growing.jsonl"
    growing.write_bytes(b"".join(lines[:20]) + lines[20][:30])

    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        assert len(viewer.document) == 19
        assert viewer.document.index.damage is None
        await pilot.press("G")
        with growing.open("ab") as file:
            file.write(lines[20][30:] + b"".join(lines[21:30]))
        while len(viewer.document) < 29:
            await pilot.pause(0.02)
        await idle(viewer, pilot)
        assert viewer.calls.cursor == 28
        await pilot.press("k")
        with growing.open("ab") as file:
            file.write(b"".join(lines[30:]))
        while len(viewer.document) < len(lines) - 1:
            await pilot.pause(0.02)
        await idle(viewer, pilot)
        assert viewer.calls.cursor == 27

    look(growing, scenario, follow=True)


def test_the_source_line_of_a_call_is_shown(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        viewer.go(first(viewer, name="listen"))
        await pilot.pause()
        assert "numbers.listen" in details(viewer)

    look(server_trace, scenario)


def test_payloads_are_dumped(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        await pilot.press("slash")
        await typed(pilot, "GET /nothing")
        await idle(viewer, pilot)
        assert "0000  47 45 54 20 2f 6e 6f 74" in details(viewer)

    look(server_trace, scenario)


def test_a_file_that_is_emptied_meanwhile_does_not_end_the_viewer(
    look: Look, server_trace: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.jsonl"
    shutil.copy(server_trace, copy)

    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        copy.write_bytes(b"")
        await pilot.press("G", "pageup", "pageup", "g", "w", "d", "c")
        await idle(viewer, pilot)
        assert viewer.is_running

    look(copy, scenario)
