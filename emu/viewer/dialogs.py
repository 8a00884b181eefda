"""What lies over the viewer for a moment: help, a choice of descriptors, the life of one, the conversation on one."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from emu.trace.layout import safe
from emu.viewer.calls import Calls
from emu.viewer.detail import Descriptor
from emu.viewer.document import Document
from emu.viewer.family import family
from emu.viewer.lines import Lines
from emu.viewer.scan import Gather
from emu.viewer.talk import life_words, talk
from emu.viewer.theme import ACCENT, DIM, TEXT

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
        ("p  P", "the tree of the processes; this process only"),
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
    ("···", "nothing is known yet: it may be in a call that has not returned"),
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

    def who(self, record: dict[str, Any]) -> str:
        """See `calls.Rows`."""
        return self._document.who(record)

    @property
    def several(self) -> bool:
        """See `calls.Rows`."""
        return self._document.several


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


class Tree(Dialog[int]):
    """Who made which process, what each ran, and how it ended; gives the pid of the one chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "go there")]

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._lines = Lines(family(document))

    def compose(self) -> ComposeResult:
        """See `textual.screen.Screen.compose`."""
        with Vertical(id="box", classes="-tall") as box:
            box.border_title = "processes"
            box.border_subtitle = "Enter goes to its first call · Esc"
            yield self._lines

    def on_mount(self) -> None:
        """Shows the lines."""
        self._lines.focus()

    def action_choose(self) -> None:
        """Goes to the process."""
        self.dismiss(self._lines.sequence)


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
