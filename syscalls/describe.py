"""What a descriptor is, in words for a trace: `TCP 127.0.0.1:8080<-127.0.0.1:50312`, `eventfd`, `/tmp/log`; and which."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syscalls.fds import Descriptor
    from syscalls.process import Thread

DESCRIBERS: "dict[str, Callable[[Thread, Descriptor], str]]" = {}
"""How kinds of descriptor are described that are more than their path or kind; the families enter theirs here."""


class Shown:
    """What a trace says of a descriptor: its `text`, and the `number` of its open file description in this run.

    Both are None for a number that is not open.
    """

    __slots__ = ("number", "text")

    def __init__(self, text: str | None, number: int | None) -> None:
        self.text = text
        self.number = number


NOTHING = Shown(None, None)
"""Of a number that is not open."""


def describe(thread: "Thread", fd: int) -> Shown:
    """What is shown of a descriptor number. Kept at the descriptor until its `shown` is dropped."""
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return NOTHING
    return entry.shown or _show(thread, entry)


def describe_all(thread: "Thread", fds: Iterable[int]) -> tuple[Shown, ...]:
    """What is shown of several."""
    entries = thread.fds.entries
    found = []
    for fd in fds:
        entry = entries.get(fd)
        found.append(NOTHING if entry is None else entry.shown or _show(thread, entry))
    return tuple(found)


def _show(thread: "Thread", entry: "Descriptor") -> Shown:
    description = entry.description
    if not description.number:
        description.number = next(thread.fds.numbers)
    describer = DESCRIBERS.get(description.kind)
    text = describer(thread, entry) if describer is not None else description.path or description.kind
    shown = entry.shown = Shown(text, description.number)
    return shown
