"""Lines of painted text, of any number, that scroll; with a cursor where they can be chosen from."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from emu.viewer.theme import PANEL, RAISED, STYLES

Parts = Sequence[tuple[str, str]]
"""A line in pieces: each a text of one column a character, and how it looks (rich's words for a style)."""


class Line(NamedTuple):
    """A line, and the sequence number of the call that it comes from."""

    parts: Parts
    sequence: int | None = None


def strip(parts: Parts, width: int, ground: str = PANEL) -> Strip:
    """A line as wide as its widget; what is longer ends in an ellipsis."""
    pieces = [Segment(text, STYLES[f"{look} on {ground}"]) for text, look in parts]
    painted = Strip(pieces)
    if painted.cell_length > width > 0:
        painted = Strip.join([painted.crop(0, width - 1), Strip([Segment("…", STYLES[f"on {ground}"])])])
    return painted.adjust_cell_length(width, STYLES[f"on {ground}"])


class Pane(ScrollView, can_focus=True):
    """Lines to be read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.parts: Sequence[Parts] = ()

    @property
    def columns(self) -> int:
        """How many columns a line has."""
        return max(1, self.scrollable_content_region.width)

    def show(self, parts: Sequence[Parts]) -> None:
        """Shows other lines, from the first on."""
        self.parts = parts
        self.virtual_size = Size(0, len(parts))
        self.scroll_to(y=0, animate=False, immediate=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """See `textual.widget.Widget.render_line`."""
        number = y + round(self.scroll_y)
        return strip(self.parts[number] if number < len(self.parts) else (), self.columns)


class Lines(ScrollView, can_focus=True):
    """Lines to choose from."""

    DEFAULT_CSS = "Lines { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-20)", show=False),
        Binding("pagedown,space", "move(20)", show=False),
        Binding("home,g", "move(-1000000000)", show=False),
        Binding("end,G", "move(1000000000)", show=False),
    ]

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__()
        self.lines = lines
        self._cursor = 0

    @property
    def sequence(self) -> int | None:
        """Of the call that the line under the cursor comes from."""
        return self.lines[self._cursor].sequence if self.lines else None

    def on_resize(self) -> None:
        """Sets how far it scrolls."""
        self.virtual_size = Size(0, len(self.lines))

    def on_click(self, event: events.Click) -> None:
        """Puts the cursor there."""
        self.action_move(event.y + round(self.scroll_y) - self._cursor)

    def action_move(self, by: int) -> None:
        """Moves the cursor, and the text with it."""
        self._cursor = max(0, min(len(self.lines) - 1, self._cursor + by))
        top, height = round(self.scroll_y), max(1, self.size.height)
        if not top <= self._cursor < top + height:
            top = self._cursor if self._cursor < top else self._cursor - height + 1
            self.scroll_to(y=top, animate=False, immediate=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """See `textual.widget.Widget.render_line`."""
        number = y + round(self.scroll_y)
        width = self.scrollable_content_region.width
        if number >= len(self.lines):
            return strip((), width)
        return strip(self.lines[number].parts, width, RAISED if number == self._cursor else PANEL)
