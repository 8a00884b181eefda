"""What connects the calls of a page: who woke whom, and the lives of open files."""

from typing import Any

from emu.trace.lives import Life, lives
from emu.trace.order import Order
from emu.viewer.html_spool import Spool


def stories(records: Spool) -> dict[str, Any]:
    """Edges and lives, for JSON."""
    order = Order(records)
    return {
        "edges": _edges(order),
        "origins": _origins(order, records),
        "lives": [_life(life) for life in lives(records)],
        "conversations": {},
    }


def _edges(order: Order) -> dict[str, list[Any]]:
    """As columns; the kinds as numbers of a list. `woke`: the source is what ended the target's wait."""
    kinds: dict[str, int] = {}
    columns: dict[str, list[Any]] = {"source": [], "target": [], "kind": [], "woke": []}
    for edge in order.edges():
        columns["source"].append(edge.source)
        columns["target"].append(edge.target)
        columns["kind"].append(kinds.setdefault(edge.kind, len(kinds)))
        columns["woke"].append(int(order.waker(edge.target) == edge.source))
    return {**columns, "kinds": list(kinds)}


def _origins(order: Order, records: Spool) -> dict[str, list[Any]]:
    """What ended the waits that no call of the guest ended, in words; as columns, each text once."""
    texts: dict[str, int] = {}
    columns: dict[str, list[Any]] = {"call": [], "text": []}
    for record in records:
        if record["event"] == "syscall" and record["blocked"] and order.waker(record["sequence"]) is None:
            words = order.origin(record)
            if words:
                columns["call"].append(record["sequence"])
                columns["text"].append(texts.setdefault(words, len(texts)))
    return {**columns, "texts": list(texts)}


def _life(life: Life) -> dict[str, Any]:
    return {
        "object": life.object,
        "kind": life.kind_text,
        "opened": life.opened,
        "closed": life.closed,
        "fds": sorted(life.fds),
        "calls": list(life.calls),
    }
