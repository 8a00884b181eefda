"""Golden traces: what a guest did, in a text that people review and every later run is compared with."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emu.plugin.calls import TracedCall
from emu.plugin.view import View, on
from emu.trace.alias import Masker
from emu.trace.call_text import BYTE_MEMBERS
from syscalls.text import quote

NOISE = frozenset(
    {"poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"}
    | {"futex", "sched_yield", "clock_gettime", "gettimeofday", "time", "times", "getrusage"}
)
"""Calls whose number depends on when things happen, not on what the program is asked to do."""

NOISE_ERRORS = frozenset({"EAGAIN", "EINTR"})

_NAME = re.compile(r"[\w.-]+")
_STANDARD = {0: "stdin", 1: "stdout", 2: "stderr"}


class Golden:
    """The golden traces in one folder; `update` rewrites them instead of comparing, and lists in `updated` what has changed."""

    def __init__(self, folder: Path, *, update: bool) -> None:
        self._folder = folder
        self._update = update
        self.updated: list[Path] = []

    def check(self, view: View, name: str, *, by: str = "thread", noise: bool = False) -> None:
        """Compares with the file `NAME.txt`. Raises AssertionError with a unified diff, ValueError for a name that is no file's."""
        __tracebackhide__ = True
        if by not in ("thread", "fd"):
            raise ValueError(f'a golden trace is by="thread" or by="fd", not by={by!r}')
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a golden trace: use letters, digits, - _ and .")
        path = self._folder / f"{name}.txt"
        actual = text_of(view, by=by, noise=noise)
        golden = path.read_text(encoding="utf-8") if path.exists() else None
        if golden == actual:
            return
        if self._update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual, encoding="utf-8")
            self.updated.append(path)
            return
        shown = path.relative_to(self._folder.parent)
        if golden is None:
            raise AssertionError(
                f"there is no golden trace {shown} yet.\nWrite it with pytest --emu-update, read it, and commit it."
            )
        diff = difflib.unified_diff(
            golden.splitlines(), actual.splitlines(), str(shown), "this run", lineterm="", n=3
        )
        raise AssertionError(
            "\n".join(
                [
                    f"the trace is not as in {shown}:",
                    "",
                    *diff,
                    "",
                    "If the new calls are right: pytest --emu-update",
                ]
            )
        )


def text_of(view: View, *, by: str = "thread", noise: bool = False) -> str:
    """The golden text of a trace: a part for each thread, or `by="fd"` for each descriptor that the guest opened.

    Threads and descriptors that did the same stand there once. What differs from run to run is named by its declared type
    (`emu.trace.alias`). Without `noise`, calls that only wait or look whether there is something to do are left out.
    """
    if by == "thread":
        main = view.first_pid or min((call.tid for call in view.all_calls), default=0)
        tids = dict.fromkeys([main, *(call.tid for call in view.all_calls)])
        groups = [[call for call in view.calls if call.tid == tid] for tid in tids]
        leaders = {call.pid for call in view.all_calls}
        titles = ["main", *("process" if tid in leaders else "thread" for tid in list(tids)[1:])]
    else:
        kept = {call.sequence for call in view.calls}
        opened = [one for one in view.descriptors if one.opened is not None and one.opened.sequence in kept]
        groups = [on(view, one) for one in opened]
        titles = [_kind(one.text) for one in opened]
    if not noise:
        eventfds = {one for one in view.descriptors if one.text == "eventfd"}
        groups = [
            [
                call
                for call in group
                if not _is_noise(call)
                and not (set(view.descriptors.of(call)) & eventfds and call.name in ("read", "write"))
            ]
            for group in groups
        ]
    # Names follow from the order in which calls are looked at: it must not depend on who was quicker. So each group is
    # looked at alone first, and then all in the order of what they look like.
    alone = [tuple(_lines(view, group, Masker())) for group in groups]
    order = sorted(
        range(len(groups)), key=lambda at: (by == "thread" and at > 0, alone[at] if at or by == "fd" else ())
    )
    masker = Masker()
    what = {"thread": "thread by thread", "fd": "descriptor by descriptor"}[by]
    out = [f"# What the guest did, {what}. A golden trace of emu: pytest --emu-update rewrites it."]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for at in order:
        key = (titles[at], alone[at])
        if key in seen or not groups[at]:
            continue
        seen.add(key)
        alike = sum((titles[other], alone[other]) == key for other in order)
        out += ["", f"[{titles[at]}{f', {alike} alike' if alike > 1 else ''}]"]
        out += _lines(view, groups[at], masker)
    out += _end(view)
    return "\n".join(out) + "\n"


def _is_noise(call: TracedCall) -> bool:
    return call.name in NOISE or call.error in NOISE_ERRORS or call.unfinished


def _kind(text: str) -> str:
    if not text.startswith(("TCP", "UDP", "UNIX")):
        return text or "descriptor"
    return (
        f"{text.split(' ')[0]} connection" if "<-" in text or "->" in text else f"{text.split(' ')[0]} socket"
    )


def _end(view: View) -> list[str]:
    """How the guest ended, where that was its own doing."""
    if view.end is not None and view.end["code"] is not None:
        return ["", f"exited with {view.end['code']}"]
    return []


def _lines(view: View, calls: Sequence[TracedCall], masker: Masker) -> list[str]:
    return [_line(view, call, masker.mask(call.record)) for call in calls]


def _line(view: View, call: TracedCall, masked: dict[str, Any]) -> str:
    """A call as in strace, from its masked form."""
    given = {one.number for one in view.descriptors.of(call) if one.opened is None}
    args = []
    for name, value in masked["args"].items():
        original = call.record["args"].get(name)
        if name in (call.record.get("fds") or {}) and isinstance(original, int) and original in given:
            value = _STANDARD.get(original, value)
        arg = call.entry.args.get(name)
        if arg is not None and arg.holds_strings and isinstance(value, list):
            args.append(f"[{', '.join(_text(item, isinstance(item, str)) for item in value)}]")
            continue
        text = _text(value, arg is not None and arg.holds_bytes and isinstance(original, str | dict))
        if text:
            args.append(arg.label + text if arg is not None else text)
    if call.error:
        result = f"-1 {call.error}"
    elif call.unfinished:
        result = "unfinished"
    else:
        result = "?" if masked["result"] is None else str(masked["result"])
    described = (masked.get("fds") or {}).get("result")
    return f"{call.name}({', '.join(args)}) = {result}" + (f"<{described}>" if described else "")


def _text(value: Any, is_bytes: bool) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return quote(value.encode("latin-1", "replace")) if is_bytes else value
    if isinstance(value, list):
        return f"[{', '.join(_text(item, False) for item in value)}]"
    if isinstance(value, dict):
        if value.keys() == {"bytes", "size"}:
            return f"{_text(value['bytes'], True)}... ({value['size']} bytes)"
        return (
            "{" + ", ".join(f"{key}={_text(item, key in BYTE_MEMBERS)}" for key, item in value.items()) + "}"
        )
    return str(value)
