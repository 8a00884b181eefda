"""The words of filters: names and classes of system calls as strace has them, ranges, and what is nearest to a wrong word."""

import difflib
import errno
import re
from collections.abc import Callable, Iterable

import syscalls.calls  # noqa: F401  fills the table
from syscalls import numbers
from syscalls.args import CString, FdNumber
from syscalls.table import TABLE, Syscall


class FilterError(ValueError):
    """A filter that cannot be understood: one or two lines, with the word that was probably meant."""


class Calls:
    """A set of system call numbers, or all but some: the numbers that no call has are in the latter."""

    __slots__ = ("inverted", "numbers")

    def __init__(self, numbers: Iterable[int] = (), inverted: bool = False) -> None:
        self.numbers = frozenset(numbers)
        self.inverted = inverted

    def __contains__(self, number: object) -> bool:
        return (number in self.numbers) is not self.inverted

    def __invert__(self) -> "Calls":
        return Calls(self.numbers, not self.inverted)

    def __or__(self, other: "Calls") -> "Calls":
        if self.inverted:
            kept = self.numbers & other.numbers if other.inverted else self.numbers - other.numbers
            return Calls(kept, True)
        return other | self if other.inverted else Calls(self.numbers | other.numbers)

    def __sub__(self, other: "Calls") -> "Calls":
        return ~(~self | other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calls) and self.numbers == other.numbers and self.inverted == other.inverted

    __hash__ = None  # type: ignore[assignment]


ALL = Calls((), True)
NONE = Calls()

ALIASES = {
    "fstatat": "newfstatat",
    "fstatat64": "newfstatat",
    "pread": "pread64",
    "pwrite": "pwrite64",
    "prlimit": "prlimit64",
    "sigaction": "rt_sigaction",
    "sigprocmask": "rt_sigprocmask",
    "sigreturn": "rt_sigreturn",
    "sigpending": "rt_sigpending",
    "sigsuspend": "rt_sigsuspend",
    "sigtimedwait": "rt_sigtimedwait",
    "umount": "umount2",
    "_exit": "exit",
    "send": "sendto",
    "recv": "recvfrom",
}
"""The C library's names for calls that x86_64 has under another name (syscalls(2))."""

_FILE_STATUS = {
    "stat": ("stat",),
    "lstat": ("lstat",),
    "fstat": ("fstat", "newfstatat", "statx"),
    "%stat": ("stat", "lstat", "fstat", "newfstatat", "statx"),
    "statfs": ("statfs",),
    "fstatfs": ("fstatfs",),
    "%statfs": ("statfs", "fstatfs", "ustat"),
}

_BY_NAME = {
    "file": r"getcwd|execve(at)?|statfs|truncate|rename(at)?2?|(sym)?link(at)?|[fl]?ch(mod|own)(at2?)?(?<!fchmod)(?<!fchown)"
    r"|utimes?|futimesat|utimensat|mknod(at)?|uselib|chroot|pivot_root|acct|u?mount2?|swapo(n|ff)|quotactl|l?(set|get|list|remove)xattr"
    r"|inotify_add_watch|fanotify_mark|name_to_handle_at|openat2|open_tree|move_mount|fsconfig|fspick|mount_setattr|statx",
    "desc": r"f(chmod|chown|chdir|statfs|truncate|(data)?sync|(set|get|list|remove)xattr|allocate|advise64)|fanotify_\w+|inotify_\w+"
    r"|timerfd_\w+|signalfd4?|getdents|sendfile|splice|tee|vmsplice|copy_file_range|sync(fs|_file_range)|readahead|mq_(open|timed\w+|notify|getsetattr)"
    r"|pidfd_\w+|io_uring_\w+|landlock_\w+|perf_event_open|bpf|userfaultfd|memfd_secret|kexec_file_load|finit_module|setns|cachestat"
    r"|(mkno|mknod|rename|link|symlink|fchmod|fchown|execve|name_to_handle_|open_by_handle_|mkdir|unlink)at2?|renameat2|futimesat|utimensat"
    r"|openat2|open_tree|move_mount|fsopen|fsconfig|fsmount|fspick|mount_setattr|quotactl_fd|process_m(advise|release)|statx",
    "network": r"sendfile|getpmsg|putpmsg",
    "process": r"clone3?|v?fork|execve(at)?|exit(_group)?|wait4|waitid|t?g?kill|rt_(tg)?sigqueueinfo|pidfd_send_signal",
    "signal": r"t?g?kill|rt_\w*sig\w+|pause|signalfd4?|pidfd_send_signal|io_uring_enter",
    "memory": r"shmat|shmdt|io_setup|io_destroy|remap_file_pages|mbind|[sg]et_mempolicy(_home_node)?|migrate_pages|move_pages|pkey_mprotect"
    r"|io_uring_register|map_shadow_stack|mseal",
    "ipc": r"(shm|sem|msg)(get|at|ctl|dt|op|snd|rcv|timedop)",
    "clock": r"clock_([gs]et(time|res)|adjtime)|[gs]ettimeofday|time|adjtimex",
    "creds": r"[gs]et(res?|fs|e)?[ug]id|[gs]etgroups|cap[gs]et|prctl",
    "pure": r"get(p|pp|t|u|g|eu|eg)id|getpgrp",
}
"""By class, the names of calls that belong to it, as far as their declared types or their family do not say so."""

_NOT_FILES = frozenset({"memfd_create"})  # its name is no path


def _takes_path(entry: Syscall) -> bool:
    return entry.name not in _NOT_FILES and any(isinstance(arg, CString) for arg in entry.args.values())


def _takes_descriptor(entry: Syscall) -> bool:
    """Sockets' own calls are of %network only, as for strace."""
    if entry.family.startswith("sockets"):
        return False
    return entry.outcome.is_fd or any(
        isinstance(arg, FdNumber) or arg.holds_fds for arg in entry.args.values()
    )


