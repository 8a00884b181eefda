"""The argument sets of part `errnos`: what lies in the probe's memory, which values are hostile, and the cases made of them."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from syscalls import numbers

from . import errno_later_calls
from .errno_calls import LASTING, LINES, NOT_RUN

IMAGE = 0x10000000
SIZE = 0x10000
READ_ONLY = IMAGE + SIZE
NONE = READ_ONLY + 0x1000
WORD = (1 << 64) - 1

SLOTS = {
    "file": 0, "rfile": 1, "wfile": 2, "dir": 3, "rpipe": 4, "wpipe": 5, "sock": 6, "udp": 7, "ustream": 8, "ustream2": 9,
    "lsock": 10, "evfd": 11, "epfd": 12, "tfd": 13, "sigfd": 14, "pidfd": 15, "memfd": 16, "opath": 17, "opathdir": 18,
    "inot": 19, "null": 20, "zero": 21, "fifo": 22, "udgram": 23, "tty": 24, "ptm": 25, "wpipe2": 30, "rpipe2": 31,
}  # fmt: skip
"""Every kind of descriptor; tests/guests/errno_probe.py opens them."""
FIRST = 40

PATHS = {
    "FILE": b"file", "DIR": b"folder", "EMPTYDIR": b"empty", "INNER": b"inner", "LINK": b"link", "NEW": b"new", "EMPTY": b"",
    "MISSING": b"missing", "THROUGH": b"file/x", "SLASHED": b"file/", "HERE": b".", "ROOT": b"/", "FIFO": b"fifo", "DEEP": b"missing/x",
    "DEVICE": b"/dev/null", "LONGNAME": b"a" * 256, "LONGPATH": b"a/" * 2100,
}  # fmt: skip

BUF, BUF2, BUF3, AREA = IMAGE + 0x9000, IMAGE + 0xA000, IMAGE + 0xB000, IMAGE + 0x8000
VECTOR = struct.pack("<QQ", BUF, 8)
MESSAGE_VECTOR = IMAGE + 0x7F00
OBJECTS: dict[str, bytes] = {
    "ZERO": bytes(512),
    "ONES": b"\xff" * 256,
    "ONE8": struct.pack("<Q", 1),
    "WORD": struct.pack("<Q", 0),
    "WORD2": struct.pack("<Q", 0),
    "LEN16": struct.pack("<I", 16),
    "TS0": struct.pack("<QQ", 0, 1000),
    "ITS": struct.pack("<QQQQ", 0, 0, 1000, 0),
    "IOV": VECTOR,
    "MSG": struct.pack("<QIIQQQQII", 0, 0, 0, MESSAGE_VECTOR, 1, 0, 0, 0, 0),
    "SIN": bytes.fromhex("02000009 7f000001") + bytes(8),
    "SIN0": bytes.fromhex("02000000 7f000001") + bytes(8),
    "SUN": struct.pack("<H108s", 1, b"socket"),
    "POLLFD": struct.pack("<iHH", FIRST + SLOTS["evfd"], 1, 0),
    "EPEV": struct.pack("<IQ", 1, 7),
    "SIGSET": struct.pack("<Q", 1 << 9),
    "SIGINFO": struct.pack("<iiiiii", 10, 0, -1, 0, 0, 0) + bytes(104),
    "SIGEV": struct.pack("<Qii", 0, 0, 1) + bytes(48),
    "STACK": struct.pack("<QiiQ", AREA, 0, 0, 4096),
    "RLIM": struct.pack("<QQ", 100, 200),
    "LOCK": struct.pack("<hhiqqi", 0, 0, 0, 0, 0, 0) + bytes(8),
    "OWNER": struct.pack("<ii", 1, 0),
    "NAME": b"user\0",
    "XATTR": b"user.x\0",
    "ARGV": struct.pack("<QQ", BUF, 0),
    "CAPS": struct.pack("<Ii", 0x20080522, 0),
    "ROBUST": bytes(24),
    "RSEQ": bytes(64),
    "SCHED": struct.pack("<IIQiIQQQ", 48, 0, 0, 0, 0, 0, 0, 0),
    "CLONE": struct.pack("<11Q", 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0),
    "HOW": struct.pack("<QQQ", 0, 0, 0),
    "HANDLE": struct.pack("<Ii", 64, 0) + bytes(64),
    "PAGES": struct.pack("<Q", AREA),
    "ACTION": struct.pack("<I", 0x7FFF0000),
    "FILTER": struct.pack("<HxxxxxxQ", 1, MESSAGE_VECTOR + 16),
    "WAITV": struct.pack("<QQIIQQII", 1, IMAGE + 0x7F40, 2, 0, 0, IMAGE + 0x7F40, 2, 0),
    **{name: path + b"\0" for name, path in PATHS.items()},
}


def laid_out() -> tuple[dict[str, int], bytes]:
    """Where each object lies, and the bytes of the image."""
    image = bytearray(SIZE)
    where = {"BUF": BUF, "BUF2": BUF2, "BUF3": BUF3, "AREA": AREA, "AREA2": IMAGE + 0x1000000}
    at = 64
    for name, data in OBJECTS.items():
        image[at : at + len(data)] = data
        where[name] = IMAGE + at
        at = (at + len(data) + 63) & ~63
    rest = MESSAGE_VECTOR - IMAGE
    if at > rest:
        raise ValueError("the objects do not fit before the message's vector")
    image[rest : rest + 16] = VECTOR
    image[rest + 16 : rest + 24] = struct.pack("<HBBI", 6, 0, 0, 0x7FFF0000)  # BPF_RET: allow
    return where, bytes(image)


ADDRESSES, IMAGE_BYTES = laid_out()

POINTERS = (
    0, 1, BUF + 1, BUF + 4, IMAGE + SIZE - 4, READ_ONLY + 0x1000 - 4, READ_ONLY, NONE, 0x20000000, 0x7FFFFFFFF000,
    0x800000000000, 0x8000000000000000, 0xFFFF800000001000, WORD, WORD - 4095,
    ADDRESSES["ONES"], ADDRESSES["ZERO"],
)  # fmt: skip
NUMBERS = (
    0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 64, 127, 4095, 4096, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32,
    0x7FFFFFFFFFFFFFFF, 1 << 63, WORD, WORD - 1, WORD - 99, WORD - 0x7FFFFFFF, BUF,
)  # fmt: skip
DESCRIPTORS = (
    *(FIRST + slot for slot in SLOTS.values() if slot < 30), 0, 99, 1023, 1024, 0x7FFFFFFF, 0x80000000, WORD, WORD - 99,
    (1 << 32) + FIRST,
)  # fmt: skip
FLAGS = (0, *(1 << bit for bit in range(32)), 1 << 32, 1 << 63, 0xFFFFFFFF, WORD)
PROCESSES = (0, 0x7FFFFFFF, 0x80000000, WORD, 0x3FFFFFFF, WORD - 0x7FFFFFFF, "self", "tid")
UNIFORM = (
    0,
    1,
    WORD,
    0x80000000,
    0x7FFFFFFF,
    1 << 63,
    0x7FFFFFFFFFFFFFFF,
    BUF,
    BUF + 1,
    READ_ONLY,
    0x800000000000,
    0xFFFF800000001000,
    99,
)
IDS = {"self": 1, "tid": 2}
PAIRS = 24
"""Cases of each form in which two or three arguments are wrong: they tell in which order things are checked."""

Value = int | str


@dataclass(frozen=True)
class Argument:
    """One argument that makes sense: its value, and what kind it is of."""

    value: Value
    kind: str


@dataclass(frozen=True)
class Case:
    """One call to be made: its name and arguments, the form that it was made from, and a limit of milliseconds."""

    name: str
    values: tuple[Value, ...]
    form: str

    def packed(self, limit: int) -> bytes:
        """As the probe reads it."""
        values = [*self.values, *[0] * (6 - len(self.values))]
        words = [getattr(numbers, self.name), self.slots(), limit]
        for value in values:
            words += [IDS[value], 0] if isinstance(value, str) else [0, value & WORD]
        return struct.pack("<15Q", *words)

    def slots(self) -> int:
        """The descriptors that the arguments mention, one bit each."""
        used = 0
        for value in self.values:
            if isinstance(value, int) and FIRST <= value & 0xFFFFFFFF < FIRST + 32:
                used |= 1 << ((value & 0xFFFFFFFF) - FIRST)
        return used | (1 << SLOTS["evfd"] if ADDRESSES["POLLFD"] in self.values else 0)

    def __str__(self) -> str:
        """For a person: `read(rpipe, NULL, 0xffffffff)`."""
        return f"{self.name}({', '.join(shown(value) for value in self.values)})"


PLACES = {
    **{address: name for name, address in ADDRESSES.items()}, READ_ONLY: "READ_ONLY", NONE: "UNREADABLE", BUF + 1: "BUF+1", BUF + 4: "BUF+4",
}  # fmt: skip
KINDS = {FIRST + slot: name for name, slot in SLOTS.items()}


def shown(value: Value) -> str:
    """An argument for a person."""
    if isinstance(value, str):
        return value
    if value in PLACES or value in KINDS:
        return PLACES.get(value) or KINDS[value]
    signed = value - (1 << 64) if value >> 63 else value
    return str(signed) if abs(signed) < 5000 else hex(value)


def argument(word: str) -> Argument:
    """One word of a line."""
    if word in SLOTS:
        return Argument(FIRST + SLOTS[word], "fd")
    if word in PATHS:
        return Argument(ADDRESSES[word], "path")
    if word in ADDRESSES:
        return Argument(ADDRESSES[word], "pointer")
    if word in IDS:
        return Argument(word, "process")
    if word.endswith("F"):
        return Argument(int(word[:-1], 0), "flags")
    if word.endswith("P"):
        return Argument(int(word[:-1], 0) & WORD, "process")
    return Argument(int(word, 0) & WORD, "number")


def hostile(good: Argument) -> Iterator[Value]:
    """What is tried in place of an argument."""
    if good.kind == "fd":
        yield from DESCRIPTORS
    elif good.kind == "process":
        yield from PROCESSES
    elif good.kind == "flags":
        assert isinstance(good.value, int)
        yield from FLAGS
        yield from (good.value ^ (1 << bit) for bit in range(32))
    elif good.kind == "number":
        yield from NUMBERS
    else:
        if good.kind == "path":
            yield from (ADDRESSES[name] for name in PATHS)
        yield from POINTERS


def forms() -> list[tuple[str, str, tuple[Argument, ...]]]:
    """Every line of the table: the call, the line, its arguments."""
    return [
        (line.split()[0], line, tuple(argument(word) for word in line.split()[1:]))
        for line in (LINES + errno_later_calls.LINES).splitlines()
        if line
    ]


def cases(seed: int = 0, alone: bool = True) -> list[Case]:
    """All cases, each once. `alone`: the run has namespaces of its own. Pairs follow from the seed."""
    found: dict[tuple[str, tuple[Value, ...]], Case] = {}
    chance = random.Random(seed)

    def add(name: str, values: tuple[Value, ...], form: str) -> None:
        if allowed(name, values, alone) and not somebody(good, values):
            found.setdefault((name, values), Case(name, values, form))

    for name, form, good in forms():
        plain = tuple(one.value for one in good)
        add(name, plain, form)
        for place, one in enumerate(good):
            for value in hostile(one):
                add(name, (*plain[:place], value, *plain[place + 1 :]), form)
        for _ in range(PAIRS if len(good) > 1 else 0):
            values = list(plain)
            for place in chance.sample(range(len(good)), min(len(good), chance.choice((2, 2, 3)))):
                values[place] = chance.choice(list(hostile(good[place])))
            add(name, tuple(values), form)
        for value in UNIFORM:
            add(name, (value,) * 6, form)
    return list(found.values())


def somebody(good: Sequence[Argument], values: Sequence[Value]) -> bool:
    """Whether an id of a process is given that may be anybody's: who has small ids depends on the machine."""
    return any(
        one.kind == "process"
        and isinstance(value, int)
        and (
            0 < value & 0xFFFFFFFF <= 0x10000
            or (value & 0xFFFFFFFF > 0xFFFF0000 and value & 0xFFFFFFFF != 0xFFFFFFFF)
        )
        for one, value in zip(good, values, strict=False)
    )


