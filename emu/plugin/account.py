"""What happened instead: the accounts that failing assertions give, for people to read."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emu.plugin.calls import PLAIN, TracedCall
from emu.plugin.descriptors import Descriptor
from emu.plugin.pattern import Pattern, Step
from emu.plugin.view import POLLS, Match, View, on
from emu.trace.read import line

SHOWN = 8
"""Lines of a kind that an account shows; it says how many more there are."""

_LONG_TEXT = re.compile(r'"((?:[^"\\]|\\.){40})(?:[^"\\]|\\.){4,}"(?:\.\.\.)?')
_MANY_ITEMS = re.compile(r"(\[(?:\{[^}]*\}, ){3})(?:\{[^}]*\}(?:, )?){3,}\]")


@dataclass(frozen=True)
class How:
    """What `expect` was asked for beside the pattern; `said` is how the trace was narrowed, in words."""

    same_fd: bool = False
    same_file: bool = False
    same_thread: bool = False
    exactly: bool = False
    within: float | None = None
    said: str = ""

    def words(self) -> str:
        """In words, each with a comma before it."""
        found = []
        if self.same_fd and not self.said.startswith("each "):
            found.append("on one descriptor")
        if self.same_file:
            found.append("on one open file")
        if self.same_thread:
            found.append("in one thread")
        if self.exactly:
            found.append("and nothing else")
        if self.within is not None:
            found.append(f"within {self.within:g} s")
        return "".join(f", {word}" for word in [*found, self.said] if word)


def shown(call: TracedCall) -> str:
    """A call as one line, long payloads cut."""
    text = line({**call.record, "blocked": 0}, PLAIN)  # an account says the same in every run
    text = _LONG_TEXT.sub(r'"\1"...', text)
    text = _MANY_ITEMS.sub(r"\1...]", text)
    return f"{text}  {call.place}".rstrip()


def lines(calls: Sequence[TracedCall], indent: str = "    ") -> list[str]:
    """Calls as lines, the first of them when there are many."""
    found = [f"{indent}{shown(call)}" for call in calls[:SHOWN]]
    if len(calls) > SHOWN:
        found.append(f"{indent}... and {len(calls) - SHOWN} more")
    return found


def of_expect(
    view: View, pattern: Pattern, how: How, attempts: Sequence[tuple[Descriptor | None, Match]]
) -> str:
    """Why a chain of steps was not found."""
    text = [f"expected {pattern.text}{how.words()}", ""]
    descriptor, match, also = _nearest(view, pattern, attempts)
    found = match.found
    if not found:
        return "\n".join([*text, *_not_even_begun(view, pattern.steps[0], how)])
    if len(found) == len(pattern.steps):
        return "\n".join([*text, *_too_slow_or_more(view, descriptor, match, pattern, how)])
    where = f" on descriptor {descriptor}" if descriptor is not None else ""
    others = f" ({also} other{'s' if also > 1 else ''} went as far)" if also else ""
    text.append(f"It went as far as step {len(found)} of {len(pattern.steps)}{where}{others}:")
    width = max(len(step.text) for step in pattern.steps)
    for at, step in enumerate(pattern.steps):
        what = shown(found[at]) if at < len(found) else "did not follow" if at == len(found) else ""
        mark = "+" if at < len(found) else "-"
        text.append(f"  {mark} {step.text:{width}}  {what}".rstrip())
    calls = on(view, descriptor) if descriptor is not None else view.calls
    text += _instead(view, calls, found[-1], pattern.steps[len(found)], descriptor, how)
    return "\n".join(text)


def _nearest(
    view: View, pattern: Pattern, attempts: Sequence[tuple[Descriptor | None, Match]]
) -> tuple[Descriptor | None, Match, int]:
    """The attempt that went furthest; of several, the one on the descriptor which saw most of the steps; how many equal it."""

    def closeness(attempt: tuple[Descriptor | None, Match]) -> tuple[int, int]:
        descriptor, match = attempt
        calls = on(view, descriptor) if descriptor is not None else view.calls
        return len(match.found), sum(any(step.matches(call) for call in calls) for step in pattern.steps)

    if not attempts:
        return None, Match((), False), 0
    ranks = [closeness(attempt) for attempt in attempts]
    best = max(ranks)
    return *attempts[ranks.index(best)], ranks.count(best) - 1


def _not_even_begun(view: View, step: Step, how: How) -> list[str]:
    """Nothing was found for the first step."""
    near = [call for call in view.calls if call.name in step.names]
    if near:
        if any(step.matches(call) for call in near):
            return ["Not even the first step is there with what was asked for. Elsewhere:", *lines(near)]
        return [f"There is no {step.text} {_wish(step)}, but:", *lines(near)]
    if not view.calls:
        return ["No system call has happened."]
    return [f"{_names(step)} was never called. The calls were:", f"    {_counted(view.calls)}"]


def _too_slow_or_more(
    view: View, descriptor: Descriptor | None, match: Match, pattern: Pattern, how: How
) -> list[str]:
    """All steps were found, but not as they should be."""
    found = match.found
    if how.exactly and descriptor is not None:
        calls = [call for call in on(view, descriptor) if call.succeeded and call.name not in POLLS]
        rest = calls[len(found) :]
        return [f"All of it happened on descriptor {descriptor}, and then:", *lines(rest)]
    took = found[-1].end - found[0].time
    return [f"All of it happened, but it took {took:.6f} s at least:", *lines(found)]


def _instead(
    view: View,
    calls: Sequence[TracedCall],
    last: TracedCall,
    missing: Step,
    descriptor: Descriptor | None,
    how: How,
) -> list[str]:
    """What came after the last step that was found, and where the missing one is, if it is anywhere."""
    text: list[str] = []
    where = f"on descriptor {descriptor.number}" if descriptor is not None else "in its thread"
    later = [
        call
        for call in calls
        if call.sequence > last.sequence and (descriptor is not None or call.tid == last.tid)
    ]
    text += ["", f"After that, {where}:" if later else f"Nothing more happened {where}.", *lines(later)]
    fitting = [call for call in view.calls if missing.matches(call)]
    here = [call for call in fitting if call in calls and call not in later]
    elsewhere = [call for call in fitting if call not in calls]
    failed = [
        call
        for call in view.calls
        if call.name in missing.names and call not in fitting and call not in later
    ]
    if here:
        text += ["", f"{missing.text} happened, but not certainly after that:", *lines(here)]
    if elsewhere:
        place = "on other descriptors" if how.same_fd or how.same_file else "elsewhere"
        text += ["", f"{missing.text} happened {place}:", *lines(elsewhere)]
    if failed and not fitting:
        text += ["", f"No {missing.text} {_wish(missing)}:", *lines(failed)]
    if not fitting and not failed and not any(call.name in missing.names for call in view.calls):
        text += ["", f"{_names(missing)} was never called."]
    return text


def of_never(
    view: View,
    step: Step,
    word: str,
    after: Step | None,
    before: Step | None,
    same_fd: bool,
    found: Sequence[tuple[Descriptor | None, TracedCall | None, TracedCall, TracedCall | None]],
    said: str,
) -> str:
    """What happened though it must not."""
    when = {
        "after": f" after {after.text if after else ''}",
        "before": f" before {before.text if before else ''}",
        "between": f" between {after.text if after else ''} and {before.text if before else ''}",
    }.get(word, "")
    fd = " on the same descriptor" if same_fd and word != "at all" else ""
    said = f", {said}" if said else ""
    times = {1: "once", 2: "twice"}.get(len(found), f"{len(found)} times")
    text = [f"expected never {step.text}{when}{fd}{said}", "", f"It happened {times}:"]
    for descriptor, start, call, end in found[:SHOWN]:
        if descriptor is not None:
            text.append(f"  on descriptor {descriptor}")
        text += [f"    {shown(one)}" for one in (start, call, end) if one is not None]
    if len(found) > SHOWN:
        text.append(f"  ... and {len(found) - SHOWN} more")
    return "\n".join(text)


def of_none(view: View, words: str) -> str:
    """There are no descriptors of the kind that is meant."""
    opened = [one for one in view.descriptors if one.opened is not None]
    text = [f"{words}: there is none. The guest opened:", *(f"    {one}" for one in opened[:SHOWN])]
    if len(opened) > SHOWN:
        text.append(f"    ... and {len(opened) - SHOWN} more")
    return "\n".join(text if opened else [f"{words}: there is none, the guest opened no descriptor"])


def of_open(descriptors: Sequence[Descriptor], words: str) -> str:
    """Which descriptors are open that should be closed."""
    count = len(descriptors)
    text = [f"expected {words} to be closed", "", f"{'One is' if count == 1 else f'{count} are'} open:"]
    return "\n".join([*text, *open_descriptors(descriptors)])


def open_descriptors(descriptors: Sequence[Descriptor]) -> list[str]:
    """Where descriptors were opened and used last."""
    text = []
    for descriptor in descriptors[:SHOWN]:
        text.append(f"  descriptor {descriptor}")
        if descriptor.opened is not None:
            text.append(f"    opened:    {shown(descriptor.opened)}")
        used = [call for call in descriptor.calls if call is not descriptor.opened]
        if used:
            text.append(f"    last used: {shown(used[-1])}")
    if len(descriptors) > SHOWN:
        text.append(f"  ... and {len(descriptors) - SHOWN} more")
    return text


def _wish(step: Step) -> str:
    """What a call of the right name did not fulfil."""
    alternatives = step.alternatives
    if any(one.conditions or one.outcome for one in alternatives):
        return "as in the pattern"
    return "that succeeded"


def _names(step: Step) -> str:
    found = sorted(step.names)
    return " or ".join(found) if len(found) <= 4 else step.text


def _counted(calls: Iterable[TracedCall]) -> str:
    counts = Counter(call.name for call in calls)
    return ", ".join(f"{name} x{count}" if count > 1 else name for name, count in counts.items())
