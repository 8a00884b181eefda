"""Real strace of the project's test guests on the bare kernel, held against emu's decoding of the same guests, call by call.

What differs legitimately (addresses, ports, times: `VALUES`) is masked on both sides. Where the form differs, the difference
is in `FORMS` with its reason, or the test fails.
"""

import difflib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emu.machine import Machine
from emu.trace.jsonl import JsonLines
from emu.trace.read import Reader
from emu.trace.strace import lines

STRACE = shutil.which("strace")

GUESTS = [
    "files_descriptors",
    "files_inotify",
    "files_io",
    "files_links",
    "files_vectors",
    "fork_basic",
    "futex_basic",
    "identity_all",
    "mapping_basic",
    "pipes_basic",
    "polling_deep",
    "polling_epoll",
    "polling_poll",
    "signals_queued",
    "signals_state",
    "sockets_create",
    "sockets_ipv6",
    "sockets_options",
    "sockets_tcp",
    "sockets_udp",
    "sockets_unix",
    "threads_state",
    "files_paths",
    "clock_time",
    "signalfd_read",
    "signalfd_ready",
    "timerfd_all",
    "timers_state",
]
"""Guests whose threads make the same calls in every run."""

LEADER = re.compile(r"(?P<tid>\d+) +(?P<time>\d+\.\d{6}) (?P<rest>.*)")
UNFINISHED = " <unfinished ...>"
RESUMED = re.compile(r"<\.\.\. \w+ resumed>")

VALUES = [
    (r" <\d+\.\d{6}>$", "", "how long it took"),
    (
        r'(read\(\d+<[^>]*timerfd[^>]*>, )"(?:[^"\\]|\\.)*"',
        r"\1COUNT",
        "how often a timer has expired by then",
    ),
    (
        r"(?<=\d)<(?:->|<-|[^<>])+>(?:\(deleted\))?",
        "<>",
        "what a descriptor is: other words, and other files",
    ),
    (
        r"AT_FDCWD<[^>]*>",
        "AT_FDCWD",
        "strace adds the working directory, which is no descriptor of the guest's",
    ),
    (r"\b0x[0-9a-f]{5,16}\b", "ADDRESS", "addresses, and words without a name"),
    (r"htons\((?!0\))\d+\)", "htons(PORT)", "ports that the kernel chose"),
    (r"(?<=tv_sec=)-?\d+(, tv_[un]sec=)\d{1,9}\b", r"S\1N", "times"),
    (r', sa_data="(?:[^"\\]|\\.)*"', ", sa_data=BYTES", "ports inside of them"),
    (r"time\(.*", "time(T) = T", "the time"),
    (r"(si_pid=\d+, si_uid=)\d+", r"\1N", "the guest has its own identity"),
    (r'(\d+<[^>]*>, )"[^"]*\\0\\0\\0\\0\\0\\0", 8\)', r"\1WORD, 8)", "numbers of processes in a pipe"),
    (r"st_size=\d+", "st_size=N", "of directories"),
    (r"d_(ino|off)=\d+", r"d_\1=N", "inodes and positions of directories"),
    (r"si_(timerid|addr)=0x[0-9a-f]+", r"si_\1=N", "where a process id stands in the same bytes"),
    (r'sun_path=@"[0-9a-f]{5}"', 'sun_path=@"NAME"', "names that bind chose"),
    (r'(getcwd\()"[^"]*"(.* = )\d+', r"\1PATH\2N", "the guest's root is its own"),
]
"""What may differ between two runs, masked on both sides."""

FORMS = [
    (r" /\* [A-Z?_]+ \*/", "", "no comment behind a value without a name: the number says it"),
    (r"data=\{u32=\d+, u64=(\d+)\}", "data=WORD", "the data of an epoll event once, in hexadecimal"),
    (r" \(left \{[^}]*\}\)", "", "as the next"),
    (r", left \{[^}]*\}\)", ")", "what was left of a time-out: the duration of the call says it"),
    (r"RLIM64_INFINITY", "RLIM_INFINITY", "the name that getrlimit(2) gives it"),
    (r"=(\d+)\*1024\b", lambda m: f"={int(m[1]) * 1024}", "limits in full"),
    (r" ?/?\*? ?\(?20\d\d-\d\d-\d\dT[\d:]+\+0000\)?( \*/)?", "", "a time is a number"),
    (r" => \{parent_tid=\[\d+\]\}", "", "the new thread's number is the result"),
    (r"rlim_(cur|max)=(\d+|RLIM_INFINITY)", r"rlim_\1=N", "limits: of the machine, and of the bench"),
    (r"\bSO_TIMESTAMP(NS|ING)?_OLD", r"SO_TIMESTAMP\1", "the name in C"),
    (r"(wait4\(.*, )WSTOPPED\b", r"\1WUNTRACED", "the name that wait(2) gives it"),
    (r"tv_([nu])sec=18446744073709551615", r"tv_\1sec=-1", "tv_nsec and tv_usec are signed"),
    (r"rt_sigreturn\(\{mask=[^}]*\}\)", "rt_sigreturn()", "what it goes back to is no argument"),
    (r"\buid=(-?\d+), gid=(-?\d+)", "uid=N, gid=N", "uids are unsigned; those of the two machines differ"),
    (
        r'(SO_(?:RCV|SND)TIMEO)(?:_OLD|_NEW)?, (?:"[^"]*"|\{tv_sec=[-\dSN]+, tv_usec=[-\dN]+\})',
        r"\1, TIME",
        "time-outs of sockets as the times that they are",
    ),
    (r'\\x0(?=\d")', r"\\", "bytes in octal, as everywhere"),
    (r"(SO_(?:TYPE|DOMAIN|ERROR), )\[\w+\]", r"\1[NAME]", "the value by its name"),
    (r"\bdata=(0x[0-9a-f]+|ADDRESS)", "data=WORD", "(the same, from our side)"),
]
"""Forms that we have chosen otherwise, rewritten on both sides, with the reason."""

