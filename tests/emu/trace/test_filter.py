"""Filters: strace's words mean what they mean to strace, and choose the same calls live and in a saved trace."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.machine import Machine
from emu.places import Place
from emu.trace.filter import Filter, FilterError
from emu.trace.formatter import Formatter
from syscalls import numbers


def call(name: str, **members: Any) -> dict[str, Any]:
    """A saved record of a call with a descriptor."""
    record: dict[str, Any] = {
        "event": "syscall",
        "sequence": 4,
        "time": 1_000_000_000,
        "duration": 500_000_000,
        "blocked": 0,
        "pid": 1000,
        "tid": 1001,
        "number": getattr(numbers, name, 999),
        "name": name,
        "registers": [7, 0, 0, 0, 0, 0],
        "args": {"fd": 7},
        "fds": {"fd": "/tmp/log"},
        "objects": {"fd": 3},
        "result": 0,
        "pc": 0x401000,
    }
    return {**record, **members}


def chosen(*expressions: str, **members: Any) -> bool:
    return Filter(expressions).matches(call(members.pop("name", "write"), **members))


@pytest.mark.parametrize(
    ("expressions", "names", "others"),
    [
        (["trace=accept4,close"], ["accept4", "close"], ["accept", "read"]),
        (["accept4,close"], ["accept4", "close"], ["accept", "read"]),
        (["t=read"], ["read"], ["readv"]),
        (["!read,write"], ["close"], ["read", "write"]),
        (["%network"], ["accept4", "sendmsg", "socket"], ["read", "close"]),
        (["%net"], ["socket"], ["read"]),
        (["network"], ["socket"], ["read"]),
        (["%file"], ["openat", "stat", "chdir", "getcwd", "rename", "execve"], ["read", "memfd_create"]),
        (["%desc"], ["read", "dup2", "ppoll", "openat", "mmap", "eventfd2", "splice"], ["accept4", "brk"]),
        (["%memory"], ["mmap", "brk", "madvise"], ["read"]),
        (["%process"], ["clone", "clone3", "exit_group", "kill", "wait4"], ["gettid"]),
        (["%signal"], ["rt_sigaction", "tgkill", "signalfd4"], ["read"]),
        (["%clock"], ["clock_gettime", "time"], ["nanosleep", "times"]),
        (["%creds"], ["getuid", "setresgid", "prctl"], ["getpid"]),
        (["%ipc"], ["shmget", "semop"], ["socket"]),
        (["%%stat"], ["stat", "newfstatat", "statx"], ["statfs"]),
        (["%stat"], ["stat"], ["fstat"]),
        (["%pure"], ["getpid", "gettid"], ["getgroups"]),
        (["/^clock_"], ["clock_gettime"], ["times"]),
        (["/^p?read(v|64)$/"], ["pread64", "readv"], ["read"]),
        (["/^.{4,5}$/,getpid"], ["write", "getpid"], ["openat"]),
        (["%network,!accept4"], ["socket"], ["accept4", "read"]),
        (["%network", "close"], ["socket", "close"], ["read"]),
        (["%network", "!/^send/"], ["socket"], ["sendto", "read"]),
        (["all"], ["read"], []),
        (["none"], [], ["read", "getpid"]),
        (["?no_such_call,read"], ["read"], ["write"]),
        (["read@64"], ["read"], []),
        (["0,3"], ["read", "close"], ["write"]),
        (["fstatat,pread"], ["newfstatat", "pread64"], ["fstat"]),
    ],
)
def test_names_and_classes_of_calls(expressions: list[str], names: list[str], others: list[str]) -> None:
    assert [name for name in names + others if chosen(*expressions, name=name)] == names


def test_a_negation_lets_numbers_pass_that_no_call_has() -> None:
    assert chosen("!read", name="syscall_0x1f4", number=500)
    assert not chosen("%desc", name="syscall_0x1f4", number=500)


def test_status() -> None:
    assert chosen("status=successful", result=3)
    assert not chosen("status=successful", result=-11)
    assert not chosen("status=successful", result=None)
    assert chosen("status=failed", result=-11)
    assert not chosen("status=failed", result=None)
    assert chosen("status=unfinished", result=None)
    assert chosen("status=failed,unfinished", result=None)
    assert chosen("status=!failed", result=None)
    assert chosen("status=EAGAIN", result=-11)
    assert chosen("status=ewouldblock", result=-11)
    assert not chosen("status=EAGAIN", result=-4)
    assert chosen(
        "status=successful", result=-5000
    )  # an address, not an error (arch/x86: -MAX_ERRNO is -4095)


def test_descriptors() -> None:
    assert chosen("fd=7")
    assert chosen("fds=3,7")
    assert chosen("fd=5..9")
    assert not chosen("fd=3")
    assert not chosen("fd=!7")
    assert not chosen("fd=7", args={"fd": 3})
    sets: dict[str, Any] = {"args": {"ufds": []}, "fds": {"ufds": {"4": "eventfd", "7": None}}}
    assert chosen("fd=7", **sets)
    assert not chosen("fd=5", **sets)
    assert chosen("fd=9", name="accept4", result=9, fds={"sockfd": "TCP", "result": "TCP"})
    assert chosen("fd=77", args={"fd": 77}, fds={"fd": None})
    assert chosen("object=3")
    assert not chosen("object=7")


def test_paths_are_named_or_stood_on() -> None:
    assert chosen("path=/tmp/log")
    assert chosen("path=/tmp/")
    assert not chosen("path=/tmp")
    assert not chosen("path=/tmp/lo")
    named: dict[str, Any] = {
        "name": "openat",
        "args": {"dirfd": "AT_FDCWD", "pathname": "/srv/\xc3\xa4"},
        "fds": {},
    }
    assert chosen("path=/srv/ä", **named)
    assert Filter(paths=["/srv/"]).matches(call(**named))
    assert not Filter(paths=["/etc/", "/tmp/other"]).matches(call(**named))
    assert chosen("path=/tmp/log", fds={"fd": "/tmp/log (deleted)"})


def test_threads_by_id_or_ordinal() -> None:
    assert chosen("thread=1001")
    assert chosen("thread=2")
    assert chosen("tid=1..2")
    assert not chosen("thread=1")
    assert not chosen("thread=!2")
    start = {"event": "thread_start", "time": 1, "pid": 1000, "tid": 1001, "parent": 1000}
    assert Filter(["thread=2"]).matches(start)
    assert not Filter(["thread=3"]).matches(start)
    assert Filter(["thread=3"]).matches({"event": "process_end", "time": 1, "pid": 1000, "code": 0})


def test_times_are_those_in_which_a_call_was_going_on() -> None:
    assert chosen("time=1.2..1.3")
    assert chosen("time=0.5..2s")
    assert chosen("time=..1000ms")
    assert chosen("time=1500ms..")
    assert not chosen("time=..0.9")
    assert not chosen("time=1.6..2")
    assert chosen("time=..0.9,1.4..")
    assert chosen("duration=400..600ms")
    assert not chosen("duration=600ms..")
    assert not chosen("blocked=1us..")
    start = {"event": "thread_start", "time": 10**9, "pid": 1000, "tid": 1001}
    assert Filter(["time=0.5..1.5"]).matches(start)
    assert not Filter(["time=1.1..1.5"]).matches(start)


def test_other_events_pass_but_for_signals_that_are_not_wanted() -> None:
    fault = {"event": "fault", "time": 1, "pid": 1000, "tid": 1000, "signal": 11}
    assert Filter(["trace=none"]).matches(fault)
    assert Filter(["signal=SIGSEGV,bus"]).matches(fault)
    assert not Filter(["signal=none"]).matches(fault)
    assert not Filter(["s=!segv"]).matches(fault)
    assert Filter(["signal=none"]).matches(call("read"))


def test_different_names_must_all_hold_and_the_same_add_up() -> None:
    assert chosen("%desc", "fd=3", "fd=7", "status=successful")
    assert not chosen("%desc", "fd=7", "status=failed")
    assert not chosen("fd=3..9", "fd=!7")


def test_a_line_of_a_filter_bar() -> None:
    bar = Filter.parse("""trace=%desc fd=7 path=/tmp/log where="ret == 0 and name != 'read'" """)
    assert bar.matches(call("write"))
    assert not bar.matches(call("read"))
    assert not Filter.parse("")
    assert Filter.parse("").matches(call("read"))
    assert not Filter(["all"])
    with pytest.raises(FilterError, match="no closing quotation"):
        Filter.parse("where='ret")


def test_what_can_be_chosen_at_all() -> None:
    wanted = Filter(["%network", "!sendto"]).wanted
    assert wanted is not None
    assert numbers.socket in wanted
    assert numbers.sendto not in wanted
    assert Filter(["fd=3"]).wanted is None


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("trace=acept4", "trace=acept4: no such system call: acept4; did you mean accept4?"),
        ("%netwrok", "%netwrok: no such class of system calls: %netwrok; did you mean %network?"),
        ("statu=failed", "statu=failed: no such filter: statu=; did you mean status?"),
        ("status=faild", "status=faild: no such status: faild; did you mean failed?"),
        ("status=EAGIN", "status=EAGIN: no such status: EAGIN; did you mean EAGAIN?"),
        ("signal=SIGSEV", "signal=SIGSEV: no such signal: SIGSEV; did you mean SIGSEGV?"),
        ("fd=seven", "fd=seven: 'seven' is not a number; write 7 or 3..5"),
        ("fd=", "fd=: a value is expected, such as 7 or 3,4"),
        ("fd=5..3", "fd=5..3: the range ends before it begins"),
        ("thread=main", "thread=main: 'main' is not a number; write 1002, or 2 for the second thread"),
        ("time=2", "time=2: a range is expected, such as 0.5..2s, 10ms.. or ..3s"),
        ("time=1..2h", "time=1..2h: '2h' is not a time; write 0.5, 2s, 10ms, 300us or 80ns"),
        ("time=3..1", "time=3..1: the range ends before it begins"),
        ("/[/", "/[/: /[/ is not a regular expression: unterminated character set at position 0"),
        ("trace=", "trace=: names of system calls are expected, such as accept4,%network"),
        ("inject=read:error=EIO", "inject=read:error=EIO: inject= is strace's, and not a filter here"),
        ("ret < 0", "ret < 0: not a filter; an expression is given with --where"),
        ("path=", "path=: a path is expected"),
    ],
)
def test_what_is_not_understood_is_said_with_the_nearest_word(expression: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        Filter([expression])
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) <= 2


class Kept:
    """Keeps live records as they come."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def record(self, record: tuple[Any, ...]) -> None:
        self.records.append(record)

    def event(self, event: dict[str, Any]) -> None:
        pass

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class Pairs(list[tuple[Any, dict[str, Any]]]):
    def __repr__(self) -> str:
        return f"<{len(self)} calls>"


