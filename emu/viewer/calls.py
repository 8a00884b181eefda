"""The list of calls: of any number of rows only those on the screen are read and painted."""

from typing import Any, ClassVar, Protocol

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from emu.viewer.rows import NARROW, heading, row
from emu.viewer.theme import GROUND, RAISED, STYLES

KEPT = 512
"""Painted rows that are kept."""


class Rows(Protocol):
    """What is listed: a `Document`, or a selection from one."""

    def __len__(self) -> int: ...

    def position(self, row: int) -> int:
        """Which record a row shows."""

    def record(self, position: int) -> dict[str, Any]:
        """A record."""

    def who(self, record: dict[str, Any]) -> str:
        """The thread of a record, with its process."""

    @property
    def several(self) -> bool:
        """Whether there is more than one process."""


class Calls(ScrollView, can_focus=True):
    """Rows of a document, with a cursor. `marks` are signs in front of positions; `found` is what search lights up."""

    DEFAULT_CSS = "Calls { height: 1fr; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "a page up", show=False),
        Binding("pagedown,space", "page(1)", "a page down", show=False),
        Binding("home,g", "move_to(0)", "first", show=False),
        Binding("end,G", "move_to(-1)", "last", show=False),
    ]

    class Selected(Message):
        """The cursor stands on another record."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    class Opened(Message):
        """Enter, or a second click on the row."""

    def __init__(self, document: Rows, **options: Any) -> None:
        super().__init__(**options)
        self.document = document
        self.cursor = 0
        self.known = 0
        """How many rows there were when it was last told."""
        self.found = ""
        self.marks: dict[int, str] = {}
        self._strips: dict[tuple[int, int], Strip] = {}

    @property
    def position(self) -> int | None:
        """The record under the cursor; None in an empty list."""
        return self.document.position(self.cursor) if len(self.document) else None

    def changed(self) -> None:
        """The document has other rows."""
        self.known = len(self.document)
        self.virtual_size = Size(0, self.known + 1)
        self.cursor = max(0, min(self.cursor, self.known - 1))
        self.repaint()

    def grown(self) -> None:
        """The document may have more rows at its end."""
        before, self.known = self.known, len(self.document)
        if self.known != before:
            self.virtual_size = Size(0, self.known + 1)
        if self.known < before:
            self.changed()
        elif before < round(self.scroll_y) + self.size.height:
            self.refresh()

    def repaint(self) -> None:
        """Paints anew what is on the screen."""
        self._strips.clear()
        self.refresh()

    def go(self, cursor: int, *, centre: bool = False) -> None:
        """Puts the cursor on a row, and the row on the screen."""
        cursor = max(0, min(cursor, len(self.document) - 1))
        before, self.cursor = self.cursor, cursor
        self._show(centre=centre and not self._is_visible(cursor))
        for changed in {before, cursor}:
            self.refresh(Region(0, changed - round(self.scroll_y) + 1, self.size.width, 1))
        position = self.position
        if position is not None:
            self.post_message(self.Selected(position))

    def render_line(self, y: int) -> Strip:
        """See `textual.widget.Widget.render_line`; the first line names the columns."""
        width = self.scrollable_content_region.width
        if y == 0:
            return Strip(heading(width, self._is_wide(width)), width)
        number = y - 1 + round(self.scroll_y)
        if number >= len(self.document):
            return Strip([Segment(" " * width, STYLES[f"on {GROUND}"])], width)
        position = self.document.position(number)
        if number == self.cursor:
            return self._paint(position, width, RAISED)
        strip = self._strips.get((position, width))
        if strip is None:
            if len(self._strips) > KEPT:
                self._strips.clear()
            self._strips[position, width] = strip = self._paint(position, width, "")
        return strip

    def _paint(self, position: int, width: int, ground: str) -> Strip:
        mark = self.marks.get(position, "▸ " if ground else "")
        record = self.document.record(position)
        who = self.document.who(record) if self._is_wide(width) else ""
        pieces = row(record, width, mark=mark, ground=ground, found=self.found, who=who)
        return Strip(pieces, width)

    def _is_wide(self, width: int) -> bool:
        """Whether rows name the process."""
        return self.document.several and width >= NARROW

    def _is_visible(self, number: int) -> bool:
        top = round(self.scroll_y)
        return top <= number < top + self.size.height - 1

    def _show(self, *, centre: bool) -> None:
        height = max(1, self.size.height - 1)
        top = round(self.scroll_y)
        if centre:
            top = self.cursor - height // 2
        elif self.cursor < top:
            top = self.cursor
        elif self.cursor >= top + height:
            top = self.cursor - height + 1
        else:
            return
        self.scroll_to(y=max(0, top), animate=False, immediate=True)

    def on_resize(self) -> None:
        """The row under the cursor stays on the screen."""
        self.virtual_size = Size(0, len(self.document) + 1)
        self._strips.clear()
        self._show(centre=False)

    def on_click(self, event: events.Click) -> None:
        """Puts the cursor there."""
        number = event.y - 1 + round(self.scroll_y)
        if event.y and number < len(self.document):
            if number == self.cursor and event.chain > 1:
                self.post_message(self.Opened())
            self.go(number)

    def action_move(self, rows: int) -> None:
        self.go(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        self.go(self.cursor + pages * max(1, self.size.height - 2))

    def action_move_to(self, number: int) -> None:
        self.go(number if number >= 0 else len(self.document) - 1)
