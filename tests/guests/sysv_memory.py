"""System V shared memory: getting, attaching, detaching, rights, marks, what fork and exit do, what is refused."""

from process_tools import ended, fork, leave
from say import check, result, say, say_hex

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.ipc import Ipc, ShmAt, ShmCtl

UNMAPPED = 0x10000
KEY = 0x7E57A001
PAGE = 4096


@struct
class Shmid:
    """struct shmid64_ds."""

    key: u32
    uid: u32
    gid: u32
    cuid: u32
    cgid: u32
    mode: u32
    seq: u16
    pad: array[u16, 3]
    unused: array[u64, 2]
    size: u64
    atime: u64
    dtime: u64
    ctime: u64
    cpid: u32
    lpid: u32
    nattch: u64
    unused2: array[u64, 2]


about: Shmid
room: array[u64, 32]


def get(label: bytes, key: i64, size: i64, flags: i64) -> i64:
    """shmget; only whether it works."""
    value = syscall(numbers.shmget, key, size, flags)
    if value < 0:
        result(label, value)
    else:
        check(label, True)
    return value


def attach(label: bytes, segment: i64, at: u64, flags: i64) -> u64:
    """shmat."""
    value = syscall(numbers.shmat, segment, at, flags)
    if value < 0 and value > -4096:
        result(label, value)
    else:
        check(label, at == 0 or u64(value) == at & 0xFFFFFFFFFFFFF000)
    return u64(value)


def control(label: bytes, segment: i64, command: i64, buffer: u64) -> i64:
    """shmctl."""
    return result(label, syscall(numbers.shmctl, segment, command, buffer))


def state(label: bytes, segment: i64) -> None:
    """IPC_STAT."""
    if control(label, segment, ShmCtl.IPC_STAT, u64(addr(about))) == 0:
        say(b" key ")
        say_hex(about.key)
        say(b" mode ")
        say_hex(about.mode)
        result(b" size", i64(about.size))
        result(b" attached", i64(about.nattch))
        check(b" by me", i64(about.cpid) == syscall(numbers.getpid))
        check(b" mine", i64(about.uid) == syscall(numbers.geteuid) and about.cuid == about.uid)
        check(b" times", about.ctime > 0)
        check(b" at", about.atime > 0)


def errors() -> None:
    """What is refused."""
    get(b"size 0", 0, 0, 0o600)
    get(b"huge", 0, -1, 0o600)
    get(b"more than there is", 0, 1 << 62, 0o600)
    get(b"missing", KEY, PAGE, 0o600)
    attach(b"no segment", 0x7FFFFFFF, 0, 0)
    attach(b"negative", -1, 0, 0)
    result(b"detach nothing", syscall(numbers.shmdt, 0))
    result(b"detach misaligned", syscall(numbers.shmdt, PAGE + 1))
    result(b"detach own memory", syscall(numbers.shmdt, u64(addr(room[0])) & 0xFFFFFFFFFFFFF000))
    control(b"control nothing", 0x7FFFFFFF, ShmCtl.IPC_STAT, u64(room.ptr))
    control(b"control negative", -1, ShmCtl.IPC_STAT, u64(room.ptr))
    control(b"negative command", 0, -1, u64(room.ptr))