def allowed(name: str, values: tuple[Value, ...], alone: bool) -> bool:
    """Whether a case is harmless to the machine and to others on it; see docs/conformance.md."""
    plain = [value & WORD if isinstance(value, int) else 0 for value in values]
    low = [value & 0xFFFFFFFF for value in plain]
    if name in NOT_RUN or (name in LASTING and not alone):
        return False
    if name == "fcntl" and low[1] == 8:  # F_SETOWN: groups with small ids may be anybody's
        return isinstance(values[2], str) or 0x10000 < low[2] <= 0x80000000 or low[2] == 0
    if name in ("chmod", "fchmodat", "fchmodat2") and ADDRESSES["ROOT"] in plain:
        return (
            False  # the root directory of a guest is its own: without rights, nothing that follows would work
        )
    if name == "kill":  # groups and everybody: only our own group, and ids that nobody can have
        return isinstance(values[0], str) or low[0] < 0x80000000 or low[0] == 0x80000000
    if name == "setpriority":
        return low[0] != 2  # PRIO_USER
    if name == "ioprio_set":
        return low[0] != 3  # IOPRIO_WHO_USER
    if name == "fallocate":
        return not 1 << 20 < plain[3] < 1 << 62 and not 1 << 20 < plain[2] < 1 << 62
    if name == "mmap":
        return not (plain[3] & 0x8000 and plain[1] > 1 << 20)  # MAP_POPULATE
    if name in ("sendfile", "splice", "copy_file_range"):
        return not (FIRST + SLOTS["zero"] in plain and max(plain[3:]) > 1 << 20)
    return True
