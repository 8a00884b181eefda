"""What connects the calls of a page: who woke whom, and the lives of open files."""

from typing import Any

from emu.trace.lives import Life, lives
from emu.trace.order import Order
from emu.viewer.html_spool import Spool


def stories(records: Spool) -> dict[str, Any]:
    """Edges and lives, for JSON."""
    return {
        "edges": _edges(Order(records)),
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


def _life(life: Life) -> dict[str, Any]:
    return {
        "object": life.object,
        "kind": life.kind_text,
        "opened": life.opened,
        "closed": life.closed,
        "fds": sorted(life.fds),
        "calls": list(life.calls),
    }
