"""What `@pytest.mark.emu(...)` and the ini file say about the guests of a test."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from emu.plugin.pattern import NUMBERS, nearest

LEAKS = frozenset({"descriptors", "threads", "processes"})
NETS = ("loopback", "host", "none")


class WrongMark(ValueError):
    """A mark that cannot be understood: one line."""


@dataclass(frozen=True)
class Settings:
    """How the guests of a test run, and what does not fail it.

    `timeout` is in seconds of real time for each guest, `seed` and `net` are those of `emu.Machine`. `allow_leaks` holds kinds of
    leaks, `allow_unknown` names of system calls (None: all).
    """

    seed: int = 0
    timeout: float = 30.0
    net: str = "loopback"
    allow_leaks: frozenset[str] = frozenset()
    allow_faults: bool = False
    allow_unknown: frozenset[str] | None = field(default=frozenset())


NAMES = tuple(one.name for one in fields(Settings))


def settings(marks: Iterable[tuple[tuple[Any, ...], Mapping[str, Any]]], **defaults: Any) -> Settings:
    """The settings that marks give, the nearest first: arguments and keywords of each. Raises WrongMark."""
    values: dict[str, Any] = {}
    for arguments, keywords in marks:
        if arguments:
            raise WrongMark(f"it takes keywords only, such as seed=1, not {arguments[0]!r}")
        for name, value in keywords.items():
            if name not in NAMES:
                known = f"; it knows {', '.join(NAMES)}"
                raise WrongMark(f"it has no {name!r}{nearest(name, NAMES) or known}")
            values.setdefault(name, value)
    return Settings(**{name: _CHECKS[name](value) for name, value in {**defaults, **values}.items()})


def understood(marks: Any, **defaults: Any) -> tuple[Settings, str]:
    """As `settings`, with what is wrong as a text instead of an exception; empty when nothing is."""
    try:
        return settings(marks, **defaults), ""
    except WrongMark as error:
        return Settings(), str(error)


def _seed(value: Any) -> int:
    if type(value) is not int:
        raise WrongMark(f"seed is a whole number, not {value!r}")
    return value


def _timeout(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise WrongMark(f"timeout is a number of seconds above 0, not {value!r}")
    return float(value)


def _net(value: Any) -> str:
    if value not in NETS:
        raise WrongMark(f"net is one of {', '.join(NETS)}, not {value!r}")
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongMark(f"allow_faults is True or False, not {value!r}")
    return value


def _leaks(value: Any) -> frozenset[str]:
    if isinstance(value, bool):
        return LEAKS if value else frozenset()
    kinds = _words("allow_leaks", value)
    wrong = kinds - LEAKS
    if wrong:
        raise WrongMark(
            f'allow_leaks is True, False, "descriptors", "threads" or "processes", not {min(wrong)!r}'
        )
    return kinds


def _unknown(value: Any) -> frozenset[str] | None:
    if isinstance(value, bool):
        return None if value else frozenset()
    names = _words("allow_unknown", value)
    wrong = sorted(names - NUMBERS.keys())
    if wrong:
        raise WrongMark(f"allow_unknown: {wrong[0]!r} is not a system call{nearest(wrong[0], NUMBERS)}")
    return names


def _words(name: str, value: Any) -> frozenset[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple | set | frozenset) or not all(
        isinstance(one, str) for one in words
    ):
        raise WrongMark(f"{name} is True, False, a name or several, not {value!r}")
    return frozenset(words)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "seed": _seed,
    "timeout": _timeout,
    "net": _net,
    "allow_leaks": _leaks,
    "allow_faults": _flag,
    "allow_unknown": _unknown,
}
