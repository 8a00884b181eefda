"""What connects the calls of a page: who woke whom, the lives of open files, and the conversations on them."""

from typing import Any

from emu.viewer.html_spool import Spool


def stories(records: Spool) -> dict[str, Any]:
    """For JSON; `records` are the page's."""
    edges: dict[str, list[Any]] = {"source": [], "target": [], "kind": [], "woke": [], "kinds": ["wake"]}
    lives: dict[int, dict[str, Any]] = {}
    for record in records:
        if "woken_by" in record:
            edges["source"].append(record["woken_by"])
            edges["target"].append(record["sequence"])
            edges["kind"].append(0)
            edges["woke"].append(1)
        for name, number in (record.get("objects") or {}).items():
            if type(number) is int:
                life = lives.setdefault(
                    number,
                    {
                        "object": number,
                        "kind": record["fds"].get(name),
                        "opened": None,
                        "closed": None,
                        "fds": [],
                        "calls": [],
                    },
                )
                life["calls"].append(record["sequence"])
    return {"edges": edges, "lives": list(lives.values()), "conversations": {}}
