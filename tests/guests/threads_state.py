"""What belongs to a thread: robust list, segment bases, processors, name and prctl settings."""

from say import check, result
from spawn import join, spawn_in

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.threads import Arch, Prctl


@struct
class RobustNode:
    """A lock in a robust list: the link, and the futex word at a fixed distance from it."""

    next: u64
    word: u32
    padding: u32


@struct
class RobustHead:
    """struct robust_list_head."""

    next: u64
    offset: i64
    pending: u64


locks: array[RobustNode, 5]
head: RobustHead
WAITERS = 0x80000000
UNMAPPED = 0x10000
TASK_SIZE = 0x7FFFFFFFF000


def node(index: i64) -> u64:
    """The address of a lock."""
    return u64(addr(locks[index]))


def die_with_locks(kind: u64) -> i64:
    """A thread that ends while its robust list names locks."""
    tid = u32(syscall(numbers.gettid))
    start = u64(addr(head))
    head.next = node(0)
    head.offset = 8
    head.pending = 0
    locks[0].next = node(1)
    locks[1].next = node(2)
    locks[2].next = start
    locks[0].word = tid
    locks[1].word = tid | WAITERS
    locks[2].word = tid + 1
    locks[3].word = tid
    if kind == 1:
        locks[2].next = node(0)
    if kind == 2:
        locks[0].next = UNMAPPED
    if kind == 3:
        head.pending = node(3)
    if kind == 4:
        head.offset = 10
    if kind == 5:
        locks[0].next = node(1) | 1
    if kind == 6:
        head.pending = node(0)
    if kind == 7:
        start = UNMAPPED
    syscall(numbers.set_robust_list, start, 24)
    return 0


def robust(label: bytes, kind: u64) -> None:
    """What the kernel made of the words of a dead thread."""
    result(label, i64(kind))
    tid = u32(spawn_in(0, die_with_locks, kind))
    join(0)
    for i in range(4):
        word = locks[i].word
        if word & 0x3FFFFFFF == tid or word & 0x3FFFFFFF == tid + 1:
            result(b"  word still owned, flags", i64(word >> 30))
        else:
            result(b"  word", i64(word))


def robust_lists() -> None:
    """set_robust_list, get_robust_list, and the walk."""
    result(b"set_robust_list, wrong size", syscall(numbers.set_robust_list, addr(head), 23))
    result(b"set_robust_list", syscall(numbers.set_robust_list, addr(head), 24))
    at = u64(0)
    size = u64(0)
    result(b"get_robust_list", syscall(numbers.get_robust_list, 0, addr(at), addr(size)))
    check(b"the same head", at == u64(addr(head)))
    result(b"size", i64(size))
    result(b"get_robust_list of nobody", syscall(numbers.get_robust_list, 0x3FFFFF, addr(at), addr(size)))
    result(b"get_robust_list, bad pointer", syscall(numbers.get_robust_list, 0, UNMAPPED, addr(size)))
    result(b"get_robust_list, bad size", syscall(numbers.get_robust_list, 0, addr(at), UNMAPPED))
    syscall(numbers.set_robust_list, 0, 24)
    robust(b"a list of three", 0)
    robust(b"a loop", 1)
    robust(b"a broken link", 2)
    robust(b"a pending lock", 3)
    robust(b"a misaligned offset", 4)
    robust(b"a PI lock", 5)
    robust(b"pending and in the list", 6)
    robust(b"an unmapped head", 7)


def segments() -> None:
    """arch_prctl."""
    base = u64(0)
    result(b"ARCH_GET_FS", syscall(numbers.arch_prctl, Arch.ARCH_GET_FS, addr(base)))
    result(b"ARCH_SET_GS", syscall(numbers.arch_prctl, Arch.ARCH_SET_GS, 0x123456))
    result(b"ARCH_GET_GS", syscall(numbers.arch_prctl, Arch.ARCH_GET_GS, addr(base)))
    result(b"gs", i64(base))
    result(b"ARCH_SET_FS", syscall(numbers.arch_prctl, Arch.ARCH_SET_FS, addr(locks[0])))
    result(b"ARCH_GET_FS", syscall(numbers.arch_prctl, Arch.ARCH_GET_FS, addr(base)))
    check(b"fs as set", base == node(0))
    result(b"ARCH_SET_FS too high", syscall(numbers.arch_prctl, Arch.ARCH_SET_FS, TASK_SIZE))
    result(b"ARCH_SET_GS too high", syscall(numbers.arch_prctl, Arch.ARCH_SET_GS, TASK_SIZE))
    result(b"ARCH_SET_FS not canonical", syscall(numbers.arch_prctl, Arch.ARCH_SET_FS, u64(1) << 63))
    result(b"ARCH_GET_FS bad pointer", syscall(numbers.arch_prctl, Arch.ARCH_GET_FS, UNMAPPED))
    result(b"ARCH_GET_GS bad pointer", syscall(numbers.arch_prctl, Arch.ARCH_GET_GS, 0))
    result(b"unknown code", syscall(numbers.arch_prctl, 0x1234, 0))
    result(b"zero", syscall(numbers.arch_prctl, 0, 0))


