"""Patterns of system calls: `accept4 -> recvfrom|read -> sendto(buf="HTTP/1.1 200*") -> close`, parsed with good errors."""

import difflib
import errno
import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from emu.plugin.calls import TracedCall
from emu.trace.filter_words import CLASSES, members
from syscalls import numbers
from syscalls.table import lookup

NUMBERS = {name: number for number, name in numbers.NAMES.items()}

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<arrow>->)|(?P<gap>\.\.\.)|(?P<mark>[|(),])|(?P<operator>!=|>=|<=|=|<|>|~)
      |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>-?(?:0[xX][0-9a-fA-F]+|\d+)(?![\w*.]))|(?P<word>[\w*?%/.]+)
    )""",
    re.VERBOSE,
)


_MISTAKEN = {
    "==": "write `=` for `==`",
    "=>": "write `->` between two calls, `>=` between numbers",
    "=~": "write `~` for `=~`",
}


class PatternError(ValueError):
    """A pattern that cannot be read: the message shows where, and what to write instead."""

    def __init__(self, pattern: str, at: int, why: str) -> None:
        super().__init__(f"{why}\n  {pattern}\n  {' ' * at}^")


@dataclass(frozen=True)
class Condition:
    """One condition on a call, as `text` in the pattern."""

    text: str
    test: Callable[[TracedCall], bool]


@dataclass(frozen=True)
class Alternative:
    """A call by name with its conditions. `outcome` is None for "it succeeded", where the caller does not say otherwise."""

    text: str
    names: frozenset[str]
    conditions: tuple[Condition, ...]
    outcome: Condition | None

    def matches(self, call: TracedCall, attempts: bool) -> bool:
        """Whether the call is one of these; with `attempts` also when it failed or never returned."""
        if call.name not in self.names:
            return False
        if self.outcome is None:
            if not (attempts or call.succeeded):
                return False
        elif not self.outcome.test(call):
            return False
        return all(condition.test(call) for condition in self.conditions)


@dataclass(frozen=True)
class Step:
    """One step: any of its alternatives. `gap` says that `...` stood before it."""

    text: str
    alternatives: tuple[Alternative, ...]
    gap: bool = False

    def matches(self, call: TracedCall, attempts: bool = False) -> bool:
        """Whether the call is such a step."""
        return any(alternative.matches(call, attempts) for alternative in self.alternatives)

    @property
    def names(self) -> frozenset[str]:
        """The calls that it can be at all."""
        return frozenset[str]().union(*(alternative.names for alternative in self.alternatives))


@dataclass(frozen=True)
class Pattern:
    """Steps in order. `open_end` says that `...` stood behind the last."""

    text: str
    steps: tuple[Step, ...]
    open_end: bool = False


def parse(text: str) -> Pattern:
    """A pattern of one or more steps. Raises PatternError."""
    __tracebackhide__ = True
    try:
        return _Parser(text).pattern()
    except PatternError as error:
        raise error.with_traceback(
            None
        ) from None  # it shows the place in the pattern; the parser's own says nothing


def parse_step(text: str) -> Step:
    """A pattern of exactly one step. Raises PatternError."""
    __tracebackhide__ = True
    pattern = parse(text)
    if len(pattern.steps) != 1:
        raise PatternError(
            text, text.find("->") if "->" in text else 0, "one call is meant here, not several steps"
        )
    return pattern.steps[0]


def nearest(name: str, known: Iterable[str]) -> str:
    """`: did you mean 'sendto'?`, or nothing when no name is near."""
    found = difflib.get_close_matches(name, list(known), 1)
    return f": did you mean {found[0]!r}?" if found else ""


class _Parser:
    """Recursive descent over the tokens; one parser a pattern."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                start = at + len(text[at:]) - len(text[at:].lstrip())
                why = (
                    "a quote that does not end"
                    if text[start] in "\"'"
                    else f"{text[start]!r} means nothing here"
                )
                raise PatternError(text, start, why)
            kind = match.lastgroup
            value = match[kind][1:-1] if kind == "text" else match[kind]
            self.tokens.append((kind, value, match.start(kind)))
            at = match.end()
        self.tokens.append(("end", "", len(text)))
        self.at = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def value(self) -> str:
        return self.tokens[self.at][1]

    @property
    def where(self) -> int:
        return self.tokens[self.at][2]

    def take(self) -> str:
        value = self.value
        self.at += 1
        return value

    def fail(self, why: str, at: int | None = None) -> PatternError:
        return PatternError(self.text, self.where if at is None else at, why)

    def pattern(self) -> Pattern:
        steps: list[Step] = []
        gap = False
        while True:
            if self.kind == "gap":
                self.take()
                gap = True
            else:
                steps.append(self.step(gap))
                gap = False
            if self.kind == "end":
                break
            if self.kind != "arrow":
                raise self.fail("`->` or the end of the pattern is missing here")
            self.take()
        if not steps:
            raise self.fail("the pattern names no call", 0)
        return Pattern(self.text.strip(), tuple(steps), gap)

    def step(self, gap: bool) -> Step:
        start = self.where
        alternatives = [self.alternative()]
        while self.value == "|" and self.kind == "mark":
            self.take()
            alternatives.append(self.alternative())
        return Step(self.text[start : self.where].strip(), tuple(alternatives), gap)

    def alternative(self) -> Alternative:
        start = self.where
        if self.kind != "word":
            raise self.fail("the name of a system call is missing here")
        names = self.names(self.take(), start)
        conditions: list[Condition] = []
        if self.value == "(" and self.kind == "mark":
            self.take()
            while self.value != ")":
                conditions.append(self.condition(names))
                if self.value == ",":
                    self.take()
                elif self.value != ")":
                    raise self.fail("`,` or `)` is missing here")
            self.take()
        outcome = self.outcome() if self.kind == "operator" else None
        return Alternative(self.text[start : self.where].strip(), names, tuple(conditions), outcome)

    def names(self, word: str, at: int) -> frozenset[str]:
        if word.startswith("%"):
            if word[1:] not in CLASSES:
                known = [f"%{name}" for name in CLASSES]
                raise self.fail(f"{word!r} is not a class of system calls{nearest(word, known)}", at)
            return frozenset(numbers.NAMES[number] for number in members(word[1:]).numbers)
        if "*" in word:
            found = frozenset(fnmatch.filter(NUMBERS, word))
            if not found:
                raise self.fail(f"no system call is named like {word!r}", at)
            return found
        if word not in NUMBERS:
            raise self.fail(f"{word!r} is not a system call{nearest(word, NUMBERS)}", at)
        return frozenset({word})

    def condition(self, names: frozenset[str]) -> Condition:
        start = self.where
        if self.kind != "word":
            raise self.fail("the name of an argument is missing here")
        name = self.take()
        known = {arg for call in names for arg in lookup(NUMBERS[call]).args}
        if name not in known:
            call = next(iter(names)) if len(names) == 1 else "none of them"
            has = f": it has {', '.join(lookup(NUMBERS[call]).args)}" if len(names) == 1 else ""
            raise self.fail(f"{call} has no argument {name!r}{nearest(name, known) or has}", start)
        operator = self.operator()
        test = self.operand(operator)
        return Condition(
            self.text[start : self.where].strip(),
            lambda call: name in call.record["args"] and test(call.args[name]),
        )

    def outcome(self) -> Condition:
        start = self.where
        operator = self.operator()
        if self.kind == "word":
            test = self.named_outcome(self.value)
            if operator not in ("=", "!="):
                raise self.fail(f"write `= {self.value}` or `!= {self.value}`", start)
            self.take()
        else:
            compare = self.operand(operator)
            operator = "="

            def test(call: TracedCall) -> bool:
                return call.result is not None and compare(call.result)

        text = self.text[start : self.where].strip()
        if operator == "=":
            return Condition(text, test)
        return Condition(text, lambda call: not call.unfinished and not test(call))

    def named_outcome(self, word: str) -> Callable[[TracedCall], bool]:
        if word == "?":
            return lambda call: call.unfinished
        if word == "*":
            return lambda call: True
        number = getattr(errno, word, None)
        if number is None:
            raise self.fail(
                f"{word!r} is neither a number nor an errno{nearest(word, errno.errorcode.values())}"
            )
        return lambda call: call.result == -number

    def operator(self) -> str:
        if self.kind != "operator":
            raise self.fail("`=` is missing here")
        return self.take()

    def operand(self, operator: str) -> Callable[[Any], bool]:
        kind = self.kind
        if kind == "number":
            number = int(self.take(), 0)
            return lambda value: type(value) is int and _compare(value, operator, number)
        if kind not in ("text", "word"):
            written = f"{operator}{self.value}"
            if written in _MISTAKEN and self.where == self.tokens[self.at - 1][2] + 1:
                raise self.fail(_MISTAKEN[written], self.where - 1)
            raise self.fail('a number, a name or a "text" is missing here')
        if operator not in ("=", "!=", "~"):
            raise self.fail(f"`{operator}` compares numbers")
        wanted = self.take()
        like = _like(wanted if kind == "word" else _unescaped(wanted), operator == "~")
        return (lambda value: not like(value)) if operator == "!=" else like


def _compare(value: int, operator: str, number: int) -> bool:
    match operator:
        case "=":
            return value == number
        case "!=":
            return value != number
        case "<":
            return value < number
        case ">":
            return value > number
        case "<=":
            return value <= number
        case _:
            return value >= number


def _unescaped(text: str) -> str:
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape")


def _like(wanted: str, anywhere: bool) -> Callable[[Any], bool]:
    """Compares with a text in which `*` stands for anything; names among flags count as the whole."""
    words = ".*".join(map(re.escape, (f"*{wanted}*" if anywhere else wanted).split("*")))
    expression = re.compile(rf"{words}\Z", re.DOTALL)

    def test(value: Any) -> bool:
        if isinstance(value, bytes):
            return expression.match(value.decode("latin-1")) is not None
        if isinstance(value, str):
            return any(expression.match(word) for word in (value, *value.split("|")))
        if value is None:
            return wanted == "NULL"
        if isinstance(value, dict):
            return any(map(test, value.values()))
        if isinstance(value, list):
            return any(map(test, value))
        return expression.match(str(value)) is not None

    return test
