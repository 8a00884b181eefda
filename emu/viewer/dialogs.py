"""What lies over the viewer for a moment: help, a choice of descriptors, the life of one, the conversation on one."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from rich.segment import Segment
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from emu.trace.layout import safe
from emu.viewer.calls import Calls
from emu.viewer.detail import Descriptor
from emu.viewer.document import Document
from emu.viewer.scan import Gather
from emu.viewer.talk import Line, life_words, talk
from emu.viewer.theme import ACCENT, DIM, RAISED, STYLES, TEXT

KEYS = (
    ("the list", (
        ("↑ ↓  j k", "the previous, the next call"),
        ("PgUp PgDn  g G", "a page; the first, the last call"),
        ("[  ]", "the previous, the next call of the same thread"),
        ("e  E", "the next, the previous error"),
        ("Enter  Tab", "to the details; there ↑ ↓ scroll, Esc comes back"),
    )),
    ("the lanes", (
        ("+  -", "zoom in and out around the cursor; the wheel: around the pointer"),
        ("← →  h l", "earlier, later; drag with the mouse, or Shift and the wheel"),
        ("0  z", "the whole run; this call alone"),
        ("a click", "the call at that moment of that thread"),
    )),
    ("finding", (
        ("f", "filter by strace's words: trace=%network status=failed fd=7 where=\"ret < 0\""),
        ("x  t", "the filter off and on again; this thread only"),
        ("/  n  N", "search for text; the next, the previous place"),
        ("w  W", "the call that woke this one; the first that this one woke"),
        ("d  c", "the life of a descriptor from open to close; the conversation on it"),
        ("b", "back to where the last jump began"),
    )),
    ("the rest", (
        ("F", "follow a file that is still being written"),
        ("Esc", "stop a search; leave a bar or a window"),
        ("q", "quit"),
    )),
)  # fmt: skip
"""The keys, as the help shows them."""

LEGEND = (
    ("█▅▂", "the thread ran: the higher, the larger a part of that time"),
    ("───", "it waited in a call (the name stands there where there is room)"),
)

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A box over the viewer that Esc and q close."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "close", "close")]

    def action_close(self) -> None:
        """Closes it with nothing chosen."""
        self.dismiss(None)


class Help(Dialog[None]):
    """Which key does what."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,f1", "close", "close")]

    def compose(self) -> ComposeResult:
        """See `textual.screen.Screen.compose`."""
        text = Text()
        for title, keys in KEYS:
            text.append(f"{title}\n", f"bold {ACCENT}")
            for key, words in keys:
                text.append(f"  {key:<16}", TEXT)
                text.append(f"{words}\n", DIM)
            if title == "the lanes":
                for sign, words in LEGEND:
                    text.append(f"  {sign:<16}", ACCENT)
                    text.append(f"{words}\n", DIM)
            text.append("\n")
        text.rstrip()
        with VerticalScroll(id="box") as box:
            box.border_title = "keys"
            box.border_subtitle = "Esc"
            yield Static(text)


class Choice(Dialog[Descriptor]):
    """Which of several descriptors is meant."""

    def __init__(self, found: Sequence[Descriptor]) -> None:
        super().__init__()
        self._found = found

    def compose(self) -> ComposeResult:
        """See `textual.screen.Screen.compose`."""
        with Vertical(id="box") as box:
            box.border_title = "which descriptor?"
            yield OptionList(
                *[
                    Option(
                        Text(f"{'' if one.fd is None else one.fd:>5}  {safe(one.text)}  ")
                        + Text(one.argument, DIM)
                    )
                    for one in self._found
                ]
            )

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._found[event.option_index])


class Selection:
    """Some records of a document, as the list of calls wants them (see `calls.Rows`)."""

    def __init__(self, document: Document, positions: Sequence[int]) -> None:
        self._document = document
        self._positions = positions

    def __len__(self) -> int:
        return len(self._positions)

    def position(self, row: int) -> int:
        """Which record a row shows."""
        return self._positions[row]

    def record(self, position: int) -> dict[str, Any]:
        """A record."""
        return self._document.record(position)


class Life(Dialog[int]):
    """The calls on one open file description, from its opening to its last close; gives the position of the one chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "go there")]

    def __init__(self, document: Document, gather: Gather, one: Descriptor) -> None:
        super().__init__()
        self._gather = gather
        self._one = one
        self._calls = Calls(Selection(document, gather.positions))

    def compose(self) -> ComposeResult:
        """See `textual.screen.Screen.compose`."""
        with Vertical(id="box", classes="-tall") as box:
            box.border_title = f"life of {safe(self._one.text)}"
            box.border_subtitle = "Enter goes to the call · Esc"
            words = Static(Text("\n".join(life_words(self._gather.records, self._gather.object)), TEXT))
            words.styles.margin = (0, 0, 1, 0)
            yield words
            yield self._calls

    def on_mount(self) -> None:
        """Shows the calls."""
        self._calls.changed()
        self._calls.focus()

    @on(Calls.Selected)
    def _moved(self, message: Calls.Selected) -> None:
        message.stop()

    @on(Calls.Opened)
    def action_choose(self) -> None:
        """Goes to the call."""
        self.dismiss(self._calls.position)


class Conversation(Dialog[int]):
    """What was received and sent on a connection; gives the sequence number of the call that moved the chosen message."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "go there")]

    def __init__(self, gather: Gather, one: Descriptor) -> None:
        super().__init__()
        self._one = one
        self._lines = Lines(talk(gather.records, gather.object))

    def compose(self) -> ComposeResult:
        """See `textual.screen.Screen.compose`."""
        with Vertical(id="box", classes="-tall") as box:
            box.border_title = f"conversation on {safe(self._one.text)}"
            box.border_subtitle = "Enter goes to the call · Esc"
            yield self._lines

    def on_mount(self) -> None:
        """Shows the lines."""
        self._lines.focus()

    def action_choose(self) -> None:
        """Goes to the call."""
        self.dismiss(self._lines.sequence)


class Lines(ScrollView, can_focus=True):
    """Lines of painted text with a cursor, of any number."""

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
        self._lines = lines
        self._cursor = 0

    @property
    def sequence(self) -> int | None:
        """Of the call that the line under the cursor comes from."""
        return self._lines[self._cursor].sequence if self._lines else None

    def on_resize(self) -> None:
        """Sets how far it scrolls."""
        self.virtual_size = Size(0, len(self._lines))

    def action_move(self, by: int) -> None:
        """Moves the cursor, and the text with it."""
        self._cursor = max(0, min(len(self._lines) - 1, self._cursor + by))
        top, height = round(self.scroll_y), max(1, self.size.height)
        if not top <= self._cursor < top + height:
            self.scroll_to(
                y=self._cursor if self._cursor < top else self._cursor - height + 1,
                animate=False,
                immediate=True,
            )
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """See `textual.widget.Widget.render_line`."""
        number = y + round(self.scroll_y)
        width = self.scrollable_content_region.width
        if number >= len(self._lines):
            return Strip.blank(width)
        ground = f" on {RAISED}" if number == self._cursor else ""
        pieces = [Segment(text, STYLES[look + ground]) for text, look in self._lines[number].parts]
        return Strip(pieces).adjust_cell_length(width, STYLES[ground.strip()] if ground else None)
