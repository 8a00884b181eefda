"""Interim."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Edge(NamedTuple):
    source: int
    target: int
    kind: str


class Order:
    def __init__(self, records: Iterable[dict[str, Any]]) -> None:
        self._edges = [
            Edge(record["woken_by"], record["sequence"], "wake")
            for record in records
            if type(record.get("woken_by")) is int and record["event"] == "syscall"
        ]

    def edges(self) -> Iterator[Edge]:
        yield from self._edges
