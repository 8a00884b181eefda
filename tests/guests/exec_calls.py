"""execve and execveat by path, and every way in which they refuse; `fill` of test_execute.py says what is there."""

from process_tools import fork, leave, reap, say_status
from say import check, result, say

from guest.lang import addr, array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open
from syscalls.flags.execute import ExecAt

NOWHERE = 0x10

words: array[u64, 8]
environment: array[u64, 4]
long_path: array[u8, 5000]


def arguments(first: bytes, second: bytes) -> u64:
    """An array of two strings that end in NUL (an empty `second`: of one)."""
    words[0] = u64(first.ptr)
    words[1] = u64(second.ptr) if len(second) > 0 else u64(0)
    words[2] = 0
    return u64(words.ptr)


def outcome(label: bytes, pid: i64) -> None:
    """How a child ended that has tried to execute something."""
    word = reap(pid)
    say(label)
    say(b": ")
    say_status(word)


def run(label: bytes, path: bytes) -> None:
    """execve(2) in a child, with the arguments `zero` and `short`; 99 says that it failed."""
    say(b"- ")
    say(label)
    say(b"\n")
    pid = fork()
    if pid == 0:
        environment[0] = u64(b"HOME=/nowhere\0".ptr)
        environment[1] = 0
        value = syscall(numbers.execve, path.ptr, arguments(b"zero\0", b"short\0"), environment.ptr)
        result(label, value)
        leave(99)
    outcome(label, pid)


def run_at(label: bytes, fd: i64, path: bytes, flags: i64) -> None:
    """execveat(2) in a child."""
    say(b"- ")
    say(label)
    say(b"\n")
    pid = fork()
    if pid == 0:
        value = syscall(numbers.execveat, fd, path.ptr, arguments(b"zero\0", b"short\0"), 0, flags)
        result(label, value)
        leave(99)
    outcome(label, pid)


def paths() -> None:
    """Where a path may lead."""
    run(b"shows", b"shows\0")
    run(b"./shows", b"./shows\0")
    run(b"link", b"link\0")
    run(b"link to a link", b"folder/up\0")
    run(b"nothing", b"nothing\0")
    run(b"empty", b"\0")
    run(b"folder", b"folder\0")
    run(b"folder/", b"folder/\0")
    run(b"shows/", b"shows/\0")
    run(b"shows/x", b"shows/x\0")
    run(b"loop", b"loop\0")
    run(b"dangling", b"dangling\0")
    run(b"no x bit", b"plain\0")
    run(b"a FIFO", b"fifo\0")
    run(b"/dev/null", b"/dev/null\0")
    run(b"an empty file", b"hollow\0")
    run(b"one byte", b"byte\0")
    run(b"text", b"text\0")
    run(b"magic alone", b"magic\0")
    run(b"another machine", b"machine\0")
    run(b"an object file", b"object\0")
    run(b"headers cut off", b"headers\0")
    run(b"no headers", b"headless\0")
    run(b"interpreter that is not there", b"lost\0")
    run(b"interpreter that is a folder", b"guided\0")
    run(b"interpreter that is text", b"talked\0")
    run(b"interpreter that is short", b"cramped\0")
    run(b"interpreter without an end", b"endless\0")
    run(b"interpreter behind the end", b"beyond\0")
    for i in range(4999):
        long_path[i] = 0x61
    result(b"a long name", syscall(numbers.execve, addr(long_path[4999 - 256]), 0, 0))
    result(b"a long path", syscall(numbers.execve, addr(long_path[0]), 0, 0))
    result(b"nowhere", syscall(numbers.execve, NOWHERE, 0, 0))


def scripts() -> None:
    """What a first line says."""
    run(b"script", b"script\0")
    run(b"script with an argument", b"argued\0")
    run(b"blanks", b"blanks\0")
    run(b"no newline", b"unended\0")
    run(b"an argument that is cut", b"cut\0")
    run(b"a path that is cut", b"broken\0")
    run(b"only blanks", b"blank\0")
    run(b"nothing behind #!", b"bare\0")
    run(b"NUL in the line", b"null\0")
    run(b"interpreter is not there", b"orphan\0")
    run(b"interpreter is a folder", b"housed\0")
    run(b"interpreter is not executable", b"weak\0")
    run(b"itself", b"self\0")
    run(b"two deep", b"deep2\0")
    run(b"five deep", b"deep5\0")
    run(b"six deep", b"deep6\0")
    run(b"a script that is text", b"prose\0")