@pytest.fixture(scope="module")
def pairs(elf: Callable[[str], Path]) -> Pairs:
    """Calls of many kinds as they happened, each with what the file says of it."""
    found = Pairs()
    null = os.open(os.devnull, os.O_RDWR)
    for guest in (
        "files_paths",
        "files_descriptors",
        "futex_basic",
        "pipes_basic",
        "polling_poll",
        "sockets_unix",
        "files_vectors",
    ):
        sink = Kept()
        with Machine(
            elf(guest), stdin=null, stdout=null, stderr=null, trace=sink, say=lambda text: None
        ) as machine:
            machine.run()
            lines = Formatter(machine.locate).lines(sink.records).splitlines()
        found.extend(zip(sink.records, map(json.loads, lines), strict=True))
    os.close(null)
    assert len(found) > 500
    return found


words = st.sampled_from(
    [
        "%network", "%file", "%desc", "!%memory", "/^(p?read|write)", "close", "!close,write", "%%stat,%process",
        "status=failed", "status=successful", "status=EBADF,EINVAL", "status=!EBADF", "status=unfinished",
        "fd=3", "fd=0..2", "fd=!3", "fd=4,77", "object=4", "object=1..3", "thread=1", "thread=2..9", "thread=!1000",
        "time=..5ms", "time=1ms..", "duration=20us..", "duration=..30us", "blocked=1us..",
        "path=/tmp/", "path=/tmp/file", "path=!/tmp/", "path=/", "path=file",
    ]
)  # fmt: skip
wheres = st.sampled_from(
    [
        "ret < 0", "name == 'openat' and 'O_CREAT' in args.flags", "error == 'ENOENT' or error == 'EBADF'", "fd == 3",
        "args.fd > 2", "not args.fd > 2", "fds.fd == 'pipe'", "fds.dirfd == None", "fds.result != None", "objects.fd >= 3",
        "args.buf == 'abc'", "len(args.buf) > 3", "args.pathname.startswith('/tmp')", "'e' in args.pathname",
        "args.iov[0].iov_len > 1", "args.fds[0].fd == 3", "args.addr.sun_path.contains('s')", "args.fds",
        "tid == 1000 and pid == 1000", "duration * 1000000 > 20", "time > blocked", "sequence % 2 == 0", "pc & 1",
        "function", "line > 10", "number in (1, 3, 257)", "ret == -EBADF", "args.whence == 'SEEK_SET'", "fds.fds['3']",
        "woken_by is not None", "args.statbuf.st_size > 0", "args.pipefd[0] == 3", "args.count // 0", "fds.pipefd['3'] == 'pipe'",
    ]
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(words, max_size=3), st.lists(wheres, max_size=2))
def test_live_and_saved_choose_the_same(pairs: Pairs, expressions: list[str], where: list[str]) -> None:
    filters = Filter(expressions, where=where)
    places: dict[int, Place] = {}
    live = filters.live(places.__getitem__)  # type: ignore[arg-type]
    for record, saved in pairs:
        places[saved["pc"]] = Place(saved.get("function", ""), saved.get("file", ""), saved.get("line", 0))
        assert live(record) == filters.matches(saved), saved
    wanted = filters.wanted
    if wanted is not None:
        assert all(record[5].number in wanted for record, saved in pairs if filters.matches(saved))
