"""The fixture `emu`: starts the guests of a test, ends them, judges them, and keeps the traces of a test that failed."""

import contextlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from emu.elf import ElfError
from emu.plugin import verdict
from emu.plugin.golden import Golden
from emu.plugin.guest import Guest
from emu.plugin.pattern import nearest
from emu.plugin.programs import inline, program
from emu.plugin.settings import Settings, understood

OPTIONS = (
    "root",
    "writable",
    "memory_limit",
    "thread_limit",
    "process_limit",
    "descriptor_limit",
    "stacks",
    "payload_limit",
    "user",
)
"""The keywords of `emu.Machine` that a test may give."""

Argument = str | bytes | int | os.PathLike[str]


class Guests:
    """Starts guests. `settings` are those of the test's mark, `folder` is where the test file is."""

    def __init__(self, settings_: Settings, folder: Path, golden: Golden, failures: Path) -> None:
        self.settings = settings_
        self.guests: list[Guest] = []
        self.ends_with_test = True
        self._judged = False
        self._folder = folder
        self._golden = golden
        self._failures = failures
        shutil.rmtree(failures, ignore_errors=True)  # of the last time

    def load(
        self,
        program_: str | os.PathLike[str] | None = None,
        *arguments: Argument,
        source: str | None = None,
        stdin: bytes | str | None = b"",
        env: Mapping[str, str] | None = None,
        seed: int | None = None,
        timeout: float | None = None,
        net: str | None = None,
        **options: Any,
    ) -> Guest:
        """A guest that is ready to run: hook its calls, then `start` it.

        The program is an ELF's path (beside the test, or in the working directory), the name of a bundled program, a `.py` file
        with guest source, or `source`, guest source itself. `arguments` follow its name. `stdin` is what it can read (None: the
        test writes to `guest.stdin`). `seed`, `timeout` and `net` are the mark's unless given; `options` are those of
        `emu.Machine`: `root`, `writable`, `memory_limit`, `thread_limit`, `process_limit`, `descriptor_limit`, `stacks`, `payload_limit`.

        Raises FileNotFoundError, `emu.elf.ElfError`, `guest.compiler.CompileError`.
        """
        __tracebackhide__ = True
        words = [_word(one) for one in arguments]
        if source is not None:
            if program_ is not None:
                words.insert(0, _word(program_))
            elf: str | bytes = inline(source, self._folder)
            name = "guest"
        elif program_ is not None:
            elf, name = program(program_, self._folder)
        else:
            raise TypeError("name a program, or give the source of one: emu.start(source=...)")
        wrong = next((one for one in options if one not in OPTIONS), None)
        if wrong is not None:
            known = [*OPTIONS, "source", "stdin", "env", "seed", "timeout", "net"]
            raise TypeError(
                f"a guest has no option {wrong!r}{nearest(wrong, known) or ': it has ' + ', '.join(known)}"
            )
        given = {"seed": seed, "timeout": timeout, "net": net}
        own = {key: value for key, value in given.items() if value is not None}
        chosen, why = understood([((), own)])
        if why:
            raise ValueError(why)
        chosen = replace(self.settings, **{key: getattr(chosen, key) for key in own})
        try:
            guest = Guest(
                elf,
                name,
                words,
                chosen,
                stdin=stdin.encode() if isinstance(stdin, str) else stdin,
                golden=self._golden,
                env=env,
                **options,
            )
        except ElfError as error:
            raise error.with_traceback(
                None
            ) from None  # it says what the file is; where it was read says nothing
        self.guests.append(guest)
        return guest

    def start(
        self, program_: str | os.PathLike[str] | None = None, *arguments: Argument, **options: Any
    ) -> Guest:
        """A guest that runs in the background; see `load`."""
        __tracebackhide__ = True
        return self.load(program_, *arguments, **options).start()

    def run(
        self, program_: str | os.PathLike[str] | None = None, *arguments: Argument, **options: Any
    ) -> Guest:
        """A guest that has run to its end; see `load`. Look at its `exit_status`, `stdout`, `stderr` and `trace`."""
        __tracebackhide__ = True
        guest = self.start(program_, *arguments, **options)
        guest.wait()
        return guest

    def judge(self) -> str:
        """Ends all guests; what they did that the test did not allow, "" for nothing. Raises what ended one, a hook's error for example."""
        __tracebackhide__ = True
        if self._judged:
            return ""
        self._judged = True
        errors: list[Exception] = []
        complaints: list[str] = []
        for guest in self.guests:
            try:
                guest.finish()
                guest.trace.check_unfinished()
                complaints += verdict.complaints(guest)
            except Exception as error:
                errors.append(error)
        raised = next((one for one in errors if not isinstance(one, AssertionError)), None)
        if raised is not None:
            raise raised
        return "\n\n".join([*map(str, errors), *complaints])

    def end_quietly(self) -> None:
        """Ends all guests of a test that has failed already; nothing further is to be said."""
        for guest in self.guests:
            with contextlib.suppress(Exception):
                guest.finish()

    def close(self) -> None:
        """Frees everything."""
        for guest in self.guests:
            guest.close()

    def updated(self) -> list[Path]:
        """The golden traces that the test has rewritten."""
        return list(self._golden.updated)

    def report(self, base: Path, told: str = "") -> str:
        """Keeps the traces of a test that has failed, and says where; paths are shown from `base`.

        `told` is what the failure itself says: it is not said twice.
        """
        parts = []
        for number, guest in enumerate(self.guests, 1):
            text = verdict.about(guest, told)
            path = self._path(number, guest)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                (self._failures.parent / ".gitignore").write_text("*\n")
                guest.save_trace(path)
            except OSError as error:
                text += f"\nits trace could not be written: {error}"
            else:
                text += f"\nlook at its trace: emu view {os.path.relpath(path, base)}"
            parts.append(text)
        return "\n\n".join(parts)

    def save_again(self) -> None:
        """Traces that were kept while their guests still ran: to their end."""
        for number, guest in enumerate(self.guests, 1):
            path = self._path(number, guest)
            if path.exists():
                with contextlib.suppress(OSError):  # that was said the first time
                    guest.save_trace(path)

    def _path(self, number: int, guest: Guest) -> Path:
        return self._failures / f"{number}-{guest.name}.jsonl"


def folder_name(node: str) -> str:
    """A folder's name for a test: its id, with what no shell likes left out."""
    return re.sub(r"[^\w.=-]+", "-", node).strip("-")[-150:]


def _word(argument: Argument) -> str | bytes:
    if isinstance(argument, bytes):
        return argument
    return os.fspath(argument) if isinstance(argument, os.PathLike) else str(argument)
