"""What a descriptor is, in words for a trace: `TCP 127.0.0.1:8080<-127.0.0.1:50312`, `eventfd`, `/tmp/log`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syscalls.fds import Descriptor
    from syscalls.process import Thread

DESCRIBERS: "dict[str, Callable[[Thread, Descriptor], str]]" = {}
"""How kinds of descriptor are described that are more than their path or kind; the families enter theirs here."""


def describe(thread: "Thread", fd: int) -> str | None:
    """The text for a descriptor number, None when it is not open. Cached until its `text` is dropped."""
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return None
    if entry.text is None:
        description = entry.description
        describer = DESCRIBERS.get(description.kind)
        if describer is not None:
            entry.text = describer(thread, entry)
        else:
            entry.text = description.path or description.kind
    return entry.text
