"""Timers whose signal ends the process: `a` alarm, `r` ITIMER_REAL while it computes, `v` ITIMER_VIRTUAL, `p` timer_create."""

from guest.lang import addr, array, atomic, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

never: u32


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Wait for the end."""
    way = argv[1][0]
    setting = array[i64, 4]()
    setting[3] = 2000
    timer = i32(0)
    if way == 0x61:
        syscall(numbers.alarm, 1)
    elif way == 0x72:
        syscall(numbers.setitimer, 0, addr(setting[0]), 0)
    elif way == 0x76:
        syscall(numbers.setitimer, 1, addr(setting[0]), 0)
    else:
        event = array[u64, 8]()
        event[1] = 40
        syscall(numbers.timer_create, 1, addr(event[0]), addr(timer))
        syscall(numbers.timer_settime, timer, 0, addr(setting[0]), 0)
    if way == 0x61 or way == 0x70:
        while True:
            syscall(numbers.pause)
    while atomic.load(addr(never)) == 0:
        pass
    return 0
