"""modify_ldt, ustat, sysfs, restart_syscall, remap_file_pages, adjtimex and clock_adjtime as far as they change nothing."""

from say import check, result, say

from guest.lang import array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

UNMAPPED = 0x10000
room: array[u8, 512]
time: array[u64, 32]


def table() -> None:
    """modify_ldt: its errors lack their upper half."""
    call = numbers.modify_ldt
    result(b"read", syscall(call, 0, room.ptr, 64))
    result(b"read, unmapped", syscall(call, 0, UNMAPPED, 64))
    result(b"default", syscall(call, 2, room.ptr, 64))
    result(b"default, all", syscall(call, 2, room.ptr, 512))
    check(b"default, unmapped", syscall(call, 2, UNMAPPED, 64) == 0xFFFFFFF2)
    check(b"unknown", syscall(call, 3, room.ptr, 64) == 0xFFFFFFDA)
    check(b"write, size", syscall(call, 1, room.ptr, 15) == 0xFFFFFFEA)
    check(b"write, unmapped", syscall(call, 1, UNMAPPED, 16) == 0xFFFFFFF2)
    entry = array[u32, 4]([8192, 0, 0, 0])
    check(b"write, number", syscall(call, 0x11, entry.ptr, 16) == 0xFFFFFFEA)


def systems() -> None:
    """ustat, sysfs."""
    stat = array[u64, 18]()
    syscall(numbers.stat, b"/tmp\0".ptr, stat.ptr)
    result(b"ustat", syscall(numbers.ustat, u32(stat[0]), room.ptr))
    result(b"ustat, unmapped", syscall(numbers.ustat, u32(stat[0]), UNMAPPED))
    result(b"ustat, no device", syscall(numbers.ustat, 0xFFF, room.ptr))
    count = syscall(numbers.sysfs, 3)
    check(b"kinds", count > 4)
    result(b"index, unknown", syscall(numbers.sysfs, 1, b"nofs\0".ptr))
    result(b"index, unmapped", syscall(numbers.sysfs, 1, UNMAPPED))
    index = syscall(numbers.sysfs, 1, b"proc\0".ptr)
    check(b"index", index >= 0 and index < count)
    result(b"name", syscall(numbers.sysfs, 2, index, room.ptr))
    say(room[:4])
    say(b"\n")
    result(b"name, unmapped", syscall(numbers.sysfs, 2, index, UNMAPPED))
    result(b"name, unknown", syscall(numbers.sysfs, 2, count, room.ptr))
    result(b"option", syscall(numbers.sysfs, 4))
    result(b"restart", syscall(numbers.restart_syscall))


def remapping() -> None:
    """remap_file_pages."""
    call = numbers.remap_file_pages
    fd = syscall(numbers.memfd_create, b"x\0".ptr, 0)
    syscall(numbers.ftruncate, fd, 4 * 4096)
    at = u64(syscall(numbers.mmap, 0, 4 * 4096, 3, 1, fd, 0))
    bytes_ = ptr[u8](at)
    for page in range(4):
        bytes_[page * 4096] = u8(0x30 + page)
    result(b"remap", syscall(call, at, 4096, 0, 2, 0))
    result(b" byte", bytes_[0])
    bytes_[0] = 0x39
    result(b" other", bytes_[2 * 4096])
    result(b"remap two", syscall(call, at + 4096, 8192, 0, 0, 0))
    result(b" byte", bytes_[4096])
    result(b" byte", bytes_[8192])
    result(b"rights", syscall(call, at, 4096, 1, 0, 0))
    result(b"nothing", syscall(call, at, 0, 0, 0, 0))
    result(b"unmapped", syscall(call, UNMAPPED, 4096, 0, 0, 0))
    private = u64(syscall(numbers.mmap, 0, 4096, 3, 0x22, -1, 0))
    result(b"private", syscall(call, private, 4096, 0, 0, 0))


def clocks() -> None:
    """adjtimex, clock_adjtime."""
    state = syscall(numbers.adjtimex, time.ptr)
    check(b"a state", state >= 0 and state <= 5)
    check(b"a tick", time[11] >= 9000 and time[11] <= 11000)
    now = array[i64, 2]()
    syscall(numbers.clock_gettime, 0, now.ptr)
    check(b"the time", now[0] - i64(time[9]) >= 0 and now[0] - i64(time[9]) <= 2)
    check(b"of a clock", syscall(numbers.clock_adjtime, 0, time.ptr) == state)
    result(b"unmapped", syscall(numbers.adjtimex, UNMAPPED))
    result(b"of a clock, unmapped", syscall(numbers.clock_adjtime, 0, UNMAPPED))
    result(b"monotonic", syscall(numbers.clock_adjtime, 1, time.ptr))
    result(b"no clock", syscall(numbers.clock_adjtime, 77, time.ptr))
    result(b"processor", syscall(numbers.clock_adjtime, 2, time.ptr))
    time[0] = 0x8000
    result(b"half of adjtime", syscall(numbers.adjtimex, time.ptr))
    time[0] = 0xA001
    check(b"adjtime, read", syscall(numbers.adjtimex, time.ptr) == state)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    table()
    systems()
    remapping()
    clocks()
    return 0
