"""The terminal viewer: what its keys find and follow, in the frame of `emu.viewer.frame`."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from emu.viewer.detail import Descriptor, Link, descriptors, talking
from emu.viewer.dialogs import Choice, Conversation, Help, Life, Tree
from emu.viewer.document import Document
from emu.viewer.frame import Frame
from emu.viewer.links import Links
from emu.viewer.scan import Gather, Search
from emu.viewer.theme import ACCENT, WAIT
from emu.viewer.words import plural

SHORT = 20_000
"""Up to how many records the calls are put in order without being asked."""


class Viewer(Frame):
    """Shows one trace; see `Frame` for the arguments."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "filter", "filter"),
        Binding("slash", "search", "search", key_display="/"),
        Binding("w", "waker", "woken by"),
        Binding("d", "life", "descriptor"),
        Binding("c", "conversation", "conversation"),
        Binding("plus,equals_sign", "zoom(0.5)", "zoom", key_display="+ -"),
        Binding("minus,underscore", "zoom(2)", "zoom out", show=False),
        Binding("F", "follow", "follow", show=False),
        Binding("question_mark,f1", "help", "help", key_display="?"),
        Binding("q,ctrl+c", "quit", "quit", key_display="q"),
        Binding("n", "again(False)", "next match", show=False),
        Binding("N", "again(True)", "previous match", show=False),
        Binding("x", "toggle_filter", "filter on or off", show=False),
        Binding("W", "woken", "what it woke", show=False),
        Binding("b,backspace", "go_back", "back", show=False),
        Binding("left,h", "pan(-0.25)", "earlier", show=False),
        Binding("right,l", "pan(0.25)", "later", show=False),
        Binding("0", "fit", "the whole run", show=False),
        Binding("z", "zoom_to", "zoom in on the call", show=False),
        Binding("left_square_bracket", "thread(-1)", "previous call of the thread", show=False),
        Binding("right_square_bracket", "thread(1)", "next call of the thread", show=False),
        Binding("e", "error(1)", "next error", show=False),
        Binding("E", "error(-1)", "previous error", show=False),
        Binding("t", "only_thread", "only this thread", show=False),
        Binding("p", "processes", "processes", show=False),
        Binding("P", "only_process", "only this process", show=False),
        Binding("enter", "details", "details", show=False),
        Binding("escape", "calm", "stop", show=False),
    ]

    def __init__(self, document: Document, *, follow: bool = False, words: str = "") -> None:
        super().__init__(document, follow=follow, words=words)
        self.links = Links(document)
        self._searched = ""
        self._ordering = False
        self._wish: Callable[[], None] | None = None

    def _links(self, position: int) -> list[Link]:
        return self.links.shown(self.document.record(position))

    # Search

    def action_search(self) -> None:
        """Asks what to look for."""
        bar = self.query_one("#search", Input)
        bar.display = True
        bar.focus()

    @on(Input.Submitted, "#search")
    def _sought(self, event: Input.Submitted) -> None:
        event.input.display = False
        self.calls.focus()
        self._searched = event.value
        self.calls.found = event.value
        self.calls.repaint()
        self.action_again(False)

    def action_again(self, backwards: bool) -> None:
        """Goes to the next (or previous) call with the text."""
        if not self._searched or not len(self.document):
            return
        search = Search(self.document, self._searched, self.calls.cursor, backwards)

        def done() -> None:
            if search.row is None:
                self._put_note(f"{self._searched}: not found", WAIT)
                return
            self.calls.go(search.row, centre=True)
            self._put_note("went on from the other end" if search.wrapped else "")

        self._begin("searching", search.steps(), done)

    def action_calm(self) -> None:
        """Stops what is going on; leaves the bar."""
        if self._job is not None and self._job.is_running:
            self._job.cancel()
            self._put_note("stopped")
        elif self.calls.found:
            self.calls.found = ""
            self.calls.repaint()
        self.query_one("#search", Input).display = False
        self.screen.remove_class("-pane")
        self.calls.focus()

    # What belongs together

    def _all_read(self) -> None:
        if len(self.document.index) <= SHORT:
            self._learn(0)

    def _learn(self, position: int, wish: Callable[[], None] | None = None) -> None:
        """Puts the calls around a position in order, beside the screen; then does what was wished for."""
        self._wish = wish
        if not self._ordering:
            self._ordering = True
            self.run_worker(partial(self._order, self.links.needed(position)), group="order", thread=True)

    def _order(self, after: int) -> None:
        found = self.links.learn(after)
        self.call_from_thread(self._learnt, found)

    def _learnt(self, found: Links) -> None:
        self.links, self._ordering = found, False
        wish, self._wish = self._wish, None
        if wish is not None:
            wish()
        else:
            self._put_detail()

    def action_waker(self) -> None:
        """Goes to the call that ended this one's waiting."""
        position = self.calls.position
        if position is None:
            return
        found = self.links.waker(self.document.record(position))
        if found is not None:
            self._jump(found[0], f"woken by {found[1]}")
        elif self.links.covers(position):
            why = self.links.outside(self.document.record(position))
            self._put_note(f"no call of the guest woke this one{f': {why}' if why else ''}", WAIT)
        else:
            self._put_note("looking for the call that woke this one ...", ACCENT)
            self._learn(position, self.action_waker)

    def action_woken(self) -> None:
        """Goes to the first call that this one woke."""
        position = self.calls.position
        if position is None:
            return
        found = self.links.woken(self.document.record(position))
        if found:
            self._jump(found[0][0], f"woke {plural(len(found), 'call')}")
        elif self.links.covers(position):
            self._put_note("this call woke no other")
        else:
            self._put_note("looking for the calls that this one woke ...", ACCENT)
            self._learn(position, self.action_woken)

    def _jump(self, sequence: int, words: str) -> None:
        position = self.document.index.by_sequence(sequence)
        if position is None:
            self._put_note(f"call #{sequence} is not in this trace", WAIT)
            return
        self.go(position)
        self._put_note(f"{words} · b goes back", ACCENT)

    def action_life(self) -> None:
        """The life of a descriptor, from open to close."""
        self._with_object("following the descriptor", self._show_life, list)

    def action_conversation(self) -> None:
        """What was said on a connection."""
        self._with_object("following the connection", self._show_conversation, talking)

    def _with_object(
        self,
        name: str,
        show: Callable[[Gather, Descriptor], None],
        likely: Callable[[Iterable[Descriptor]], list[Descriptor]],
    ) -> None:
        """Gathers the calls on the object of this call; asks which, where several are `likely` to be meant."""
        position = self.calls.position
        record = self.document.record(position) if position is not None else None
        found: dict[int, Descriptor] = {}
        for one in descriptors(record) if record is not None and record["event"] == "syscall" else ():
            if one.object is not None:
                found.setdefault(one.object, one)
        if not found:
            self._put_note("this call has no open descriptor", WAIT)
            return

        def chosen(one: Descriptor | None) -> None:
            if one is not None and one.object is not None:
                gather = Gather(self.document, one.object)
                self._begin(name, gather.steps(), partial(show, gather, one))

        choice = likely(found.values())
        if len(choice) == 1:
            chosen(choice[0])
        else:
            self.push_screen(Choice(choice), chosen)

    def _show_life(self, gather: Gather, one: Descriptor) -> None:
        self._put_note()
        self.push_screen(Life(self.document, gather, one), self._chosen_position)

    def _show_conversation(self, gather: Gather, one: Descriptor) -> None:
        self._put_note()
        self.push_screen(Conversation(gather, one), self._chosen_sequence)

    def _chosen_position(self, position: int | None) -> None:
        if position is not None:
            self.go(position)

    def _chosen_sequence(self, sequence: int | None) -> None:
        position = None if sequence is None else self.document.index.by_sequence(sequence)
        self._chosen_position(position)

    def action_processes(self) -> None:
        """The tree of the processes."""
        self.push_screen(Tree(self.document), self._chosen_process)

    def _chosen_process(self, pid: int | None) -> None:
        lane = self.document.lanes.get(pid or 0)
        if lane is not None and lane.calls:
            self.go(lane.calls[0])
        elif pid is not None:
            self._put_note(f"process {pid} has made no call that is in this trace", WAIT)

    def action_help(self) -> None:
        """Which key does what."""
        self.push_screen(Help())
