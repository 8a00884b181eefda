"""The lanes on the screen: a line a thread over a common axis of time, to zoom and to move by keys and mouse."""

from itertools import groupby
from typing import Any

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from emu.trace.index import FAILED
from emu.trace.layout import safe
from emu.viewer.document import Document
from emu.viewer.lane import Lane, Span, cells, spans, ticks
from emu.viewer.theme import ACCENT, DIM, ERROR, FAINT, GROUND, RAISED, STYLES, TEXT, colour_of, darker
from emu.viewer.words import lasting

LABEL = 8
"""Columns in front of a lane, for the thread."""

WIDE = 20
"""The same where there are several processes, for their programs' names."""

CURSOR = darker(ACCENT, 0.55)
"""Behind the moment of the selected call, in its thread's lane."""

CLOSEST = 1_000
"""The shortest window, in nanoseconds."""


class Lanes(Widget, can_focus=False):
    """The window is from `start` to `end` nanoseconds; the cursor is the selected call's."""

    DEFAULT_CSS = "Lanes { height: auto; width: 1fr; }"

    class Picked(Message):
        """A person pointed at a call."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self, document: Document, **options: Any) -> None:
        super().__init__(**options)
        self.document = document
        self.start = 0
        self.end = 1
        self.is_whole = True
        self.moment = 0
        self.tid = 0
        self.top = 0
        self.most = 8
        self._dragged: tuple[int, int] | None = None
        self._was_dragged = False
        self._strips: dict[int, Strip] = {}
        self._painted: dict[int, list[tuple[str, str]]] = {}

    @property
    def columns(self) -> int:
        """The width of the lanes themselves."""
        return max(1, self.size.width - self.label - 1)

    @property
    def label(self) -> int:
        """The columns in front of the lanes."""
        return WIDE if self.document.several and self.size.width > 3 * WIDE else LABEL

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        """See `textual.widget.Widget`: the axis, and a line a thread, as far as there is room."""
        return 1 + max(1, min(len(self.document.lanes), self.most))

    # The window

    def fit(self) -> None:
        """Shows the whole run."""
        self.is_whole = True
        self._look(self.document.begin, max(self.document.end, self.document.begin + CLOSEST))

    def grown(self) -> None:
        """The document has more records."""
        if self.is_whole:
            self.fit()
        self.repaint()

    def zoom(self, factor: float, around: int | None = None) -> None:
        """Shows `factor` times as much time; the moment `around` (the cursor) keeps its place."""
        if around is None:
            around = self.moment if self.start <= self.moment <= self.end else (self.start + self.end) // 2
        span = self.end - self.start
        whole = max(CLOSEST, self.document.end - self.document.begin)
        wanted = max(CLOSEST, min(round(span * factor), whole))
        self.is_whole = wanted == whole
        start = around - round((around - self.start) * wanted / span)
        self._look(start, start + wanted)

    def pan(self, part: float) -> None:
        """Moves the window by a part of its width."""
        step = round((self.end - self.start) * part)
        self.is_whole = False
        self._look(self.start + step, self.end + step)

    def show_call(self, position: int) -> None:
        """Puts the cursor on a call, and brings it into the window."""
        index = self.document.index
        self.moment = index.times[position]
        self.tid = index.tids[position]
        tids = self.document.tids
        if self.tid in self.document.lanes:
            line, height = tids.index(self.tid), max(1, self.size.height - 1)
            self.top = max(min(self.top, line), line - height + 1)
        if not self.start <= self.moment <= self.end:
            span = self.end - self.start
            self._look(self.moment - span // 2, self.moment + span - span // 2)
        self.repaint(is_cursor=True)

    def show_span(self, begin: int, end: int) -> None:
        """Zooms in on a stretch of time, with a little room around it."""
        room = max(CLOSEST, (end - begin) * 2)
        self.is_whole = False
        self._look((begin + end) // 2 - room // 2 - room % 2, (begin + end) // 2 + room // 2)

    def _look(self, start: int, end: int) -> None:
        span = max(CLOSEST, end - start)
        first = self.document.begin
        start = max(first, min(start, self.document.end - span))
        self.start, self.end = start, start + span
        self.repaint()

    def repaint(self, *, is_cursor: bool = False) -> None:
        """Paints anew; `is_cursor`: nothing but the cursor has moved."""
        if not is_cursor:
            self._painted.clear()
        self._strips.clear()
        self.refresh()

    # Painting

    def render_line(self, y: int) -> Strip:
        """See `textual.widget.Widget.render_line`: the axis, then the lanes."""
        strip = self._strips.get(y)
        if strip is None:
            strip = self._axis() if y == 0 else self._line(y - 1 + self.top)
            self._strips[y] = strip = strip.apply_style(STYLES[f"on {GROUND}"])
        return strip

    def _column(self, moment: int) -> int:
        return (moment - self.start) * self.columns // max(1, self.end - self.start)

    def _axis(self) -> Strip:
        width = self.columns
        line = ["╌"] * width
        for column, text in ticks(self.start, self.end, width):
            text = f"╷{text} "
            if column + len(text) <= width:
                line[column : column + len(text)] = text
        pieces = [Segment(f"{lasting(self.end - self.start):>{self.label - 1}} ", STYLES[DIM])]
        cursor = self._column(self.moment)
        if 0 <= cursor < width:
            pieces += [
                Segment("".join(line[:cursor]), STYLES[DIM]),
                Segment("▼", STYLES[ACCENT]),
                Segment("".join(line[cursor + 1 :]), STYLES[DIM]),
            ]
        else:
            pieces.append(Segment("".join(line), STYLES[DIM]))
        return Strip([*pieces, Segment(" ")]).adjust_cell_length(self.size.width)

    def _line(self, number: int) -> Strip:
        tids = self.document.tids
        if number >= len(tids):
            return Strip.blank(self.size.width)
        lane = self.document.lanes[tids[number]]
        colour = colour_of(lane.tid)
        chosen = lane.tid == self.tid
        painted = self._painted.get(lane.tid)
        if painted is None:
            painted = self._painted[lane.tid] = self._paint(lane, colour, self.columns)
        room = self.label - 3
        text = self.document.lane_label(lane.tid) if room > LABEL else str(lane.tid).rjust(room)
        label = f"{'▸' if chosen else ' '}{safe(text)[:room]:<{room}}"
        pieces = [
            Segment(label, STYLES[f"{'bold ' if chosen else ''}{colour}"]),
            Segment(" ▏", STYLES[FAINT]),
        ]
        cursor = self._column(self.moment)
        for look, run in groupby(enumerate(painted), lambda one: (one[1][1], one[0] == cursor)):
            front = look[0]
            if look[1]:
                front = f"{front.partition(' on ')[0]} on {CURSOR if chosen else RAISED}"
            pieces.append(Segment("".join(text for _, (text, _) in run), STYLES[front]))
        return Strip(pieces).adjust_cell_length(self.size.width)

    def _paint(self, lane: Lane, colour: str, width: int) -> list[tuple[str, str]]:
        """The cells of a lane with their looks, without the cursor."""
        last = self.document.end
        used = width if self.end <= last else max(1, self._column(last))
        drawn = cells(lane, self.start, min(self.end, last), used, is_over=self.document.is_over)
        painted = [(cell.text, _look(cell.look, colour)) for cell in drawn]
        painted += [(" ", FAINT)] * (width - used)
        for span in spans(lane, self.start, self.end, width):
            self._label(painted, span, colour)
        return painted

    def _label(self, painted: list[tuple[str, str]], span: Span, colour: str) -> None:
        """Writes the name of a wide call into its columns."""
        name = self.document.name(span.call)
        room = span.last - span.first
        failed = self.document.index.kinds[span.call] == FAILED
        if span.is_wait:
            if room >= len(name) + 4:
                for offset, letter in enumerate(f" {name} "):
                    painted[span.first + 1 + offset] = (letter, ERROR if failed else darker(colour, 0.75))
            return
        ground = darker(ERROR if failed else colour)
        text = f" {name} ".ljust(room) if room >= len(name) + 2 else name[:room].ljust(room)
        for offset, letter in enumerate(text[:room]):
            painted[span.first + offset] = (letter, f"{TEXT} on {ground}")

    # Pointing

    def _moment_at(self, x: int) -> int:
        return self.start + (self.end - self.start) * (x - self.label) // self.columns

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zooms in at the pointer; with Shift or Ctrl moves to the left."""
        self._wheel(event, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zooms out; with Shift or Ctrl moves to the right."""
        self._wheel(event, 1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Moves to the left."""
        event.stop()
        self.pan(-0.1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Moves to the right."""
        event.stop()
        self.pan(0.1)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        event.stop()
        if event.shift or event.ctrl:
            self.pan(0.1 * direction)
        else:
            self.zoom(1.25**direction, self._moment_at(event.x))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begins to drag."""
        self._dragged, self._was_dragged = (event.x, self.start), False
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drags the window along."""
        if self._dragged is None or (event.x == self._dragged[0] and not self._was_dragged):
            return
        self._was_dragged, self.is_whole = True, False
        span = self.end - self.start
        start = self._dragged[1] - span * (event.x - self._dragged[0]) // self.columns
        self._look(start, start + span)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Ends dragging."""
        self._dragged = None
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Picks the call at that moment of that thread."""
        tids, number = self.document.tids, event.y - 1 + self.top
        if self._was_dragged or event.y == 0 or number >= len(tids):
            return
        found = self.document.lanes[tids[number]].at(self._moment_at(event.x))
        if found is not None:
            self.post_message(self.Picked(found))


def _look(look: str, colour: str) -> str:
    match look:
        case "failed":
            return ERROR
        case "blocked":
            return darker(colour, 0.5)
        case "absent":
            return FAINT
    return colour
