"""A thousand threads that all wait for one word, are woken at once, and count themselves."""

from say import say, say_number

from guest.lang import addr, atomic, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.threads import adopt_main_thread, spawn
from syscalls import numbers

WAIT = 0
WAKE = 1
EVERYBODY = 0x7FFFFFFF
CROWD = 1000

gate: u32
present: u32
gone: u32


def visitor(argument: u64) -> None:
    atomic.add(addr(present), 1)
    syscall(numbers.futex, addr(present), WAKE, EVERYBODY)
    while atomic.load(addr(gate)) == 0:
        syscall(numbers.futex, addr(gate), WAIT, 0, 0)
    atomic.add(addr(gone), 1)
    syscall(numbers.futex, addr(gone), WAKE, EVERYBODY)


def until(word: ptr[u32], wanted: u32) -> None:
    while True:
        seen = atomic.load(word)
        if seen == wanted:
            return
        syscall(numbers.futex, word, WAIT, seen, 0)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    adopt_main_thread()
    started = i64(0)
    for number in range(CROWD):
        if spawn(visitor, u64(number)) > 0:
            started += 1
    say_number(started)
    until(addr(present), CROWD)
    say(b" here")
    atomic.store(addr(gate), 1)
    syscall(numbers.futex, addr(gate), WAKE, EVERYBODY)
    until(addr(gone), CROWD)
    say(b", all gone\n")
    return 0