SKIPPED = {
    r"(getuid|geteuid|getgid|getegid|getresuid|getresgid|getppid|getpgid|getpgrp|getsid)\(": "the guest has its own identity",
    r"(uname|sysinfo|getrandom|times|getrusage|sched_getaffinity)\(": "facts of the machine",
    r"\w+\(\d+</dev/u?random>": "random bytes",
    r"readv?\(\d+<(anon_inode:\[)?signalfd": "numbers of processes and users in what is read",
    r"sched_(setaffinity|yield)\(|getcpu\(|tkill\(": "processors, and how often a thread looks",
    r"(clock_\w+|timer_create)\((0x[ef]fff|0xf000|MAKE_|FD_TO_)": "processor clocks, which we decode",
    r"(openat|chdir)\(.*\"(\.\./file|file|folder/inner)\"|(fchdir|close)\((-2|3)|getcwd\(.*, 3\)": "above the guest's root is nothing",
}
"""Calls that are not compared: their results are those of two machines."""


ODD = [
    (r"futex\(0x\w+, FUTEX_WAIT, \d{3,}, NULL\)", "a thread's end is waited for only if it has not come yet"),
    (
        r"dup3\(.*(O_NONBLOCK|0x800)|pipe2\(.*(O_APPEND|0x400)",
        "a flag that the call does not have stays a number",
    ),
    (r"fcntl\(.*(0x403|F_DUPFD_QUERY)", "newer than this strace"),
    (
        r"futex\(.*(0x101|FUTEX_CLOCK_REALTIME, 1\)|0x63)",
        "flags of an operation are shown even if it has none",
    ),
    (r"mmap\(.*(0x4\b|HUGE_SHIFT|0x8000000)", "bits without a name stand last, as everywhere"),
    (
        r"mremap\(.*MREMAP_(FIXED|DONTUNMAP).* = -1 EINVAL",
        "the new address is shown whenever a flag asks for it",
    ),
    (r"timerfd_create\(\w+( /\*.*\*/)?, (0x1|TFD_TIMER_ABSTIME)\)", "which is a flag of timerfd_settime"),
    (r"p?select6?\((0|-1), ", "without descriptors a set is empty, and no address"),
    (r"(ppoll|epoll_pwait2)\(.*= -1 EINVAL", "a time-out that is wrong is shown"),
    (r"readv\(.*= -1 EFAULT", "of a vector that is half there nothing is shown but its address"),
    (
        r"rt_sigaction\(SIG(USR2|KILL|STOP), .*SA_RESETHAND",
        "SA_UNSUPPORTED, SA_EXPOSE_TAGBITS: newer than this strace",
    ),
    (
        r"socketpair\(AF_INET|socket\(AF_AX25",
        "protocols have names in the Internet families, and in no other",
    ),
    (r"[gs]etsockopt\(.*SO_(BINDTODEVICE|REUSEPORT), .*\[(16 => )?0\]\)", "an empty value is shown as such"),
    (
        r"setsockopt\(.*SO_(REUSEADDR, .*(3|16)|LINGER, .*4|ATTACH_FILTER, .*8)\)",
        "a value of another size is shown as it is",
    ),
    (r"getsockname\(\d+<.*>, NULL, .*= -1 EFAULT", "the length was readable"),
    (r"sendmsg\(.*cmsg_len=(15|21|27|20, .*=0x)", "damaged and unknown control data is shown as bytes"),
    (r"sendmsg\(.*msg_control=\"", "the same, from our side"),
    (r"arch_prctl\((0|0x0|0x1234)\b", "an unknown operation's argument is an address"),
    (r"sched_setaffinity\(\d+, 0,", "no size, no mask"),
    (
        r"prctl\(PR_([SG]ET_(TSC|SECCOMP|NO_NEW|THP|CHILD)|CAP_|MCE|0x)",
        "arguments as numbers",
    ),
    (r"prctl\((0x|PR_SET_MM|PR_SET_VMA|PR_SET_TIMERSLACK|PR_TASK)", "the same"),
    (
        r"clone3\(.*(, 63\)|, 4097\)|, 96\)|0x400000|0x11|SIGCHLD|DETACHED|stack_size=0x?f)",
        "newer fields",
    ),
    (r"openat\(.*\"(a{99}|/\./)", "a path that is too long is shown cut, at PATH_MAX"),
    (r"rt_sigqueueinfo\(\d+, 0, \{", "what signal 0 was given is shown"),
    (r"getcwd\(0x\w+, 64\) = -1", "the guest's path is shorter: it fits, and then the memory is bad"),
    (r"readlink(at)?\(.*(-1|18446744073709551615)\) = -1 EINVAL", "bufsiz is an int in the kernel"),
]
"""Calls that show otherwise, and stay so."""


