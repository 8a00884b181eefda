"""The frame of the terminal viewer: how its parts are laid out, and kept in step while a file is read, filtered and walked through."""

import asyncio
import time
from collections.abc import Callable, Iterator

from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.containers import Container
from textual.timer import Timer
from textual.widgets import Footer, Input, Static
from textual.worker import Worker

from emu.trace.filter import Filter, FilterError
from emu.viewer.calls import Calls
from emu.viewer.detail import Detail, Link, folders_of
from emu.viewer.document import Document
from emu.viewer.lanes import Lanes
from emu.viewer.lines import Pane
from emu.viewer.status import heading, progress
from emu.viewer.theme import ACCENT, DIM, ERROR, THEME, WAIT

SLICE = 0.006
"""Seconds of background work between two looks at what the person wants."""

LONG_SLICE = 0.03
"""The same as long as the person only waits."""

SHOWN_EVERY = 0.3
"""Seconds between two paintings of how far the work is."""

QUIET = 0.05
"""Seconds after a key for which background work stands back, so that the screen is painted first."""

READ_IN = 10
"""Seconds for which a message stays."""

BESIDE = frozenset({"job", "filter", "order"})
"""The groups of workers that do something for the person."""

POLL = 0.2
"""Seconds between looks at a file that is followed."""


