"""Work over very many records in small steps, so that the screen stays responsive: search, and all calls of one object."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from emu.viewer.detail import descriptors
from emu.viewer.document import Document
from emu.viewer.rows import call_words

STEP = 50
"""Records in one step: a millisecond or two."""


@dataclass(slots=True)
class Search:
    """Looks for text in the shown rows, from a row on, around the end and back to it; case counts if the text has capitals.

    `steps` yields how much is done (0 to 1); then `row` is where it was found, or None. `wrapped`: past the end.
    """

    document: Document
    text: str
    start: int
    backwards: bool = False
    row: int | None = None
    wrapped: bool = False

    def steps(self) -> Iterator[float]:
        """Goes on until something is found."""
        total = len(self.document)
        is_exact = self.text != self.text.lower()
        for number in range(total):
            row = (self.start + (-number - 1 if self.backwards else number + 1)) % total
            words = call_words(self.document.record(self.document.position(row)))
            if self.text in (words if is_exact else words.lower()):
                self.row = row
                self.wrapped = (row > self.start) == self.backwards and row != self.start
                return
            if not number % STEP:
                yield number / total


@dataclass(slots=True)
class Gather:
    """All records that are about one open file description, by its number: `positions` and `records`."""

    document: Document
    object: int
    positions: list[int] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)

    def steps(self) -> Iterator[float]:
        """Yields how much is done (0 to 1)."""
        total = len(self.document.index)
        for position, record in enumerate(self.document.index.records(0, total)):
            if "objects" in record and any(one.object == self.object for one in descriptors(record)):
                self.positions.append(position)
                self.records.append(record)
            if not position % (STEP * 8):
                yield position / total
