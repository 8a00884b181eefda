"""Two threads that pass a turn back and forth by futex while a third one spins; the main thread waits for all."""

from say import say

from guest.lang import addr, atomic, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.threads import adopt_main_thread, spawn
from syscalls import numbers

WAIT = 0
WAKE = 1
ROUNDS = 300

done: u32
turn: u32
over: u32


def finish() -> None:
    atomic.add(addr(done), 1)
    syscall(numbers.futex, addr(done), WAKE, 1)


def spin(argument: u64) -> None:
    while atomic.load(addr(over)) == 0:
        pass
    finish()


def play(argument: u64) -> None:
    me = u32(argument)
    for _ in range(ROUNDS):
        while atomic.load(addr(turn)) != me:
            syscall(numbers.futex, addr(turn), WAIT, 1 - me, 0)
        atomic.store(addr(turn), 1 - me)
        syscall(numbers.futex, addr(turn), WAKE, 1)
    finish()


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    adopt_main_thread()
    spawn(spin, 0)
    spawn(play, 0)
    spawn(play, 1)
    while True:
        count = atomic.load(addr(done))
        if count == 2:
            atomic.store(addr(over), 1)
        if count == 3:
            break
        syscall(numbers.futex, addr(done), WAIT, count, 0)
    say(b"all done\n")
    return 3
