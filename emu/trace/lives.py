"""The lives of open files: from the call that opened one to the last close, and which descriptor numbers it had when."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from emu.trace.holdings import Holding, Holdings, made_by, shown_in

__all__ = ["Holding", "Life", "descriptors", "leaks", "lives"]


@dataclass(slots=True)
class Life:
    """An open file description (open(2)), duplicates included.

    `kind_text` is what it was last shown as. `opened` is the call that made it (None: it was there before), `closed`
    the one that closed its last descriptor (None: it was open at the end); what is on its way in a message
    (SCM_RIGHTS) may come back to life after that. `fds` are the numbers that it had, `calls` the calls on it, by
    sequence numbers in file order, `holdings` its numbers with their times.
    """

    object: int
    kind_text: str
    opened: int | None = None
    closed: int | None = None
    fds: set[int] = field(default_factory=set)
    calls: list[int] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)


def lives(records: Iterable[dict[str, Any]]) -> list[Life]:
    """The life of each open file that the records tell of, by the numbers of `objects`.

    Only a trace with `objects` tells; one with some calls left out may tell of closes too late, or not at all: a number that
    turns up on another object was closed, but not by a call that is there.
    """
    table = _Lives()
    for record in records:
        if record["event"] == "syscall":
            table.call(record)
        else:
            table.event(record)
    return [table.lives[object] for object in sorted(table.lives)]


def descriptors(found: Iterable[Life]) -> list[Holding]:
    """Every descriptor number by number, and in the order in which it was used."""
    holdings = [holding for life in found for holding in life.holdings]
    return sorted(holdings, key=lambda one: (one.pid, one.fd, -1 if one.opened is None else one.opened))


def leaks(found: Iterable[Life]) -> list[Life]:
    """The lives that the guest began and that still had a number at the end, of the run or of the process that had opened them."""
    return [
        life
        for life in found
        if life.opened is not None
        and any(
            (one.closed is None and not one.implicit) or (one.left and not one.inherited)
            for one in life.holdings
        )
    ]


class _Lives(Holdings):
    """The descriptor tables, and the open files behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.lives: dict[int, Life] = {}
        self._held: dict[int, int] = {}  # by object: how many descriptors

    def call(self, record: dict[str, Any]) -> None:
        """Takes a system call."""
        objects = record.get("objects") or {}
        made = list(made_by(record, objects))
        for _, _, object, text in (*shown_in(record, objects), *made):
            self._life(object, text, record["sequence"])
        super().call(record)

    def _life(self, object: int, text: str | None, sequence: int | None) -> Life:
        life = self.lives.get(object)
        if life is None:
            life = self.lives[object] = Life(object, text or "")
        elif text and text != life.kind_text:
            life.kind_text = text
        if sequence is not None and (not life.calls or life.calls[-1] != sequence):
            life.calls.append(sequence)
        return life

    def began(self, holding: Holding, call: dict[str, Any] | None) -> None:
        """See `Holdings.began`."""
        life = self._life(holding.object, None, None)
        if call is not None and not life.holdings and life.opened is None and len(life.calls) == 1:
            life.opened = call["sequence"]
        self._held[life.object] = self._held.get(life.object, 0) + 1
        life.holdings.append(holding)
        life.fds.add(holding.fd)
        life.closed = None

    def ended(self, holding: Holding, call: dict[str, Any] | None) -> None:
        """See `Holdings.ended`."""
        left = self._held[holding.object] = self._held[holding.object] - 1
        life = self.lives[holding.object]
        if not left:
            life.closed = holding.closed
            del self._held[holding.object]
        if holding.closed is not None and call is not None and life.calls[-1:] != [holding.closed]:
            life.calls.append(holding.closed)
