"""The life of an open file and the conversation on a connection as lines of painted text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emu.trace.conversation import conversation
from emu.trace.layout import safe
from emu.trace.lives import lives
from emu.viewer.lines import Line
from emu.viewer.theme import ACCENT, DIM, FAINT, GOOD, TEXT, WAIT
from emu.viewer.words import plural

LONGEST = 40
"""Lines of one message that are shown."""


def life_words(records: Sequence[dict[str, Any]], number: int) -> list[str]:
    """Of an object's calls: where it was opened and closed, under which descriptors, and what it was used for."""
    by_sequence = {record["sequence"]: record for record in records}
    found = next((life for life in lives(records) if life.object == number), None)
    if found is None:
        return ["nothing is known of it"]

    def place(sequence: int | None, otherwise: str) -> str:
        record = by_sequence.get(sequence) if sequence is not None else None
        if record is None:
            return otherwise
        where = f" in {record['function']}" if record.get("function") else ""
        return safe(
            f"{record['time'] / 1e9:.6f} s by {record['name']} of {record['tid']}{where}  #{sequence}"
        )

    bytes_in = sum(_moved(record, _RECEIVING) for record in records)
    bytes_out = sum(_moved(record, _SENDING) for record in records)
    words = [
        f"opened  {place(found.opened, 'before the first call of the trace')}",
        f"closed  {place(found.closed, 'never')}",
        f"known as {', '.join(map(str, sorted(found.fds))) or '?'} · {plural(len(records), 'call')}",
    ]
    if bytes_in or bytes_out:
        words[-1] += f" · {plural(bytes_in, 'byte')} in, {plural(bytes_out, 'byte')} out"
    return words


def talk(records: Sequence[Mapping[str, Any]], number: int) -> list[Line]:
    """The messages on a connection: what came in and what went out, decoded where it is HTTP or WebSocket."""
    found = [line for message in conversation(records, number) for line in _message(message)]
    return found or [Line([("nothing was received or sent", DIM)], None)]


def _message(message: Any) -> Iterator[Line]:
    arrow, look = ("←", GOOD) if message.incoming else ("→", ACCENT)
    more = "  (the rest was not kept: record with -s)" if message.truncated else ""
    yield Line(
        [
            (f"{message.time / 1e9:>11.6f}  ", DIM),
            (f"{arrow} ", look),
            (f"{message.kind:<10} ", DIM),
            (safe(message.summary), f"bold {look}"),
            (more, WAIT),
        ],
        message.sequence,
    )
    lines = str(message.detail or "").splitlines()
    for line in lines[:LONGEST]:
        yield Line([(" " * 15, ""), ("│ ", FAINT), (safe(line), TEXT)], message.sequence)
    if len(lines) > LONGEST:
        yield Line(
            [(" " * 15, ""), ("│ ", FAINT), (f"and {len(lines) - LONGEST:,} more lines", DIM)],
            message.sequence,
        )
    yield Line([], message.sequence)


_RECEIVING = frozenset({"read", "readv", "pread64", "preadv", "preadv2", "recvfrom", "recvmsg"})
_SENDING = frozenset({"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg"})


def _moved(record: Mapping[str, Any], names: frozenset[str]) -> int:
    result = record.get("result")
    return result if record["name"] in names and type(result) is int and result > 0 else 0
