"""What lies over the viewer: help, the life of a descriptor, the conversation on a connection."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from emu.viewer.app import Viewer
from emu.viewer.calls import Calls
from emu.viewer.dialogs import KEYS, Choice, Conversation, Help, Life
from emu.viewer.lines import Lines

Look = Callable[..., Viewer]


async def idle(viewer: Viewer, pilot: "Pilot[None]") -> None:
    """Waits until what keys have set off is done."""
    await pilot.pause()
    while viewer.is_busy:
        await pilot.pause(0.01)
    await pilot.pause()


def shown(viewer: Viewer) -> str:
    """The lines of the conversation."""
    lines = viewer.screen.query_one(Lines)
    return "\n".join("".join(text for text, _ in line.parts) for line in lines.lines)


def at(viewer: Viewer, holds: Callable[[dict[str, Any]], object]) -> int:
    return next(at for at, record in enumerate(viewer.document.index.records()) if holds(record))


def test_help_names_every_key(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        await pilot.press("question_mark")
        assert isinstance(viewer.screen, Help)
        text = str(viewer.screen.query_one(Static).content)
        for binding in viewer.BINDINGS:
            for key in binding.key.split(","):
                word = {"slash": "/", "plus": "+", "minus": "-", "left_square_bracket": "[", "right_square_bracket": "]",
                        "left": "←", "right": "→", "escape": "Esc", "enter": "Enter"}.get(key, key)  # fmt: skip
                if len(word) == 1 or word in ("Esc", "Enter"):
                    assert f" {word} " in text.replace("\n", " "), key
        await pilot.press("escape")
        assert not isinstance(viewer.screen, Help)

    look(server_trace, scenario)
    assert len(KEYS) == 4


def test_the_life_of_a_connection_goes_from_accept_to_close(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        position = at(viewer, lambda record: record.get("name") == "recvfrom" and record["result"] > 0)
        number = viewer.document.record(position)["objects"]["fd"]
        viewer.go(position)
        await pilot.press("d")
        await idle(viewer, pilot)
        assert isinstance(viewer.screen, Life)
        words = str(viewer.screen.query_one(Static).content)
        assert "by accept4 of" in words
        assert "closed" in words
        assert "never" not in words
        calls = viewer.screen.query_one(Calls)
        names = [
            calls.document.record(calls.document.position(row))["name"] for row in range(len(calls.document))
        ]
        assert names[0] == "accept4"
        assert names[-1] == "close"
        await pilot.press("end", "enter")
        await pilot.pause()
        assert not isinstance(viewer.screen, Life)
        chosen = viewer.document.record(viewer.calls.position or 0)
        assert (chosen["name"], chosen["objects"]["fd"]) == ("close", number)

    look(server_trace, scenario)


def test_a_conversation_is_decoded_from_http_to_websocket(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        viewer.go(at(viewer, lambda record: "GET /ws" in str(record.get("args", {}).get("buf"))))
        await pilot.press("c")
        await idle(viewer, pilot)
        assert isinstance(viewer.screen, Conversation)
        text = shown(viewer)
        assert "GET /ws" in text
        assert "101" in text
        assert text.count("how are you?") >= 2
        await pilot.press("down", "enter")
        await pilot.pause()
        assert viewer.document.record(viewer.calls.position or 0)["name"] in ("recvfrom", "sendto")

    look(server_trace, scenario)


def test_of_several_descriptors_one_is_chosen(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        viewer.go(at(viewer, lambda record: record.get("name") == "accept4" and (record["result"] or -1) > 0))
        await pilot.press("d")
        await pilot.pause()
        assert isinstance(viewer.screen, Choice)
        assert viewer.screen.query_one(OptionList).option_count == 2
        await pilot.press("down", "enter")
        await idle(viewer, pilot)
        assert isinstance(viewer.screen, Life)
        await pilot.press("escape")
        await pilot.press("d", "escape")
        await idle(viewer, pilot)
        assert not isinstance(viewer.screen, Choice | Life)

    look(server_trace, scenario)


def test_a_call_without_a_descriptor_says_so(look: Look, server_trace: Path) -> None:
    async def scenario(viewer: Viewer, pilot: "Pilot[None]") -> None:
        viewer.go(at(viewer, lambda record: record.get("name") == "mmap"))
        await pilot.press("d")
        await idle(viewer, pilot)
        assert "no open descriptor" in str(viewer.query_one("#note", Static).content)

    look(server_trace, scenario)