def descriptors() -> None:
    """execveat(2)."""
    folder = syscall(numbers.openat, At.AT_FDCWD, b"folder\0".ptr, Open.O_RDONLY | Open.O_DIRECTORY, 0)
    here = syscall(numbers.openat, At.AT_FDCWD, b".\0".ptr, Open.O_PATH | Open.O_CLOEXEC, 0)
    program = syscall(numbers.openat, At.AT_FDCWD, b"shows\0".ptr, Open.O_RDONLY | Open.O_CLOEXEC, 0)
    path_only = syscall(numbers.openat, At.AT_FDCWD, b"shows\0".ptr, Open.O_PATH, 0)
    script = syscall(numbers.openat, At.AT_FDCWD, b"script\0".ptr, Open.O_RDONLY, 0)
    hidden = syscall(numbers.openat, At.AT_FDCWD, b"script\0".ptr, Open.O_RDONLY | Open.O_CLOEXEC, 0)
    run_at(b"relative", folder, b"up\0", 0)
    run_at(b"relative to a descriptor that will be closed", here, b"shows\0", 0)
    run_at(b"the descriptor itself", program, b"\0", ExecAt.AT_EMPTY_PATH)
    run_at(b"a path descriptor itself", path_only, b"\0", ExecAt.AT_EMPTY_PATH)
    run_at(b"empty without the flag", program, b"\0", 0)
    run_at(b"a folder itself", folder, b"\0", ExecAt.AT_EMPTY_PATH)
    run_at(b"standard input itself", 0, b"\0", ExecAt.AT_EMPTY_PATH)
    run_at(b"a script itself", script, b"\0", ExecAt.AT_EMPTY_PATH)
    run_at(b"a script itself that will be closed", hidden, b"\0", ExecAt.AT_EMPTY_PATH)
    run_at(b"a script in a folder that will be closed", here, b"script\0", 0)
    run_at(b"link, AT_SYMLINK_NOFOLLOW", here, b"link\0", ExecAt.AT_SYMLINK_NOFOLLOW)
    run_at(b"shows, AT_SYMLINK_NOFOLLOW", here, b"shows\0", ExecAt.AT_SYMLINK_NOFOLLOW)
    run_at(b"AT_EXECVE_CHECK", here, b"shows\0", ExecAt.AT_EXECVE_CHECK)
    run_at(b"AT_EXECVE_CHECK of text", here, b"text\0", ExecAt.AT_EXECVE_CHECK)
    run_at(b"AT_EXECVE_CHECK, no x bit", here, b"plain\0", ExecAt.AT_EXECVE_CHECK)
    run_at(b"unknown flags", here, b"shows\0", 1)
    run_at(b"unknown flags, nothing there", here, b"nothing\0", 0x800)
    run_at(b"a bad descriptor", 99, b"shows\0", 0)
    run_at(b"a bad descriptor, absolute path", 99, b"/nothing\0", 0)
    run_at(b"a file as a folder", program, b"shows\0", 0)
    run_at(b"AT_FDCWD", At.AT_FDCWD, b"shows\0", 0)
    memory = syscall(numbers.memfd_create, b"copy\0".ptr, 1)
    size = syscall(numbers.lseek, program, 0, 2)
    image = syscall(numbers.mmap, 0, size, 1, 2, program, 0)
    syscall(numbers.write, memory, image, size)
    run_at(b"memfd open for writing", memory, b"\0", ExecAt.AT_EMPTY_PATH)
    place = array[u8, 32]()
    place[0:14] = b"/proc/self/fd/"
    place[14] = u8(0x30 + memory // 10) if memory > 9 else u8(0x30 + memory)
    place[15] = u8(0x30 + memory % 10) if memory > 9 else u8(0)
    again = syscall(numbers.openat, At.AT_FDCWD, place.ptr, Open.O_RDONLY | Open.O_CLOEXEC, 0)
    syscall(numbers.close, memory)
    run_at(b"memfd", again, b"\0", ExecAt.AT_EMPTY_PATH)
    written = syscall(numbers.openat, At.AT_FDCWD, b"twin\0".ptr, Open.O_WRONLY, 0)
    run(b"open for writing", b"twin\0")
    syscall(numbers.close, written)
    run(b"not any more", b"twin\0")
    pid = fork()
    if pid == 0:
        arguments(b"zero\0", b"long\0")
        syscall(numbers.execve, b"rests\0".ptr, words.ptr, 0)
        leave(99)
    while syscall(numbers.access, b"rests-now\0".ptr, 0) != 0:
        syscall(numbers.sched_yield)
    result(b"write what runs", syscall(numbers.openat, At.AT_FDCWD, b"rests\0".ptr, Open.O_WRONLY, 0))
    result(b"O_TRUNC of what runs", syscall(numbers.openat, At.AT_FDCWD, b"rests\0".ptr, Open.O_TRUNC, 0))
    result(b"truncate what runs", syscall(numbers.truncate, b"rests\0".ptr, 5))
    check(b"read what runs", syscall(numbers.openat, At.AT_FDCWD, b"rests\0".ptr, Open.O_RDONLY, 0) > 0)
    syscall(numbers.kill, pid, 9)
    outcome(b"it", pid)
    check(b"write it then", syscall(numbers.openat, At.AT_FDCWD, b"rests\0".ptr, Open.O_WRONLY, 0) > 0)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """One part, by its first letter."""
    letter = argv[1][0]
    if letter == 0x70:
        paths()
    elif letter == 0x73:
        scripts()
    else:
        descriptors()
    return 0