_DECLARED: dict[str, Callable[[Syscall], bool]] = {
    "file": _takes_path,
    "desc": _takes_descriptor,
    "network": lambda entry: entry.family.startswith("sockets"),
    "memory": lambda entry: entry.family == "mapping",
    "signal": lambda entry: entry.family == "signals",
}
"""By class, what the declaration of a call says about it."""

CLASSES = tuple(sorted({*_BY_NAME, *_FILE_STATUS, "net"}))
"""The classes of calls, without their percent sign."""

_members: dict[str, Calls] = {}


def members(name: str) -> Calls:
    """The calls of a class (`network`); raises KeyError."""
    name = "network" if name == "net" else name
    if name not in _members:
        if name in _FILE_STATUS:
            _members[name] = Calls(getattr(numbers, call) for call in _FILE_STATUS[name])
        else:
            pattern = re.compile(_BY_NAME[name])
            declared = _DECLARED.get(name)
            _members[name] = Calls(
                number
                for number, call in numbers.NAMES.items()
                if pattern.fullmatch(call)
                or (declared is not None and number in TABLE and declared(TABLE[number]))
            )
    return _members[name]


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean accept4?`, or nothing when no known word resembles this one."""
    found = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {found[0]}?" if found else ""


def split(text: str) -> list[str]:
    """A list of words at its commas, but for those inside `/regular expressions/`."""
    return [word for word in re.findall(r"!?/(?:\\.|[^/\\])*/(?=,|$)|[^,]+", text) if word]


def calls(text: str, *, what: str) -> tuple[bool, Calls]:
    """The calls of a list such as `%network,!close,/regex/`, and whether the list as a whole is negated.

    As strace has it, a `!` in front of the list means all but those; in front of a later word it takes that one away.
    Raises `FilterError`, beginning with `what`.
    """
    negated = text.startswith("!")
    words = split(text.removeprefix("!"))
    if not words:
        raise FilterError(f"{what}: names of system calls are expected, such as accept4,%network")
    chosen = NONE
    for word in words:
        one = _one(word.removeprefix("!"), what)
        chosen = chosen - one if word.startswith("!") and not negated else chosen | one
    return negated, chosen


def _one(word: str, what: str) -> Calls:
    if word == "all":
        return ALL
    if word == "none":
        return NONE
    if word.startswith("/"):
        return _matching(word, what)
    if word.isdecimal() and word.isascii():
        return Calls([int(word)])
    if word.startswith("%"):
        try:
            return members(word[1:])
        except KeyError:
            known = [f"%{name}" for name in CLASSES]
            raise FilterError(
                f"{what}: no such class of system calls: {word}{nearest(word, known)}\nclasses: {' '.join(known)}"
            ) from None
    forgiving = word.startswith("?")
    name, _, personality = word.removeprefix("?").partition("@")
    if personality not in ("", "64"):
        return NONE
    name = ALIASES.get(name, name)
    number = NUMBERS.get(name)
    if number is not None:
        return Calls([number])
    if name in _BY_NAME or name == "net":  # strace's old spelling, without the percent sign
        return members(name)
    if forgiving:
        return NONE
    known = [*NUMBERS, *ALIASES]
    raise FilterError(f"{what}: no such system call: {name}{nearest(name, known)}")


def _matching(word: str, what: str) -> Calls:
    pattern = word[1:-1] if len(word) > 1 and word.endswith("/") else word[1:]
    try:
        found = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise FilterError(f"{what}: {word} is not a regular expression: {error}") from None
    return Calls(number for number, name in numbers.NAMES.items() if found.search(name))


NUMBERS = {name: number for number, name in numbers.NAMES.items()}
"""Numbers by name."""

ERRNOS = {
    name: number for name, number in vars(errno).items() if name.startswith("E") and name[1:2].isupper()
}
"""errno(3) numbers by name, synonyms included."""

_UNITS = {"": 1_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1, "m": 60_000_000_000}
_MOMENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)")


def nanoseconds(text: str, unit: str, what: str) -> int:
    """`0.5`, `2s`, `10ms` as nanoseconds; `unit` is that of a bare number. Raises `FilterError`."""
    found = _MOMENT.fullmatch(text.strip().replace("µ", "u"))
    if not found or (found[2] or unit) not in _UNITS or len(text) > 40:
        raise FilterError(f"{what}: {text!r} is not a time; write 0.5, 2s, 10ms, 300us or 80ns")
    return round(float(found[1]) * _UNITS[found[2] or unit])


def span(text: str, what: str) -> tuple[int, int | None]:
    """`0.5..2s`, `10ms..`, `..3` as nanoseconds from, to (None: without end). Raises `FilterError`."""
    first, dots, last = text.partition("..")
    if not dots or not (first.strip() or last.strip()):
        raise FilterError(f"{what}: a range is expected, such as 0.5..2s, 10ms.. or ..3s")
    unit = re.sub(r"[\d.\s]", "", last)
    high = nanoseconds(last, "", what) if last.strip() else None
    low = nanoseconds(first, unit, what) if first.strip() else 0
    if high is not None and high < low:
        raise FilterError(f"{what}: the range ends before it begins")
    return low, high


def integers(word: str, what: str, example: str) -> range:
    """`7` or `3..5` as a range of numbers. Raises `FilterError`."""
    found = re.fullmatch(r"(-?\d{1,10})(?:\.\.(-?\d{1,10}))?", word.strip(), re.ASCII)
    if not found:
        raise FilterError(f"{what}: {word!r} is not a number; write {example}")
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    if last < first:
        raise FilterError(f"{what}: the range ends before it begins")
    return range(first, last + 1)
