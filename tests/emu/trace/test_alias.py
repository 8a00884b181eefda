"""Renaming: two runs that differ only in what the kernel, the clock and the machine decide look the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.trace import tolerance
from emu.trace.alias import Masker, Symbol, canonical
from emu.trace.pairing import Pairs
from emu.trace.regions import Regions
from syscalls import numbers
from syscalls.table import TABLE


def call(name: str, args: dict[str, Any], result: int | None = 0, **more: Any) -> dict[str, Any]:
    return {
        "event": "syscall", "sequence": 0, "time": 5, "duration": 1, "blocked": 0, "pid": 1000, "tid": 1000,
        "number": getattr(numbers, name), "name": name, "registers": [0] * 6, "args": args, "result": result,
        "pc": 4198400, **more,
    }  # fmt: skip


def masked(*records: dict[str, Any], cwd: str = "") -> list[dict[str, Any]]:
    masker = Masker(cwd)
    found = [masker.mask(record) for record in records]
    assert json.loads(json.dumps(found)) == found  # plain data
    return found


def test_descriptors_are_named_by_their_open_file_in_order_of_appearance() -> None:
    first, copy, again = masked(
        call("eventfd2", {"count": 0, "flags": "0"}, 7, fds={"result": "eventfd"}, objects={"result": 12}),
        call(
            "dup",
            {"fildes": 7},
            9,
            fds={"fildes": "eventfd", "result": "eventfd"},
            objects={"fildes": 12, "result": 12},
        ),
        call("close", {"fd": 7}, 0, fds={"fd": "eventfd"}, objects={"fd": 13}),
    )
    assert first["result"] == copy["result"] == copy["args"]["fildes"] == "fd1"
    assert again["args"]["fd"] == "fd2"


def test_a_number_that_is_not_open_and_numbers_that_are_no_descriptor() -> None:
    closed, none = masked(
        call("close", {"fd": 77}, -9, fds={"fd": None}, objects={"fd": None}, error="EBADF"),
        call("close", {"fd": -1}, -9, fds={"fd": None}, objects={"fd": None}, error="EBADF"),
    )
    assert closed["args"]["fd"] == "closed"
    assert none["args"]["fd"] == -1
    assert closed["error"] == "EBADF"
    assert closed["result"] is None


def test_sets_and_pairs_of_descriptors() -> None:
    pair, polled = masked(
        call(
            "pipe2",
            {"pipefd": [3, 4], "flags": "0"},
            fds={"pipefd": {"3": "pipe", "4": "pipe"}},
            objects={"pipefd": {"3": 1, "4": 2}},
        ),
        call(
            "poll",
            {"fds": [{"fd": 4, "events": "POLLOUT", "revents": "0"}], "nfds": 1, "timeout": 2987},
            fds={"fds": {"4": "pipe"}},
            objects={"fds": {"4": 2}},
        ),
    )
    assert pair["args"]["pipefd"] == ["fd1", "fd2"]
    assert polled["args"]["fds"][0]["fd"] == "fd2"
    assert polled["args"]["timeout"] == "time"


def test_processes_and_threads() -> None:
    asked, sent, group, wrong = masked(
        call("getpid", {}, 4711),
        call("tgkill", {"tgid": 4711, "tid": 4712, "sig": "SIGTERM"}),
        call("kill", {"pid": -4711, "sig": "SIGTERM"}),
        call("kill", {"pid": 0, "sig": "SIGTERM"}),
    )
    assert asked["result"] == "pid2"  # the record's own thread, 1000, is the first
    assert sent["args"] == {"tgid": "pid2", "tid": "pid3", "sig": "SIGTERM"}
    assert group["args"]["pid"] == "-pid2"
    assert wrong["args"]["pid"] == 0


def test_addresses_keep_their_region_and_offset() -> None:
    made, inside, outside, gone = masked(
        call(
            "mmap", {"addr": None, "length": 8192, "prot": "0", "flags": "0", "fd": -1, "offset": 0}, 0x7F0000
        ),
        call("mprotect", {"addr": 0x7F1000, "len": 4096, "prot": "PROT_NONE"}),
        call("set_robust_list", {"head": 0x404000, "size": 24}),
        call("munmap", {"addr": 0x7F0000, "length": 8192}),
    )
    assert made["result"] == gone["args"]["addr"] == "region1"
    assert inside["args"]["addr"] == "region1+0x1000"
    assert outside["args"]["head"] == "addr"


def test_regions_are_not_the_same_after_they_were_unmapped() -> None:
    regions = Regions()
    for _ in range(2):
        record = call("mmap", {"addr": None, "length": 100}, 0x7F0000)
        regions.before(record)
        regions.after(record)
        last = regions.locate(0x7F0FFF)
        record = call("munmap", {"addr": 0x7F0000, "length": 100})
        regions.before(record)
        regions.after(record)
        assert regions.locate(0x7F0000) is None
    assert last == Symbol("region", (2, 0xFFF), 0x7F0FFF)


def test_a_hole_in_a_region_leaves_its_ends() -> None:
    regions = Regions()
    regions.before(call("mmap", {"addr": None, "length": 0x3000}, 0x7F0000))
    regions.after(call("munmap", {"addr": 0x7F1000, "length": 0x1000}))
    assert regions.locate(0x7F1000) is None
    assert regions.locate(0x7F2010) == Symbol("region", (1, 0x2010), 0x7F2010)


def test_ports_in_addresses_descriptions_and_payloads() -> None:
    bound, sent = masked(
        call(
            "bind",
            {
                "fd": 3,
                "addr": {"sa_family": "AF_INET", "sin_port": 40312, "sin_addr": "127.0.0.1"},
                "addrlen": 16,
            },
            fds={"fd": "TCP"},
            objects={"fd": 1},
        ),
        call(
            "write",
            {"fd": 3, "buf": "Host: 127.0.0.1:40312\r\n at 12:30:59", "count": 33},
            33,
            fds={"fd": "TCP 127.0.0.1:40312<-127.0.0.1:50000"},
            objects={"fd": 1},
        ),
    )
    assert bound["args"]["addr"]["sin_port"] == "port1"
    assert sent["args"]["buf"] == "Host: 127.0.0.1:port1\r\n at 12:30:59"
    assert sent["fds"]["fd"] == "TCP 127.0.0.1:port1<-127.0.0.1:port2"


def test_port_zero_stays() -> None:
    (bound,) = masked(call("bind", {"fd": 3, "addr": {"sa_family": "AF_INET", "sin_port": 0}, "addrlen": 16}))
    assert bound["args"]["addr"]["sin_port"] == 0


@pytest.mark.parametrize(
    ("name", "args", "shown"),
    [
        ("clock_gettime", {"clockid": "CLOCK_MONOTONIC", "tp": {"tv_sec": 7, "tv_nsec": 0}}, {"tp": "time"}),
        ("nanosleep", {"duration": {"tv_sec": 1, "tv_nsec": 5_000_000}, "rem": None},
         {"duration": {"tv_sec": 1, "tv_nsec": 5_000_000}}),
        ("nanosleep", {"duration": {"tv_sec": 1, "tv_nsec": 5}, "rem": 140000000}, {"duration": "time", "rem": "addr"}),
        ("clock_nanosleep", {"clockid": "CLOCK_MONOTONIC", "flags": "TIMER_ABSTIME", "t": {"tv_sec": 9, "tv_nsec": 0},
                             "remain": None}, {"t": "time"}),
        ("getrandom", {"buf": "\x01\x02", "buflen": 2, "flags": "0"}, {"buf": "random"}),
        ("getcpu", {"cpu": [3], "node": [0], "tcache": None}, {"cpu": "machine", "node": "machine", "tcache": None}),
        ("poll", {"fds": [], "nfds": 0, "timeout": -1}, {"timeout": -1}),
        ("uname", {"buf": {"sysname": "Linux", "nodename": "here", "release": "6.1", "machine": "x86_64"}},
         {"buf": {"sysname": "Linux", "nodename": "machine", "release": "machine", "machine": "x86_64"}}),
        ("fstat", {"fd": -1, "statbuf": {"st_dev": "makedev(0x8, 0x1)", "st_ino": 99, "st_size": 12,
                                         "st_mtim": {"tv_sec": 1, "tv_nsec": 2}}},
         {"statbuf": {"st_dev": "machine", "st_ino": "inode1", "st_size": 12, "st_mtim": "time"}}),
        ("rt_sigaction", {"signum": "SIGINT", "act": {"sa_handler": "0x401000", "sa_flags": "SA_RESTORER"},
                          "oldact": {"sa_handler": "SIG_DFL"}, "sigsetsize": 8},
         {"act": {"sa_handler": "addr", "sa_flags": "SA_RESTORER"}, "oldact": {"sa_handler": "SIG_DFL"}}),
        ("openat", {"dirfd": "AT_FDCWD", "pathname": "/proc/4711/task/4712/stat", "flags": "O_RDONLY", "mode": "000"},
         {"dirfd": "AT_FDCWD", "pathname": "/proc/pid2/task/pid3/stat"}),
        ("openat", {"dirfd": "AT_FDCWD", "pathname": 140000000, "flags": "O_RDONLY", "mode": "000"}, {"pathname": "addr"}),
        ("futex", {"uaddr": 4210688, "futex_op": "FUTEX_WAIT", "val": 2, "timeout": None, "uaddr2": "", "val3": ""},
         {"uaddr": "addr", "val": 2, "timeout": None, "uaddr2": ""}),
    ],
)  # fmt: skip
def test_values_by_their_declared_type(name: str, args: dict[str, Any], shown: dict[str, Any]) -> None:
    (found,) = masked(call(name, args))
    assert {key: found["args"][key] for key in shown} == shown


def test_paths_under_the_working_directory() -> None:
    (opened,) = masked(
        call("mkdir", {"pathname": "/tmp/run-5x/data", "mode": "0755"}),
        cwd="/tmp/run-5x",
    )
    assert opened["args"]["pathname"] == "./data"


def test_descriptors_that_travel_in_messages() -> None:
    control = [{"cmsg_level": "SOL_SOCKET", "cmsg_type": "SCM_RIGHTS", "cmsg_data": [5]}]
    (sent,) = masked(
        call(
            "sendmsg",
            {"fd": 3, "msg": {"msg_name": None, "msg_control": control, "msg_controllen": 24}, "flags": "0"},
            1,
            fds={"fd": "UNIX STREAM", "msg": {"5": "eventfd"}},
            objects={"fd": 1, "msg": {"5": 4}},
        )
    )
    assert sent["args"]["msg"]["msg_control"][0]["cmsg_data"] == ["fd2"]
    assert sent["args"]["fd"] == "fd1"


def test_a_canonical_record_says_what_was_there() -> None:
    found = canonical(call("getpid", {}, 4711))
    assert found.result == Symbol("pid", 4711, 4711)


def test_events_keep_what_happened() -> None:
    started, ended = masked(
        {"event": "thread_start", "time": 5, "pid": 4711, "tid": 4712, "parent": 4711},
        {"event": "process_end", "time": 9, "pid": 4711, "code": 0, "signal": None},
    )
    assert started == {"event": "thread_start", "tid": "pid1", "parent": "pid2"}
    assert ended == {"event": "process_end", "code": 0, "signal": None}


_plain = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), 1 << 64)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
)
_anything = st.recursive(
    _plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "fd",
                    "events",
                    "revents",
                    "data",
                    "tv_sec",
                    "tv_nsec",
                    "bytes",
                    "size",
                    "st_mode",
                    "sun_path",
                ]
            )
            | st.sampled_from(
                ["sin_port", "pid", "sa_data", "cmsg_type", "cmsg_data", "iov_base", "sa_handler", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(data=st.data())
def test_whatever_a_damaged_record_says_it_is_renamed(data: st.DataObject) -> None:
    entry = data.draw(st.sampled_from(sorted(TABLE.values(), key=lambda entry: entry.number)))
    args = {name: data.draw(_anything) for name in entry.args}
    described = st.none() | st.text(max_size=5) | st.dictionaries(st.text(max_size=2), _anything, max_size=2)
    numbered = st.none() | st.integers(0, 99) | st.dictionaries(st.text(max_size=2), _anything, max_size=2)
    names = st.sampled_from([*entry.args, "result"])
    record = call(
        entry.name,
        args,
        data.draw(st.none() | st.integers(-5000, 1 << 63)),
        fds=data.draw(st.dictionaries(names, described, max_size=3)),
        objects=data.draw(st.dictionaries(names, numbered, max_size=3)),
    )
    other = {**record, "args": {**args, **{name: data.draw(_anything) for name in list(args)[:2]}}}
    masked(record, other)
    Pairs().differences(canonical(record), canonical(other))
    tolerance.is_wakeup(record)
    tolerance.piece(record)