def processors() -> None:
    """Affinity and getcpu; which processors there are is the machine's affair."""
    mask = array[u64, 128]()
    size = syscall(numbers.sched_getaffinity, 0, 1024, mask.ptr)
    check(b"a mask of whole words", size > 0 and size % 8 == 0)
    check(b"with a processor", mask[0] != 0)
    result(b"odd size", syscall(numbers.sched_getaffinity, 0, 1023, mask.ptr))
    result(b"no size", syscall(numbers.sched_getaffinity, 0, 0, mask.ptr))
    result(b"bad pointer", syscall(numbers.sched_getaffinity, 0, 1024, UNMAPPED))
    result(b"nobody", syscall(numbers.sched_getaffinity, 0x3FFFFF, 1024, mask.ptr))
    result(b"negative", syscall(numbers.sched_getaffinity, -1, 1024, mask.ptr))
    result(b"set to the same", syscall(numbers.sched_setaffinity, 0, 8, mask.ptr))
    mask[0] = 0
    result(b"set to none", syscall(numbers.sched_setaffinity, 0, 8, mask.ptr))
    result(b"set without bytes", syscall(numbers.sched_setaffinity, 0, 0, mask.ptr))
    result(b"set, bad pointer", syscall(numbers.sched_setaffinity, 0, 8, UNMAPPED))
    result(b"set of nobody", syscall(numbers.sched_setaffinity, 0x3FFFFF, 8, mask.ptr))
    cpu = u32(77)
    node_ = u32(77)
    result(b"getcpu", syscall(numbers.getcpu, addr(cpu), addr(node_), 0))
    check(b"both stored", cpu != 77 and node_ == 0)
    result(b"getcpu of nothing", syscall(numbers.getcpu, 0, 0, 0))
    result(b"getcpu, bad pointer", syscall(numbers.getcpu, UNMAPPED, 0, 0))
    result(b"getcpu, bad node pointer", syscall(numbers.getcpu, 0, UNMAPPED, 0))
    result(b"sched_yield", syscall(numbers.sched_yield))


def prctl(option: i64, value: u64) -> i64:
    """The raw call with zeroes behind."""
    return syscall(numbers.prctl, option, value, 0, 0, 0)


def settings() -> None:
    """prctl: the name, and what is only remembered."""
    name = array[u8, 20]()
    result(b"set name", prctl(Prctl.PR_SET_NAME, u64(b"a name that is too long\0".ptr)))
    result(b"get name", prctl(Prctl.PR_GET_NAME, u64(name.ptr)))
    result(b"last letter", i64(name[14]))
    result(b"then", i64(name[15]))
    result(b"set name, bad pointer", prctl(Prctl.PR_SET_NAME, UNMAPPED))
    result(b"get name, bad pointer", prctl(Prctl.PR_GET_NAME, UNMAPPED))
    result(b"set empty name", prctl(Prctl.PR_SET_NAME, u64(b"\0".ptr)))
    result(b"get name", prctl(Prctl.PR_GET_NAME, u64(name.ptr)))
    result(b"first letter", i64(name[0]))
    result(b"dumpable", prctl(Prctl.PR_GET_DUMPABLE, 0))
    result(b"set dumpable 2", prctl(Prctl.PR_SET_DUMPABLE, 2))
    result(b"set dumpable 0", prctl(Prctl.PR_SET_DUMPABLE, 0))
    result(b"dumpable", prctl(Prctl.PR_GET_DUMPABLE, 0))
    prctl(Prctl.PR_SET_DUMPABLE, 1)
    result(b"set death signal 65", prctl(Prctl.PR_SET_PDEATHSIG, 65))
    result(b"set death signal", prctl(Prctl.PR_SET_PDEATHSIG, 10))
    value = u32(0)
    result(b"get death signal", prctl(Prctl.PR_GET_PDEATHSIG, u64(addr(value))))
    result(b"it is", i64(value))
    prctl(Prctl.PR_SET_PDEATHSIG, 0)
    result(b"get death signal, bad pointer", prctl(Prctl.PR_GET_PDEATHSIG, UNMAPPED))
    result(b"no new privileges", prctl(Prctl.PR_GET_NO_NEW_PRIVS, 0))
    result(b"set no new privileges 0", prctl(Prctl.PR_SET_NO_NEW_PRIVS, 0))
    result(b"set no new privileges", prctl(Prctl.PR_SET_NO_NEW_PRIVS, 1))
    result(b"no new privileges", prctl(Prctl.PR_GET_NO_NEW_PRIVS, 0))
    result(b"with an argument too many", syscall(numbers.prctl, Prctl.PR_GET_NO_NEW_PRIVS, 0, 1, 0, 0))
    result(b"timer slack", prctl(Prctl.PR_GET_TIMERSLACK, 0))
    result(b"set timer slack", prctl(Prctl.PR_SET_TIMERSLACK, 1000))
    result(b"timer slack", prctl(Prctl.PR_GET_TIMERSLACK, 0))
    result(b"set timer slack to default", prctl(Prctl.PR_SET_TIMERSLACK, 0))
    result(b"timer slack", prctl(Prctl.PR_GET_TIMERSLACK, 0))
    result(b"huge pages off", prctl(Prctl.PR_GET_THP_DISABLE, 0))
    result(b"set huge pages off", prctl(Prctl.PR_SET_THP_DISABLE, 1))
    result(b"huge pages off", prctl(Prctl.PR_GET_THP_DISABLE, 0))
    result(b"subreaper", prctl(Prctl.PR_SET_CHILD_SUBREAPER, 5))
    result(b"get subreaper", prctl(Prctl.PR_GET_CHILD_SUBREAPER, u64(addr(value))))
    result(b"it is", i64(value))
    result(b"keep capabilities 2", prctl(Prctl.PR_SET_KEEPCAPS, 2))
    result(b"timing", prctl(Prctl.PR_GET_TIMING, 0))
    result(b"set timing 1", prctl(Prctl.PR_SET_TIMING, 1))
    result(b"seccomp", prctl(Prctl.PR_GET_SECCOMP, 0))
    result(b"bounding set of capability 99", prctl(Prctl.PR_CAPBSET_READ, 99))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    robust_lists()
    segments()
    processors()
    settings()
    return 0
