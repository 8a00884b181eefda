"""execve's arrays: bad pointers, no arguments, and the limits of their sizes."""

from exec_tools import say_end, vector
from process_tools import fork, leave
from say import result, say

from guest.lang import addr, array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Map, Prot

NOWHERE = 0x10
LARGEST = 131072
MANY = 300_000

text: array[u8, 131080]


def attempt(label: bytes, argv: u64, envp: u64) -> None:
    """Execute the program in a child."""
    say(b"- ")
    say(label)
    say(b"\n")
    pid = fork()
    if pid == 0:
        result(label, syscall(numbers.execve, b"shows\0".ptr, argv, envp))
        leave(99)
    say_end(label, pid)


def at_border(count: i64) -> u64:
    """An array of `count` good pointers whose end is the end of memory."""
    start = syscall(
        numbers.mmap, 0, 8192, Prot.PROT_READ | Prot.PROT_WRITE, Map.MAP_PRIVATE | Map.MAP_ANONYMOUS, -1, 0
    )
    syscall(numbers.munmap, start + 4096, 4096)
    words = ptr[u64](u64(start) + 4096 - u64(8 * count))
    for i in range(count):
        words[i] = u64(b"short\0".ptr)
    return u64(words)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Every case."""
    none = vector(b"\0", 0)
    one = vector(b"zero\0", 1)
    two = vector(b"short\0", 2)
    attempt(b"NULL, NULL", 0, 0)
    attempt(b"NULL, empty", 0, none)
    attempt(b"empty, NULL", none, 0)
    attempt(b"one", one, 0)
    attempt(b"two and two", two, two)
    attempt(b"argv nowhere", NOWHERE, 0)
    attempt(b"envp nowhere", two, NOWHERE)
    attempt(b"an odd address", two + 1, 0)
    attempt(b"off the end", at_border(3), 0)
    attempt(b"envp off the end", two, at_border(1))
    words = array[u64, 4]()
    words[0] = u64(b"zero\0".ptr)
    words[1] = NOWHERE
    attempt(b"a string nowhere", u64(words.ptr), 0)
    attempt(b"a string of the environment nowhere", two, u64(words.ptr))
    attempt(b"a string that does not end", u64(words.ptr), two)
    for i in range(LARGEST):
        text[i] = 0x73
    words[0] = u64(b"zero\0".ptr)
    words[1] = u64(addr(text[0]))
    words[2] = 0
    text[LARGEST - 1] = 0
    attempt(b"the longest string", u64(words.ptr), 0)
    text[LARGEST - 1] = 0x73
    text[LARGEST] = 0
    attempt(b"one byte too long", u64(words.ptr), 0)
    attempt(b"in the environment", two, u64(words.ptr))
    text[LARGEST - 1] = 0
    many = ptr[u64](
        u64(
            syscall(
                numbers.mmap,
                0,
                8 * MANY,
                Prot.PROT_READ | Prot.PROT_WRITE,
                Map.MAP_PRIVATE | Map.MAP_ANONYMOUS,
                -1,
                0,
            )
        )
    )
    for i in range(MANY - 1):
        many[i] = u64(addr(text[LARGEST - 1]))
    attempt(b"more pointers than may be", u64(many), 0)
    attempt(b"in the environment", two, u64(many))
    for i in range(15):
        many[i] = u64(addr(text[0]))
    many[0] = u64(b"short\0".ptr)
    many[1] = u64(b"short\0".ptr)
    many[15] = 0
    attempt(b"13 long strings", u64(many), 0)
    for i in range(17):
        many[i + 2] = u64(addr(text[0]))
    many[19] = 0
    attempt(b"17 long strings", u64(many), 0)
    limit = array[u64, 2]()
    limit[0] = 1 << 20
    limit[1] = 1 << 63
    result(b"RLIMIT_STACK", syscall(numbers.setrlimit, 3, limit.ptr))
    many[3] = 0
    attempt(b"1 long string, small stack", u64(many), 0)
    many[3] = u64(addr(text[0]))
    many[4] = 0
    attempt(b"2 long strings, small stack", u64(many), 0)
    return 0
