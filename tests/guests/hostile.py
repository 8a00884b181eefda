"""Makes system calls that no program should: `hostile SEED COUNT [NUMBER]`, any number with any arguments, in any order."""

from guest.lang import addr, array, i64, ptr, syscall, u8, u64
from guest.rt.cstring import cstring
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal
from syscalls import numbers

PATH = b"/tmp/x\0"
NUMBERS = 470

page: array[u8, 16384]
state: u64


def random() -> u64:
    """The next number of a xorshift generator (Marsaglia, 2003)."""
    global state
    state = state ^ (state << 13)
    state = state ^ (state >> 7)
    state = state ^ (state << 17)
    return state


def argument(kind: u64) -> u64:
    """A value that somebody has forgotten to check once."""
    small = random() % 16
    if kind < 5:
        return small
    if kind == 5:
        return 0 - small
    if kind == 6:
        return u64(1) << (random() % 64)
    if kind == 7:
        return (u64(1) << (random() % 64)) - 1
    if kind == 8:
        return random()
    if kind == 9:
        return u64(PATH.ptr)
    if kind == 10:
        return u64(PATH.ptr) + 4096 * small
    if kind == 11:
        return 0x7FFFFFFFF000 - small
    if kind == 12:
        return random() & 0xFFFFFFFF
    return u64(addr(page[0])) + (random() % 16384)


def spares_the_test(number: u64) -> bool:
    """Whether a call would only end the run (exit) or take the ground from under it (the heap and stack are fair game)."""
    return number != numbers.exit and number != numbers.exit_group


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Answers 0 when it has survived itself."""
    global state
    if argc < 3:
        return 2
    state = u64(parse_decimal(cstring(argv[1]), 1 << 40)) * 0x9E3779B97F4A7C15 + 1
    left = parse_decimal(cstring(argv[2]), 1 << 40)
    chosen = parse_decimal(cstring(argv[3]), 1 << 20) if argc > 3 else -1
    while left > 0:
        left -= 1
        number = u64(chosen) if chosen >= 0 else random() % NUMBERS
        a = argument(random() % 16)
        b = argument(random() % 16)
        c = argument(random() % 16)
        d = argument(random() % 16)
        e = argument(random() % 16)
        f = argument(random() % 16)
        if spares_the_test(number):
            syscall(number, a, b, c, d, e, f)
    return 0
