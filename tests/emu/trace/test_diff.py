"""Comparing two traces: what counts as a difference, where it is, and what is said of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.trace import diff_text
from emu.trace.diff import Options, Outcome, compare
from emu.trace.diff_cause import cause, differences
from emu.trace.filter import Filter
from emu.trace.per_thread import ByThread
from syscalls import numbers

Trace = list[dict[str, Any]]


class Writer:
    """Makes records of a run: `call` in the main thread, or in another one that `thread` began."""

    def __init__(self, pid: int = 1000) -> None:
        self.pid = pid
        self.records: Trace = []
        self.clock = 0

    def call(
        self, name: str, args: dict[str, Any], result: int | None = 0, tid: int = 0, **more: Any
    ) -> "Writer":
        self.clock += 1000
        self.records.append({
            "event": "syscall", "sequence": len(self.records), "time": self.clock, "duration": 10, "blocked": 0,
            "pid": self.pid, "tid": tid or self.pid, "number": getattr(numbers, name), "name": name,
            "registers": [0] * 6, "args": args, "result": result, "pc": 4198400, **more,
        })  # fmt: skip
        return self

    def event(self, event: str, **more: Any) -> "Writer":
        self.clock += 1000
        self.records.append({"event": event, "time": self.clock, "pid": self.pid, **more})
        return self

    def write(self, text: str, fd: int = 1, object_: int = 1, kind: str = "file", **more: Any) -> "Writer":
        return self.call(
            "write", {"fd": fd, "buf": text, "count": len(text)}, more.pop("result", len(text)),
            fds={"fd": kind}, objects={"fd": object_}, **more,
        )  # fmt: skip

    def read(
        self, text: str, fd: int = 5, object_: int = 2, kind: str = "TCP 127.0.0.1:80", **more: Any
    ) -> "Writer":
        return self.call(
            "recvfrom", {"fd": fd, "buf": text, "size": 2048, "flags": "0", "src_addr": None, "addrlen": None},
            more.pop("result", len(text)), fds={"fd": kind}, objects={"fd": object_}, **more,
        )  # fmt: skip

    def again(self, fd: int = 5, object_: int = 2) -> "Writer":
        return self.call(
            "recvfrom", {"fd": fd, "buf": 4210688, "size": 2048, "flags": "0", "src_addr": None, "addrlen": None},
            -11, error="EAGAIN", fds={"fd": "TCP 127.0.0.1:80"}, objects={"fd": object_},
        )  # fmt: skip

    def poll(self, ready: int = 1) -> "Writer":
        state = {"fd": 5, "events": "POLLIN", "revents": "POLLIN" if ready else "0"}
        return self.call(
            "poll", {"fds": [state], "nfds": 1, "timeout": 999 + self.clock}, ready,
            fds={"fds": {"5": "TCP"}}, objects={"fds": {"5": 2}},
        )  # fmt: skip

    def exit(self, status: int = 0) -> "Writer":
        self.call("exit_group", {"status": status}, None)
        self.event("thread_end", tid=self.pid, status=status)
        return self.event("process_end", code=status, signal=None)


Compare = Callable[..., Outcome]


@pytest.fixture
def compared(tmp_path: Path) -> Compare:
    def run(a: Writer | Trace, b: Writer | Trace, **options: Any) -> Outcome:
        paths = []
        for name, trace in (("a", a), ("b", b)):
            records = trace.records if isinstance(trace, Writer) else trace
            pid = trace.pid if isinstance(trace, Writer) else 1000
            header = {"format": "emu trace", "version": 1, "pid": pid}
            path = tmp_path / f"{name}.jsonl"
            path.write_text("".join(json.dumps(line) + "\n" for line in (header, *records)))
            paths.append(path)
        with ByThread(paths[0]) as left, ByThread(paths[1]) as right:
            return compare(left, right, Options(**options))

    return run


def said(outcome: Outcome) -> str:
    """The likely cause of the first divergence."""
    return "; ".join(cause(outcome.divergences[0]))


def test_equal_traces(compared: Compare) -> None:
    outcome = compared(Writer().write("x").exit(), Writer().write("x").exit())
    assert not outcome.divergences
    assert outcome.calls == [2, 2]


def test_what_the_kernel_chose_is_no_difference(compared: Compare) -> None:
    def run(pid: int, fd: int, object_: int, port: int, address: int) -> Writer:
        return (
            Writer(pid)
            .call("getpid", {}, pid)
            .call("socket", {"domain": "AF_INET", "type": "SOCK_STREAM", "protocol": "0"}, fd,
                  fds={"result": "TCP"}, objects={"result": object_})
            .call("bind", {"fd": fd, "addr": {"sa_family": "AF_INET", "sin_port": port}, "addrlen": 16},
                  fds={"fd": "TCP"}, objects={"fd": object_})
            .call("mmap", {"addr": None, "length": 4096, "fd": -1}, address)
            .call("munmap", {"addr": address, "length": 4096})
            .write(f"pid {pid} at 127.0.0.1:{port}\n")
            .exit()
        )  # fmt: skip

    outcome = compared(
        run(1000, 3, 1 + 1, 40000, 0x7FFF0000), run(31337, 9, 7, 50123, 0x7F120000), exact=True
    )
    assert not outcome.divergences


def test_the_same_descriptor_must_stay_the_same(compared: Compare) -> None:
    a = Writer().write("x", 1, 1).write("y", 2, 2).write("z", 1, 1)
    b = Writer().write("x", 1, 1).write("y", 2, 2).write("z", 2, 2)
    (found,) = compared(a, b).divergences
    assert found.a is not None
    assert found.a.number == 3
    assert said(compared(a, b)) == "write is about another open file: 1<file> in A, 2<file> in B"


def test_bytes_that_differ(compared: Compare) -> None:
    outcome = compared(Writer().write("hello brave world"), Writer().write("hello brave wurst"))
    assert said(outcome) == "the arguments of write differ: buf from byte 13 on"
    assert list(differences(outcome.divergences[0])) == [
        ("argument buf, from byte 13 on", '"hello brave world"', '"hello brave wurst"')
    ]


def test_an_error_on_one_side(compared: Compare) -> None:
    accept = {"sockfd": 3, "addr": None, "addrlen": None, "flags": "0"}
    a = Writer().call(
        "accept4", accept, 6, fds={"sockfd": "TCP", "result": "TCP"}, objects={"sockfd": 1, "result": 2}
    )
    b = Writer().call("accept4", accept, -24, fds={"sockfd": "TCP"}, objects={"sockfd": 1}, error="EMFILE")
    outcome = compared(a, b)
    assert said(outcome) == "B's accept4 failed with EMFILE"
    assert next(iter(differences(outcome.divergences[0])))[0] == "result"


def test_another_result(compared: Compare) -> None:
    seek = {"fd": 3, "offset": 0, "whence": "SEEK_END"}
    outcome = compared(Writer().call("lseek", seek, 10), Writer().call("lseek", seek, 11))
    assert said(outcome) == "lseek answered 10 in A and 11 in B to the same question"


def test_a_run_that_ends_earlier(compared: Compare) -> None:
    outcome = compared(Writer().write("a").write("b").exit(0), Writer().write("a").exit(1))
    assert said(outcome) == "the thread ended earlier in B: exit_group(1)"


def test_a_run_that_still_waits(compared: Compare) -> None:
    a = Writer().read("request").write("answer", 5, 2, "TCP").exit()
    b = Writer().read("", result=None, unfinished=True).event("process_end", code=None, signal=9)
    assert said(compared(a, b)) == "B's recvfrom was still waiting when the run ended; A's returned"


def test_calls_that_only_one_side_makes(compared: Compare) -> None:
    a = Writer().write("a").call("fsync", {}, 0).write("b").write("c").write("d").exit()
    b = Writer().write("a").write("b").write("c").write("d").exit()
    assert said(compared(a, b)) == "A makes one call more here, then both go on alike: fsync"


def test_wake_ups_are_passed_over_and_counted(compared: Compare) -> None:
    a = Writer().poll().read("x").poll(0).poll().again().poll().read("y").exit()
    b = Writer().poll().read("x").poll().read("y").exit()
    outcome = compared(a, b)
    assert not outcome.divergences
    assert sum(outcome.passed.values()) == 4
    assert compared(a, b, exact=True).divergences


def test_what_was_passed_over_is_mentioned_as_a_cause(compared: Compare) -> None:
    a = Writer().again().write("late")
    b = Writer().write("early")
    assert said(compared(a, b)).endswith("before it, A has one recvfrom more (EAGAIN): its call 1")


def test_a_stream_in_other_pieces(compared: Compare) -> None:
    a = Writer().read("GET / HTTP/1.1\r\n").again().poll().read("Host: x\r\n\r\n").write("ok")
    b = Writer().read("GET / HTTP/1.1\r\nHost: x\r\n\r\n").write("ok")
    outcome = compared(a, b)
    assert not outcome.divergences
    assert outcome.passed["other pieces of a stream"] == 1
    assert compared(a, b, exact=True).divergences


def test_a_stream_with_other_bytes_in_other_pieces(compared: Compare) -> None:
    a = Writer().read("GET / HT").read("TP/1.1").write("ok")
    b = Writer().read("GET / HTTP/1.0").write("ok")
    assert compared(a, b).divergences


def test_payloads_that_were_cut_are_compared_as_far_as_they_are_known(compared: Compare) -> None:
    def run(head: str, size: int) -> Writer:
        args = {"fd": 1, "buf": {"bytes": head, "size": size}, "count": size}
        return Writer().call("write", args, size, fds={"fd": "file"}, objects={"fd": 1})

    assert not compared(run("abc", 1000), run("abcdef", 1000)).divergences
    (found,) = compared(run("abc", 1000), run("abX", 1000)).divergences
    assert found.differences[0].byte == 2
    assert compared(run("abc", 1000), run("abc", 1001)).divergences


def threaded(order: str, last: str = "done") -> Writer:
    """Two threads that write, in the order in which `order` names them."""
    run = Writer()
    for tid in (1001, 1002):
        run.event("thread_start", tid=tid, parent=1000)
        run.call("clone", {"flags": "CLONE_VM", "stack": None}, tid)
    for name in order:
        run.write(f"thread {name}", tid=1000 + int(name), object_=int(name) + 10)
    return run.write(last, tid=1002, object_=12).exit()


def test_threads_are_aligned_each_for_itself(compared: Compare) -> None:
    assert not compared(threaded("1212"), threaded("2211")).divergences
    (found,) = compared(threaded("12"), threaded("21", "DONE")).divergences
    assert found.thread == "thread 3"


def test_the_first_in_time_comes_first(compared: Compare) -> None:
    a, b = threaded("1212"), threaded("1212")
    for record in b.records:
        if record["event"] == "syscall" and record["name"] == "write" and record["tid"] == 1001:
            record["args"] = {**record["args"], "buf": "thread X"}
    b.records[-4]["args"] = {**b.records[-4]["args"], "buf": "DONE"}
    assert [found.thread for found in compared(a, b).divergences] == ["thread 2", "thread 3"]


def test_a_thread_that_one_side_lacks(compared: Compare) -> None:
    a = Writer()
    a.event("thread_start", tid=1001, parent=1000).write("x", tid=1001).exit()
    assert "thread 2 did nothing in B" in said(compared(a, Writer().exit()))


def test_every_divergence(compared: Compare) -> None:
    a = Writer().write("1").write("2").write("3").write("4").write("5").write("6").write("7")
    b = Writer().write("1").write("X").write("3").write("4").write("5").write("Y").write("7")
    found = compared(a, b, every=True).divergences
    assert [(one.a.number, one.b.number) for one in found if one.a and one.b] == [(2, 2), (6, 6)]
    assert len(compared(a, b).divergences) == 1


def test_only_the_calls_that_are_asked_for(compared: Compare) -> None:
    a = Writer().write("a").call("close", {"fd": 9})
    b = Writer().write("b").call("close", {"fd": 9})
    assert compared(a, b).divergences
    assert not compared(a, b, filter=Filter(["trace=close"])).divergences


def test_another_end_of_the_process(compared: Compare) -> None:
    a = Writer().write("x").event("process_end", code=None, signal=15)
    b = Writer().write("x").event("process_end", code=None, signal=9)
    assert said(compared(a, b)) == "A was ended by SIGTERM, B was ended by SIGKILL"


def test_a_crash(compared: Compare) -> None:
    fault = {
        "signal": 11,
        "code": 1,
        "address": 8,
        "reason": "null",
        "pc": 1,
        "function": "f",
        "file": "",
        "line": 0,
    }
    a = Writer().write("x").write("y")
    b = Writer().write("x").event("fault", tid=1000, **fault)
    assert said(compared(a, b)) == "the program crashed in B: SIGSEGV, in f"


def test_a_handler_runs_at_another_address(compared: Compare) -> None:
    def run(handler: int, name: str, result: int) -> Writer:
        run = Writer().call("pause", {}, result, error=name)
        run.event("signal", tid=1000, signal=10, code=-6, handler=handler)
        return run.call("rt_sigreturn", {}, handler * 2).exit()

    native = run(0x7FFF00001000, "ERESTART_RESTARTBLOCK", -516)
    assert not compared(native, run(0x555555550000, "ERESTARTNOHAND", -514)).divergences
    ends = Writer().call("pause", {}, -514, error="ERESTARTNOHAND").event("signal", signal=10)
    assert compared(native, ends).divergences


def test_nothing_that_a_terminal_obeys_is_shown(compared: Compare) -> None:
    evil = {"fds": {"fd": "memfd:\x1b[31m\n"}, "objects": {"fd": 1}}
    a, b = (
        Writer().call("close", {"fd": 9}, **evil),
        Writer().call("close", {"fd": 9}, -9, error="EBADF", **evil),
    )
    (found,) = compared(a, b).divergences
    shown = list(diff_text.lines(found, diff_text.Style(200)))
    assert "9<memfd:\\33[31m\\n>" in "".join(shown)
    assert all(line.isprintable() for line in shown)


def test_damaged_lines_are_left_out_and_told(compared: Compare, tmp_path: Path) -> None:
    path = tmp_path / "damaged.jsonl"
    lines = [
        '{"format": "emu trace", "version": 1, "pid": 1000}',
        *map(json.dumps, Writer().write("x").records),
    ]
    path.write_text("\n".join([*lines, '{"event": "sysc']))
    with ByThread(path) as trace:
        assert trace.records == 1
        assert trace.damage is not None
        assert trace.damage.first == 3


def test_a_lost_header_and_records_that_only_look_whole_are_damage(compared: Compare, tmp_path: Path) -> None:
    path = tmp_path / "damaged.jsonl"
    records = Writer().write("x").write("y").write("z").records
    del records[1]["args"]
    path.write_text("\n".join(["{}", *map(json.dumps, records), ""]))
    with ByThread(path) as trace:
        for _ in range(2):
            assert [record["sequence"] for _, _, record in trace.read(1000)] == [0, 2]
        assert trace.damage is not None
        assert (trace.damage.lines, trace.damage.first) == (2, 1)
        assert not trace.ends_itself


def test_sixty_thousand_calls_in_reasonable_time(tmp_path: Path) -> None:
    """Linear: no alignment that grows with the square; the records stay in the file."""
    path = tmp_path / "long.jsonl"
    records = Writer().write("x").poll().read("y").records
    lines = [json.dumps(record) + "\n" for record in records]
    with open(path, "w") as file:
        file.write('{"format": "emu trace", "version": 1, "pid": 1000}\n')
        for _ in range(20_000):
            file.writelines(lines)
    with ByThread(path) as a, ByThread(path) as b:
        outcome = compare(a, b)
    assert outcome.calls == [60_000, 60_000]
    assert not outcome.divergences


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_the_width(compared: Compare, width: int) -> None:
    long = "a long payload that does not fit into a line of eighty columns " * 4
    outcome = compared(
        Writer().write("same").write(long).write("x"), Writer().write("same").write(long + "!").write("x")
    )
    lines = list(diff_text.lines(outcome.divergences[0], diff_text.Style(width)))
    assert max(map(len, lines)) <= max(width, 60)
    assert any("likely cause" in line for line in lines)
