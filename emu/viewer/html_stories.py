"""What connects the calls of a page: who woke whom, the lives of open files, and the conversations on them."""

from itertools import islice
from typing import Any

from emu.trace.conversation import Message, conversation
from emu.trace.lives import Life, lives
from emu.trace.order import Order
from emu.viewer.html_spool import Spool

TALKS = 2000
"""Open files whose conversation a page has, at most: the first ones."""

MESSAGES = 200
"""Messages of one conversation, at most."""

BYTES = 4096
"""Bytes of a message, and characters of its text."""

CONNECTIONS = ("TCP", "UNIX", "UDP", "IP", "pipe")
"""How the descriptions of open files begin that have a conversation."""

BUDGET = 16 << 20
"""Bytes of all conversations together."""


def stories(records: Spool) -> dict[str, Any]:
    """Edges, what else ended waits, lives and conversations, for JSON."""
    order = Order(records)
    told = [_life(life) for life in lives(records)]
    return {
        "edges": _edges(order),
        "origins": _origins(order, records),
        "lives": told,
        "conversations": _talks(records, told),
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


def _talks(records: Spool, told: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """By open file, the first of its messages, while there is room."""
    talks: dict[str, list[dict[str, Any]]] = {}
    room = BUDGET
    for life in told:
        if not str(life["kind"]).startswith(CONNECTIONS):
            continue
        messages = [
            _message(message)
            for message in islice(conversation(records.about(life["object"]), life["object"]), MESSAGES)
        ]
        room -= sum(len(message["data"]) + len(message["detail"]) + 100 for message in messages)
        if room < 0 or len(talks) >= TALKS:
            break
        if messages:
            talks[str(life["object"])] = messages
    return talks


def _message(message: Message) -> dict[str, Any]:
    data = message.data.decode("latin-1")
    return {
        "sequence": message.sequence,
        "time": message.time,
        "incoming": message.incoming,
        "kind": message.kind,
        "summary": message.summary,
        "detail": message.detail[:BYTES],
        "data": data[:BYTES],
        "truncated": message.truncated or len(data) > BYTES,
    }
