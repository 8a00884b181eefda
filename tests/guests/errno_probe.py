"""Makes the calls that stand on stdin, each in a child of its own, and writes on stdout what each came to.

stdin: a count, an image of 64 KiB that the children find at IMAGE (a page that cannot be written and one that cannot be read follow it), then the
calls: number, which descriptors are needed (a bit each), how long to wait (milliseconds), and six arguments, each a kind and a value.
stdout: for each call a kind and a number: what it returned; the signal that ended the child; the status that it ended with; that it waits.
"""

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open

IMAGE = 0x10000000
SIZE = 65536
PAGE = 4096
FIRST = 40  # the descriptors are 40, 41, ...
RETURNED = 0
KILLED = 1
ENDED = 2
WAITS = 3


@struct
class Argument:
    kind: u64  # 0: the value, 1: our process id, 2: our thread id
    value: u64


@struct
class Call:
    number: u64
    slots: u64
    limit: i64
    arguments: array[Argument, 6]


@struct
class Answer:
    """Shared by parent and child."""

    tid: i64
    called: i64
    returned: i64
    result: i64


@struct
class Poll:
    fd: u32
    events: u32


def map_at(where: u64, length: u64, protection: i64, flags: i64) -> u64:
    """mmap(2) of anonymous memory."""
    return u64(syscall(numbers.mmap, where, length, protection, flags | 0x20, -1, 0))


def read_all(where: u64, length: u64) -> None:
    """Reads so many bytes of stdin; ends the program when there are fewer."""
    done = u64(0)
    while done < length:
        got = syscall(numbers.read, 0, where + done, length - done)
        if got <= 0:
            syscall(numbers.exit_group, 3)
        done += u64(got)


def new_file(name: bytes, mode: i64) -> None:
    """A file with a few bytes in it."""
    fd = syscall(numbers.openat, -100, name.ptr, Open.O_CREAT | Open.O_WRONLY, mode)
    syscall(numbers.write, fd, b"0123456789abcdef".ptr, 16)
    syscall(numbers.close, fd)


def fill(index: i64) -> None:
    """A folder of this child's own, with files of every kind, to be in."""
    name = array[u8, 16]()
    rest = index
    for at in range(7, -1, -1):
        name[at] = u8(0x30 + rest % 10)
        rest //= 10
    syscall(numbers.mkdir, name.ptr, 0o700)
    syscall(numbers.chdir, name.ptr)
    new_file(b"file\0", 0o644)
    syscall(numbers.mkdir, b"folder\0".ptr, 0o755)
    new_file(b"folder/inner\0", 0o644)
    syscall(numbers.mkdir, b"empty\0".ptr, 0o755)
    syscall(numbers.symlink, b"file\0".ptr, b"link\0".ptr)
    syscall(numbers.mknod, b"fifo\0".ptr, 0o10600, 0)


def place(fd: i64, slot: i64) -> None:
    """Gives a descriptor its number."""
    syscall(numbers.dup3, fd, FIRST + slot, 0)
    syscall(numbers.close, fd)


def pairs(which: u64) -> None:
    """Pipes and pairs of sockets, with something to read."""
    two = array[u32, 2]()
    if which & 0x30 != 0:
        syscall(numbers.pipe2, two.ptr, 0)
        syscall(numbers.write, two[1], b"0123456789abcdef".ptr, 16)
        place(i64(two[0]), 4)
        place(i64(two[1]), 5)
    if which & 0x300 != 0:
        syscall(numbers.socketpair, 1, 1, 0, two.ptr)
        syscall(numbers.write, two[0], b"0123456789abcdef".ptr, 16)
        syscall(numbers.write, two[1], b"0123456789abcdef".ptr, 16)
        place(i64(two[0]), 8)
        place(i64(two[1]), 9)
    if which & 0x40000000 != 0:
        syscall(numbers.pipe2, two.ptr, 0)
        place(i64(two[1]), 30)
        place(i64(two[0]), 31)


def files(which: u64) -> None:
    """Descriptors of what has a name."""
    if which & 1 != 0:
        place(syscall(numbers.openat, -100, b"file\0".ptr, Open.O_RDWR, 0), 0)
    if which & 2 != 0:
        place(syscall(numbers.openat, -100, b"file\0".ptr, Open.O_RDONLY, 0), 1)
    if which & 4 != 0:
        place(syscall(numbers.openat, -100, b"file\0".ptr, Open.O_WRONLY, 0), 2)
    if which & 8 != 0:
        place(syscall(numbers.openat, -100, b"folder\0".ptr, Open.O_DIRECTORY, 0), 3)
    if which & 0x20000 != 0:
        place(syscall(numbers.openat, -100, b"file\0".ptr, Open.O_PATH, 0), 17)
    if which & 0x40000 != 0:
        place(syscall(numbers.openat, -100, b"folder\0".ptr, Open.O_PATH, 0), 18)
    if which & 0x100000 != 0:
        place(syscall(numbers.openat, -100, b"/dev/null\0".ptr, Open.O_RDWR, 0), 20)
    if which & 0x200000 != 0:
        place(syscall(numbers.openat, -100, b"/dev/zero\0".ptr, Open.O_RDWR, 0), 21)
    if which & 0x400000 != 0:
        place(syscall(numbers.openat, -100, b"fifo\0".ptr, Open.O_RDWR, 0), 22)


def sockets(which: u64) -> None:
    """Sockets that are not connected."""
    if which & 0x40 != 0:
        place(syscall(numbers.socket, 2, 1, 0), 6)
    if which & 0x80 != 0:
        place(syscall(numbers.socket, 2, 2, 0), 7)
    if which & 0x400 != 0:
        name = array[u32, 4]()
        name[0] = 2
        name[1] = 0x0100007F
        fd = syscall(numbers.socket, 2, 1, 0)
        syscall(numbers.bind, fd, name.ptr, 16)
        syscall(numbers.listen, fd, 4)
        place(fd, 10)
    if which & 0x800000 != 0:
        place(syscall(numbers.socket, 1, 2, 0), 23)


