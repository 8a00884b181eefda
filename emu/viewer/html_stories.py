"""What connects the calls of a page: who woke whom, and the lives of open files."""

from typing import Any

from emu.trace.order import Order
from emu.viewer.html_spool import Spool


def stories(records: Spool) -> dict[str, Any]:
    """Edges and lives, for JSON."""
    return {"edges": _edges(Order(records)), "lives": _lives(records), "conversations": {}}


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


def _lives(records: Spool) -> list[dict[str, Any]]:
    lives: dict[int, dict[str, Any]] = {}
    for record in records:
        for name, number in (record.get("objects") or {}).items():
            if type(number) is int:
                new = {
                    "object": number,
                    "kind": record["fds"].get(name),
                    "opened": None,
                    "closed": None,
                    "fds": [],
                    "calls": [],
                }
                lives.setdefault(number, new)["calls"].append(record["sequence"])
    return list(lives.values())