def natively(program: Path, folder: Path) -> list[str]:
    """The lines of `strace -f -y -ttt -T`."""
    assert STRACE
    output = folder / "strace.txt"
    subprocess.run(
        [STRACE, "-f", "-y", "-ttt", "-T", "-e", "abbrev=!getdents64", "-o", str(output), str(program)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={}, cwd=folder, timeout=60, check=False,
    )  # fmt: skip
    return output.read_text("latin-1").splitlines()


def emulated(program: Path, folder: Path) -> list[str]:
    """The lines that emu makes of its own trace."""
    saved = folder / "calls.jsonl"
    null = os.open(os.devnull, os.O_RDWR)
    sink = JsonLines(saved, pytest.fail)
    with Machine(program, stdin=null, stdout=null, stderr=null, trace=sink, say=lambda text: None) as machine:
        machine.run()
    os.close(null)
    reader = Reader(saved)
    return list(lines(reader, reader.header))


def whole(found: list[str]) -> Iterator[tuple[str, str]]:
    """Thread and call of each line; halves of calls are joined, where they ended."""
    begun: dict[str, str] = {}
    for line in found:
        match = LEADER.fullmatch(line)
        assert match, line
        tid, rest = match["tid"], match["rest"]
        if rest.endswith(UNFINISHED):
            begun[tid] = rest.removesuffix(UNFINISHED)
            continue
        resumed = RESUMED.match(rest)
        yield tid, begun.pop(tid) + rest[resumed.end() :] if resumed else rest
    assert not begun, begun


def calls(found: list[str]) -> list[str]:
    """The calls of each thread in turn, without what the guest prints; threads have emu's numbers."""
    threads: dict[str, list[str]] = {}
    for tid, line in whole(found):
        threads.setdefault(tid, [])  # one that ends without a call is one, too
        if not line.startswith(("execve(", "+++ ", "--- ", "write(1<")):
            threads[tid].append(re.sub(r"\) += ", ") = ", line))
    number = {tid: str(1000 + index) for index, tid in enumerate(threads)}
    named = re.compile(rf"\b({'|'.join(number)})\b(?!\.)")
    return [
        named.sub(lambda match: number[match[0]], line)
        for lines_of_one in threads.values()
        for line in lines_of_one
        if not any(re.match(pattern, line) for pattern in SKIPPED)
    ]


def masked(line: str, *tables: list[tuple]) -> str:  # type: ignore[type-arg]
    for table in tables:
        for pattern, replacement, _ in table:
            line = re.sub(pattern, replacement, line)
    return line


def is_odd(line: str) -> bool:
    return any(re.match(pattern, line) for pattern, _ in ODD)


def differences(program: Path, folder: Path) -> list[str]:
    """The lines that are not the same; the rest of them must be many."""
    folder.mkdir()
    theirs, ours = calls(natively(program, folder)), calls(emulated(program, folder))
    plain = [[masked(line, VALUES) for line in side] for side in (theirs, ours)]
    blocks = difflib.SequenceMatcher(None, *plain, autojunk=False).get_matching_blocks()
    equal = sum(block.size for block in blocks)
    theirs, ours = [[line for line in side if not is_odd(line)] for side in (theirs, ours)]
    a, b = [[masked(line, VALUES, FORMS) for line in side] for side in (theirs, ours)]
    different = []
    for kind, i, i_end, j, j_end in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind != "equal":
            different += [f"strace: {line}" for line in theirs[i:i_end]]
            different += [f"emu:    {line}" for line in ours[j:j_end]]
    if equal < 0.4 * len(theirs):
        different.append(f"only {equal} of {len(theirs)} are equal before FORMS")
    return different


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("guest", GUESTS)
def test_every_call_reads_as_strace_writes_it(elf: Callable[[str], Path], tmp_path: Path, guest: str) -> None:
    different = differences(elf(guest), tmp_path / "run")
    assert not different, "\n".join(different)