def life(segment: i64) -> None:
    """Attaching, sharing, detaching."""
    state(b"new", segment)
    one = attach(b"attach", segment, 0, 0)
    two = attach(b"again", segment, 0, ShmAt.SHM_RDONLY)
    state(b"twice", segment)
    ptr[u8](one)[5] = 42
    result(b"the same memory", ptr[u8](two)[5])
    result(b"write by a call", syscall(numbers.read, -1, two, 1))
    result(b"read only", syscall(numbers.mprotect, two, PAGE, 3))
    attach(b"over it", segment, one, 0)
    attach(b"misaligned", segment, one + 1, 0)
    attach(b"remap nowhere", segment, 0, ShmAt.SHM_REMAP)
    attach(b"rounded, taken", segment, one + 5, ShmAt.SHM_RND)
    attach(b"remap", segment, one + 5, ShmAt.SHM_RND | ShmAt.SHM_REMAP)
    result(b"still there", ptr[u8](one)[5])
    free = u64(syscall(numbers.mmap, 0, 8 * PAGE, 3, 0x22, -1, 0))
    syscall(numbers.munmap, free, 8 * PAGE)
    attach(b"where I say", segment, free, 0)
    result(b"there", ptr[u8](free)[5])
    child = fork()
    if child == 0:
        state(b"in the child", segment)
        ptr[u8](one)[6] = 43
        result(b"child detaches", syscall(numbers.shmdt, one))
        state(b"then", segment)
        leave(0)
    ended(b"child", child)
    result(b"from the child", ptr[u8](two)[6])
    result(b"detach a middle", syscall(numbers.shmdt, free + PAGE))
    syscall(numbers.munmap, free + PAGE, PAGE)
    state(b"with a hole", segment)
    result(b"detach", syscall(numbers.shmdt, free))
    result(b"detach again", syscall(numbers.shmdt, free))
    syscall(numbers.shmctl, segment, ShmCtl.IPC_STAT, addr(about))
    check(b"detached some time", about.dtime > 0)
    control(b"mark for destruction", segment, ShmCtl.IPC_RMID, 0)
    state(b"marked", segment)
    get(b"the key is free", KEY, PAGE, 0)
    three = attach(b"attach what is marked", segment, 0, 0)
    result(b"the same", ptr[u8](three)[6])
    syscall(numbers.shmdt, one)
    syscall(numbers.shmdt, two)
    result(b"last detach", syscall(numbers.shmdt, three))
    state(b"gone", segment)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    errors()
    segment = get(b"make", KEY, 3 * PAGE - 100, Ipc.IPC_CREAT | Ipc.IPC_EXCL | 0o640)
    check(b"the same", get(b"find", KEY, 0, 0) == segment)
    get(b"find, too large", KEY, 3 * PAGE, 0)
    get(b"make again", KEY, PAGE, Ipc.IPC_CREAT | Ipc.IPC_EXCL | 0o600)
    check(b"make or find", get(b"find", KEY, PAGE, Ipc.IPC_CREAT | 0o600) == segment)
    life(segment)
    segment = get(b"private", 0, PAGE, 0o600)
    other = get(b"another", 0, PAGE, 0o600)
    check(b"different", segment != other)
    control(b"stat, unmapped", segment, ShmCtl.IPC_STAT, UNMAPPED)
    control(b"unknown", segment, 99, u64(room.ptr))
    control(b"set, unmapped", segment, ShmCtl.IPC_SET, UNMAPPED)
    syscall(numbers.shmctl, segment, ShmCtl.IPC_STAT, addr(about))
    about.mode = 0o7604
    control(b"set", segment, ShmCtl.IPC_SET, u64(addr(about)))
    state(b"set", segment)
    about.uid = 0xFFFFFFFF
    control(b"set nobody", segment, ShmCtl.IPC_SET, u64(addr(about)))
    control(b"lock", segment, ShmCtl.SHM_LOCK, 0)
    state(b"locked", segment)
    control(b"unlock", segment, ShmCtl.SHM_UNLOCK, 0)
    check(b"info", syscall(numbers.shmctl, 0, ShmCtl.IPC_INFO, room.ptr) >= 0)
    check(b" limits", room[0] > 1 << 40 and room[1] == 1 and room[2] == 4096 and room[3] == 4096)
    check(b"usage", syscall(numbers.shmctl, 0, ShmCtl.SHM_INFO, room.ptr) >= 1)
    check(b" ids", u32(room[0]) >= 2 and room[1] >= 2)
    check(b"by index", syscall(numbers.shmctl, segment & 0x7FFF, ShmCtl.SHM_STAT, addr(about)) == segment)
    check(b"of any", syscall(numbers.shmctl, other & 0x7FFF, ShmCtl.SHM_STAT_ANY, addr(about)) == other)
    child = fork()
    if child == 0:
        attach(b"child attaches", segment, 0, 0)
        control(b"child marks", segment, ShmCtl.IPC_RMID, 0)
        state(b"child", segment)
        leave(0)
    ended(b"child", child)
    state(b"gone with the child", segment)
    control(b"remove", other, ShmCtl.IPC_RMID, 0)
    control(b"remove again", other, ShmCtl.IPC_RMID, 0)
    return 0
