"""sched_getattr and sched_setattr: sizes, values, what is refused and in which order."""

from say import check, result, say, say_number

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.scheduling import Policy
from syscalls.flags.system import SchedFlag

NOBODY = 0x3FFFFF
UNMAPPED = 0x10000


@struct
class Attr:
    """struct sched_attr, and something behind it."""

    size: u32
    policy: u32
    flags: u64
    nice: i32
    priority: u32
    runtime: u64
    deadline: u64
    period: u64
    util_min: u32
    util_max: u32
    more: array[u64, 4]


attr: Attr


def number(label: bytes, value: i64) -> None:
    """A number."""
    say(label)
    say(b" ")
    say_number(value)
    say(b"\n")


def get(label: bytes, size: i64) -> None:
    """What is set now."""
    for i in range(4):
        attr.more[i] = 7
    attr.util_max = 7
    result(label, syscall(numbers.sched_getattr, 0, addr(attr), size, 0))
    number(b" size", attr.size)
    number(b" policy", attr.policy)
    number(b" flags", i64(attr.flags))
    number(b" nice", attr.nice)
    number(b" priority", attr.priority)
    number(b" runtime", i64(attr.runtime))
    number(b" util", attr.util_max)
    number(b" behind", i64(attr.more[0]))


def given(policy: i64, nice: i64, priority: i64, flags: i64) -> u64:
    """What to set."""
    attr.size = 48
    attr.policy = u32(policy)
    attr.flags = u64(flags)
    attr.nice = i32(nice)
    attr.priority = u32(priority)
    attr.runtime = 0
    attr.deadline = 0
    attr.period = 0
    return u64(addr(attr))


def put(label: bytes, policy: i64, nice: i64, priority: i64, flags: i64) -> None:
    """sched_setattr on itself."""
    result(label, syscall(numbers.sched_setattr, 0, given(policy, nice, priority, flags), 0))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    call = numbers.sched_getattr
    result(b"nowhere", syscall(call, 0, 0, 48, 0))
    result(b"unmapped", syscall(call, 0, UNMAPPED, 48, 0))
    result(b"negative", syscall(call, -1, addr(attr), 48, 0))
    result(b"nobody", syscall(call, NOBODY, addr(attr), 48, 0))
    result(b"small", syscall(call, 0, addr(attr), 47, 0))
    result(b"huge", syscall(call, 0, addr(attr), 4097, 0))
    result(b"flags", syscall(call, 0, addr(attr), 48, 1))
    get(b"as it is", 48)
    get(b"the second version", 56)
    get(b"more room", 80)
    get(b"odd", 50)
    call = numbers.sched_setattr
    result(b"set nothing", syscall(call, 0, 0, 0))
    result(b"set unmapped", syscall(call, 0, UNMAPPED, 0))
    result(b"set flags", syscall(call, 0, given(0, 0, 0, 0), 1))
    result(b"set nobody", syscall(call, NOBODY, given(0, 0, 0, 0), 0))
    given(0, 0, 0, 0)
    attr.size = 40
    result(b"set small", syscall(call, 0, addr(attr), 0))
    number(b" size", attr.size)
    attr.size = 5000
    result(b"set huge", syscall(call, 0, addr(attr), 0))
    number(b" size", attr.size)
    attr.size = 64
    attr.more[0] = 0
    result(b"set more", syscall(call, 0, addr(attr), 0))
    attr.more[0] = 1
    result(b"set unknown", syscall(call, 0, addr(attr), 0))
    put(b"policy 9", 9, 0, 0, 0)
    put(b"policy negative", -1, 0, 0, 0)
    put(b"unknown flags", 0, 0, 0, 0x100)
    put(b"priority", 0, 0, 1, 0)
    put(b"fifo without priority", Policy.SCHED_FIFO, 0, 0, 0)
    put(b"fifo 100", Policy.SCHED_FIFO, 0, 100, 0)
    put(b"deadline of nothing", Policy.SCHED_DEADLINE, 0, 0, 0)
    put(b"clamp", 0, 0, 0, SchedFlag.SCHED_FLAG_UTIL_CLAMP_MIN)
    put(b"nice 5", 0, 5, 0, 0)
    get(b"now", 48)
    put(b"nice 99", 0, 99, 0, 0)
    get(b"now", 48)
    put(b"batch", Policy.SCHED_BATCH, 19, 0, SchedFlag.SCHED_FLAG_RESET_ON_FORK)
    get(b"now", 48)
    put(b"keep policy", 0, 19, 0, SchedFlag.SCHED_FLAG_KEEP_POLICY)
    get(b"now", 48)
    put(b"keep all", 0, 0, 0, SchedFlag.SCHED_FLAG_KEEP_POLICY | SchedFlag.SCHED_FLAG_KEEP_PARAMS)
    get(b"now", 48)
    result(b"policy", syscall(numbers.sched_getscheduler, 0))
    result(b"niceness", syscall(numbers.getpriority, 0, 0))
    put(b"idle", Policy.SCHED_IDLE, 19, 0, SchedFlag.SCHED_FLAG_RESET_ON_FORK)
    get(b"now", 48)
    check(b"done", True)
    return 0
