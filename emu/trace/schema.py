"""The written form of a trace: one header line, then one JSON object a line (docs/trace-format.md)."""

import errno
import json
from collections.abc import Iterable
from json.encoder import encode_basestring_ascii
from typing import Any

from emu.places import Locate, Nowhere, Place
from emu.version import VERSION as PRODUCT
from syscalls import numbers
from syscalls.process import Thread
from syscalls.table import Syscall

FORMAT = "emu trace"
VERSION = 1
"""Raised when a reader of the old form would misread the new one; new members do not count."""

ERRORS = {-number: name for number, name in errno.errorcode.items()} | {-errno.EOPNOTSUPP: "EOPNOTSUPP"}
"""errno(3) names by the negative result that carries them."""

EXITS = frozenset({numbers.exit, numbers.exit_group})
"""The calls that never return."""

_RESULTS = {result: f'{result}, "error": "{name}"' for result, name in ERRORS.items()}


def header(**run: Any) -> dict[str, Any]:
    """The first line's object; `run` says what ran (program, argv, pid, seed ...)."""
    return {"format": FORMAT, "version": VERSION, "emu": PRODUCT, **run}


class Formatter:
    """Turns records into lines. Places and threads are looked up once and kept as text."""

    def __init__(self, locate: Locate | None = None) -> None:
        self._locate = locate or Nowhere()
        self._chains: dict[int, str] = {}
        self._places: dict[int, str] = {}
        self._threads: dict[Thread, str] = {}
        self._templates: dict[Syscall, str] = {}

    def lines(self, records: Iterable[Any]) -> str:
        """The lines of records (tuples, see `syscalls.table.Record`) and events (dicts), each with its newline."""
        out: list[str] = []
        append = out.append
        places, threads, templates, results = self._places, self._threads, self._templates, _RESULTS
        for record in records:
            if type(record) is dict:
                append(json.dumps(record) + "\n")
                continue
            sequence, time, duration, blocked, thread, syscall, registers, result, pc, before, after, extra = record  # fmt: skip
            who = threads.get(thread) or self._thread(thread)
            place = places.get(pc) or self._place(pc)
            if result is not None:
                shown = results.get(result, result)
            else:  # an exit never returns; anything else was still going on when the run ended
                shown = "null" if syscall.number in EXITS else 'null, "unfinished": true'
            append(
                (templates.get(syscall) or self._template(syscall))
                % (sequence, time, duration, blocked, who, *registers,
                   syscall.json(registers, before, after), shown, place if extra is None else place + self._extra(pc, extra))
            )  # fmt: skip
        return "".join(out)

    def _thread(self, thread: Thread) -> str:
        text = self._threads[thread] = f'"pid": {thread.process.pid}, "tid": {thread.tid}'
        return text

    def _template(self, syscall: Syscall) -> str:
        """A line with places to fill in: formatting by `%` is the quickest that Python has."""
        text = (
            '{"event": "syscall", "sequence": %s, "time": %s, "duration": %s, "blocked": %s, %s, '
            f'"number": {syscall.number}, "name": "{syscall.name}", '
            '"registers": [%s, %s, %s, %s, %s, %s], %s, "result": %s, %s}\n'
        )
        if len(self._templates) < 1024:  # a guest chooses the numbers
            self._templates[syscall] = text
        return text

    def _place(self, pc: int) -> str:
        place = self._locate(pc)
        text = f'"pc": {pc}'
        if place.function:
            text += f', "function": {encode_basestring_ascii(place.function)}'
        if place.file:
            text += f', "file": {encode_basestring_ascii(place.file)}, "line": {place.line}'
        if len(self._places) < 65536:  # a guest can make any number of pcs
            self._places[pc] = text
        return text

    def _extra(self, pc: int, extra: dict[str, Any]) -> str:
        """The members that few records have."""
        text = ""
        if "woken_by" in extra:
            text = f', "woken_by": {extra["woken_by"]}'
        if "stack" in extra:
            # A return address belongs to the call before it.
            frames = [
                self._frames(pc, pc),
                *[self._frames(address, address - 1) for address in extra["stack"]],
            ]
            text += f', "stack": [{", ".join(frames)}]'
        return text

    def _frames(self, address: int, within: int) -> str:
        """The frames at an address, innermost first: more than one where functions were inlined."""
        text = self._chains.get(address)
        if text is None:
            text = ", ".join([_frame(address, place) for place in self._locate.chain(within) or [Place()]])
            if len(self._chains) < 65536:
                self._chains[address] = text
        return text

    def forget(self, thread: Thread) -> None:
        """Lets go of a thread that has ended."""
        self._threads.pop(thread, None)


def _frame(pc: int, place: Place) -> str:
    text = f'{{"pc": {pc}'
    if place.function:
        text += f', "function": {encode_basestring_ascii(place.function)}'
    if place.file:
        text += f', "file": {encode_basestring_ascii(place.file)}, "line": {place.line}'
    return text + "}"