class Frame(App[None]):
    """Shows one trace. `follow` begins in follow mode, `words` is the first filter as typed into the bar."""

    CSS_PATH = "viewer.tcss"
    TITLE = "emu view"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as in the base class
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (18, "-high")]  # noqa: RUF012 - as in the base class

    def __init__(self, document: Document, *, follow: bool = False, words: str = "") -> None:
        super().__init__()
        self.register_theme(THEME)
        self.theme = "emu"
        self.document = document
        self.failure: Exception | None = None
        self.is_following = follow
        self._words = words
        self._lifted = ""
        self.is_read = False
        self._touched = 0.0
        self._history: list[int] = []
        self._folders = folders_of(document.header, document.path)
        self._job: Worker[None] | None = None
        self._note: Timer | None = None
        self.calls = Calls(document, id="calls")
        self.lanes = Lanes(document, id="lanes")
        self.pane = Pane(id="pane")

    def compose(self) -> ComposeResult:
        """See `textual.app.App.compose`."""
        yield Static(id="head")
        yield self.lanes
        with Container(id="body"):
            yield self.calls
            yield self.pane
        yield Input(id="search", placeholder="text in a call", compact=True)
        yield Input(
            self._words,
            id="filter",
            placeholder='f filters: trace=%network status=failed fd=7 thread=2 time=0.5..2s where="ret < 0"',
            compact=True,
        )
        yield Static(id="note")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begins to read."""
        self.calls.focus()
        self._measure()
        self.run_worker(self._read(), group="read")

    @property
    def is_busy(self) -> bool:
        """Whether something is being worked out beside the screen."""
        return any(worker.is_running and worker.group in BESIDE for worker in self.workers)

    # Reading

    async def _read(self) -> None:
        """Reads the file, then goes on filtering; in follow mode for ever."""
        shown = 0.0
        if self._words:
            self._apply(self._words)
        while self.is_running:
            more = self.document.advance(self._slice())
            if not more and not self.is_read:
                self.is_read = True
                self._grown()
                self._all_read()
            filtering = self.document.filter_on(self._slice())
            now = time.perf_counter()
            if now - shown > SHOWN_EVERY and (more or filtering):
                shown = now
                self._grown()
            elif not more and not filtering:
                self._grown()
                if not await self._grows():
                    return
            await self._breathe()

    async def _grows(self) -> bool:
        """Waits until the file has grown; False when nobody wants to know."""
        while self.is_following:
            await asyncio.sleep(POLL)
            if self.document.index.size > self.document.index.position:
                return True
        return False

    def _slice(self) -> float:
        return LONG_SLICE if time.perf_counter() - self._touched > 1 else SLICE

    async def _breathe(self) -> None:
        """Lets the screen go first."""
        await asyncio.sleep(0)
        while time.perf_counter() - self._touched < QUIET:
            await asyncio.sleep(0.01)

    def _grown(self) -> None:
        """Shows that there are more records, or other rows."""
        calls = self.calls
        at_end = self.is_following and calls.cursor >= calls.known - 1
        calls.grown()
        self.lanes.grown()
        self._put_head()
        if at_end and len(self.document):
            calls.go(len(self.document) - 1)
        elif calls.known and self.lanes.tid == 0:
            calls.go(calls.cursor)
        self._put_note()

    async def on_event(self, event: events.Event) -> None:
        """Notes when a person last did something."""
        if isinstance(event, events.Key | events.MouseEvent):
            self._touched = time.perf_counter()
        await super().on_event(event)

    # What is written around the list

    def _put_head(self) -> None:
        head = heading(self.document, is_following=self.is_following)
        self.query_one("#head", Static).update(head, layout=False)

    def _put_note(self, words: str = "", look: str = DIM) -> None:
        """The line under the filter bar: what is to be said for a while, else how far things are."""
        note = Text(f" {words}", look) if words else Text()
        note.append_text(progress(self.document, is_read=self.is_read, is_brief=bool(words)))
        note.no_wrap, note.overflow = True, "ellipsis"
        if words:
            if self._note is not None:
                self._note.stop()
            self._note = self.set_timer(READ_IN, self._put_note)
        self.query_one("#note", Static).update(note, layout=False)

    def _put_detail(self) -> None:
        position = self.calls.position
        if position is None:
            self.pane.show([(), (("  nothing to show", DIM),)] if self.is_read else [])
            return
        record = self.document.record(position)
        processes, pid = self.document.index.processes, record.get("pid") or 0
        process = f"{pid} {processes.program(pid, record['time'])}" if self.document.several and pid else ""
        detail = Detail(self.pane.columns - 1, self._folders)
        self.pane.show(detail.lines(record, self._links(position), process))

    def _links(self, position: int) -> list[Link]:
        """The other calls that a call has to do with."""
        return []

    def _all_read(self) -> None:
        """Called once, when the whole file has been read."""

    def _measure(self) -> None:
        """How many lanes there is room for."""
        self.lanes.most = max(1, min(16, self.size.height // 3 - 1))
        self.lanes.refresh(layout=True)

    def on_resize(self) -> None:
        """Fits things into the new size."""
        self._measure()
        self.lanes.repaint()
        self.call_after_refresh(self._put_detail)

    # Going places

    @on(Calls.Selected)
    def _selected(self, message: Calls.Selected) -> None:
        self.lanes.show_call(message.position)
        self._put_detail()

    @on(Lanes.Picked)
    def _picked(self, message: Lanes.Picked) -> None:
        self.go(message.position)

    @on(Calls.Opened)
    def action_details(self) -> None:
        """Puts the keys on the detail pane, where there is one."""
        self.screen.toggle_class("-pane")
        self.pane.focus()

    def go(self, position: int, *, remember: bool = True) -> None:
        """Goes to a record; lifts the filter where it hides that."""
        here = self.calls.position
        if remember and here is not None and here != position:
            self._history.append(here)
        if not self.document.is_shown(position):
            self._lift()
            self._put_note("the filter was lifted to show this call; x puts it back", WAIT)
        self.calls.go(self.document.row(position), centre=True)
        self.calls.focus()

    def action_go_back(self) -> None:
        """Goes back to where the last jump began."""
        if self._history:
            self.go(self._history.pop(), remember=False)

    def action_thread(self, step: int) -> None:
        """Goes to the next or previous call of the same thread."""
        row, rows = self.calls.cursor + step, len(self.document)
        tids = self.document.index.tids
        while 0 <= row < rows:
            if tids[self.document.position(row)] == self.lanes.tid:
                self.calls.go(row)
                return
            row += step
        self._put_note("no more calls of this thread")

    def action_error(self, step: int) -> None:
        """Goes to the next or previous failed call."""
        row = self.document.failed_row(self.calls.cursor, step)
        if row is None:
            self._put_note("no more errors")
        else:
            self.calls.go(row)

    # The window of the lanes

    def action_zoom(self, factor: float) -> None:
        self.lanes.zoom(factor)

    def action_pan(self, part: float) -> None:
        self.lanes.pan(part)

    def action_fit(self) -> None:
        self.lanes.fit()

    def action_zoom_to(self) -> None:
        position = self.calls.position
        if position is not None:
            index = self.document.index
            self.lanes.show_span(index.times[position], index.ends[position])

    # The filter

    def action_filter(self) -> None:
        """Puts the keys on the filter bar."""
        self.query_one("#filter", Input).focus()

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        if not event.input.has_focus:  # we have changed it
            return
        try:
            Filter.parse(event.value)
        except FilterError as error:
            self._put_note(" · ".join(str(error).splitlines()), DIM)
        else:
            self._put_note()

    @on(Input.Submitted, "#filter")
    def _submitted(self, event: Input.Submitted) -> None:
        if self._apply(event.value):
            self.calls.focus()

    def _apply(self, words: str) -> bool:
        """Filters by these words; False when they are none."""
        try:
            chosen = Filter.parse(words)
        except FilterError as error:
            self._put_note(" · ".join(str(error).splitlines()), ERROR)
            return False
        self._show(chosen)
        return True

    def _show(self, chosen: Filter | None) -> None:
        """Shows what a filter lets through; the cursor stays where it is, or goes to the next row that there is."""
        position = self.calls.position
        self.document.set_filter(chosen)
        self.calls.cursor = 0
        self.calls.changed()
        if self.is_read:
            self.run_worker(self._refilter(position), group="filter", exclusive=True)

    async def _refilter(self, position: int | None) -> None:
        shown = 0.0
        touched = self._touched
        more = True
        while more:
            more = self.document.filter_on(self._slice())
            now = time.perf_counter()
            if not more or now - shown > SHOWN_EVERY:
                shown = now
                self.calls.changed()
                self._put_note()
            await self._breathe()
        if (
            position is not None
            and len(self.document)
            and (self.calls.cursor == 0 or touched == self._touched)
        ):
            self.calls.go(self.document.row(position), centre=True)
        else:
            self._put_detail()

    def _lift(self) -> None:
        bar = self.query_one("#filter", Input)
        self._lifted, bar.value = bar.value, ""
        position = self.calls.position
        self.document.set_filter(None)
        self.calls.changed()
        if position is not None:
            self.calls.cursor = position

    def action_toggle_filter(self) -> None:
        """Lifts the filter, or puts back the one that was lifted."""
        bar = self.query_one("#filter", Input)
        if self.document.filter is not None:
            self._lifted, bar.value = bar.value, ""
            self._apply("")
        elif self._lifted:
            bar.value = self._lifted
            self._apply(bar.value)

    def action_only_thread(self) -> None:
        """Shows the thread of this call only."""
        bar = self.query_one("#filter", Input)
        words = [word for word in bar.value.split() if not word.startswith("thread=")]
        bar.value = " ".join([*words, f"thread={self.lanes.tid}"])
        self._apply(bar.value)

    def action_only_process(self) -> None:
        """Shows the process of this call only."""
        position = self.calls.position
        if position is None:
            return
        bar = self.query_one("#filter", Input)
        words = [word for word in bar.value.split() if not word.startswith("pid=")]
        bar.value = " ".join([*words, f"pid={self.document.record(position).get('pid')}"])
        self._apply(bar.value)

    # Work in the background

    def _begin(self, name: str, steps: Iterator[float], done: Callable[[], None]) -> None:
        self._job = self.run_worker(self._work(name, steps, done), group="job", exclusive=True)

    async def _work(self, name: str, steps: Iterator[float], done: Callable[[], None]) -> None:
        shown = begin = time.perf_counter()
        until = begin + SLICE
        for part in steps:
            now = time.perf_counter()
            if now < until:
                continue
            if now - shown > SHOWN_EVERY:
                shown = now
                self._put_note(f"{name} {100 * part:.0f} % · Esc stops it", ACCENT)
            await self._breathe()
            until = time.perf_counter() + self._slice()
        done()

    # The rest

    def action_follow(self) -> None:
        """Begins or ends following the file."""
        self.is_following = not self.is_following
        self.document.index.follow = self.is_following
        if self.is_following:
            self.calls.action_move_to(-1)
            self.run_worker(self._read(), group="read", exclusive=True)
        self._put_head()

    def _handle_exception(self, error: Exception) -> None:
        """A mistake of ours ends the viewer as any other: the terminal is restored first, then `emu` says what it was."""
        if self.is_headless:  # a test wants to see it where it happened
            super()._handle_exception(error)
            return
        self.failure = self.failure or error
        self.exit(return_code=1)