def others(which: u64) -> None:
    """Descriptors of everything else."""
    words = array[u64, 4]()
    if which & 0x1800 != 0:
        place(syscall(numbers.eventfd2, 1, 0), 11)
    if which & 0x1000 != 0:
        place(syscall(numbers.epoll_create1, 0), 12)
        words[0] = 1
        syscall(numbers.epoll_ctl, FIRST + 12, 1, FIRST + 11, words.ptr)
    if which & 0x2000 != 0:
        place(syscall(numbers.timerfd_create, 1, 0), 13)
        words[0] = 0
        words[2] = 0
        words[3] = 1
        syscall(numbers.timerfd_settime, FIRST + 13, 0, words.ptr, 0)
    if which & 0x4000 != 0:
        words[0] = 1 << 9
        place(syscall(numbers.signalfd4, -1, words.ptr, 8, 0), 14)
    if which & 0x8000 != 0:
        place(syscall(numbers.pidfd_open, syscall(numbers.getpid), 0), 15)
    if which & 0x10000 != 0:
        place(syscall(numbers.memfd_create, b"memory\0".ptr, 2), 16)
        syscall(numbers.ftruncate, FIRST + 16, 8192)
    if which & 0x80000 != 0:
        place(syscall(numbers.inotify_init1, 0), 19)
    if which & 0x3000000 != 0:
        place(syscall(numbers.openat, -100, b"/dev/ptmx\0".ptr, Open.O_RDWR | Open.O_NOCTTY, 0), 25)
        words[0] = 0
        syscall(numbers.ioctl, FIRST + 25, 0x40045431, words.ptr)
        place(syscall(numbers.ioctl, FIRST + 25, 0x5441, Open.O_RDWR | Open.O_NOCTTY), 24)


def quiet() -> None:
    """The child's standard streams are nobody's."""
    null = syscall(numbers.openat, -100, b"/dev/null\0".ptr, Open.O_RDWR, 0)
    for fd in range(3):
        syscall(numbers.dup3, null, fd, 0)
    syscall(numbers.close, null)


def make(call: Call, answer: Answer, index: i64) -> None:
    """The life of a child: it makes one call and tells what it returned."""
    syscall(numbers.setsid)
    quiet()
    fill(index)
    files(call.slots)
    pairs(call.slots)
    sockets(call.slots)
    others(call.slots)
    tid = syscall(numbers.gettid)
    for at in range(6):
        if call.arguments[at].kind == 1:
            call.arguments[at].value = u64(syscall(numbers.getpid))
        elif call.arguments[at].kind == 2:
            call.arguments[at].value = u64(tid)
    answer.tid = tid
    answer.called = 1
    result = syscall(
        call.number, call.arguments[0].value, call.arguments[1].value, call.arguments[2].value,
        call.arguments[3].value, call.arguments[4].value, call.arguments[5].value,
    )  # fmt: skip
    if syscall(numbers.gettid) != tid:
        syscall(numbers.exit, 0)  # a child or a thread that the call has made
    answer.result = result
    answer.returned = 1
    syscall(numbers.exit_group, 0)


def judge(child: i64, call: Call, answer: Answer, told: array[i64, 2]) -> None:
    """Waits for a child, as long as the call may take."""
    poll = Poll(u32(syscall(numbers.pidfd_open, child, 0)), 1)
    limit = array[i64, 2]()
    limit[0] = call.limit // 1000
    limit[1] = call.limit % 1000 * 1000000
    ready = syscall(numbers.ppoll, addr(poll), 1, limit.ptr, 0, 8)
    if ready == 0:
        syscall(numbers.kill, child, 9)
    status = array[u32, 2]()
    syscall(numbers.wait4, child, status.ptr, 0x40000000, 0)
    syscall(numbers.close, poll.fd)
    if answer.returned != 0:
        told[0] = RETURNED
        told[1] = answer.result
    elif ready == 0:
        told[0] = WAITS
        told[1] = answer.called
    elif status[0] & 0x7F != 0:
        told[0] = KILLED
        told[1] = i64(status[0] & 0x7F)
    else:
        told[0] = ENDED
        told[1] = i64(status[0] >> 8 & 0xFF)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All calls, one after another."""
    syscall(numbers.prctl, 38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    limit = array[u64, 2]()
    syscall(numbers.setrlimit, 4, limit.ptr)  # RLIMIT_CORE
    limit[0] = 1024
    limit[1] = 1024
    syscall(numbers.setrlimit, 7, limit.ptr)  # RLIMIT_NOFILE
    count = array[i64, 1]()
    read_all(u64(count.ptr), 8)
    map_at(IMAGE, SIZE, 3, 0x12)
    map_at(IMAGE + SIZE, PAGE, 1, 0x12)
    map_at(IMAGE + SIZE + PAGE, PAGE, 0, 0x12)
    read_all(IMAGE, SIZE)
    length = u64(count[0]) * 120
    calls = ptr[Call](map_at(0, length, 3, 2))
    read_all(u64(calls), length)
    answer = ptr[Answer](map_at(0, PAGE, 3, 1))
    told = array[i64, 2]()
    for index in range(count[0]):
        answer.called = 0
        answer.returned = 0
        child = syscall(numbers.fork)
        if child == 0:
            make(calls[index], answer, index)
        judge(child, calls[index], answer, told)
        syscall(numbers.write, 1, told.ptr, 16)
    return 0
