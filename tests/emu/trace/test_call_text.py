"""A call's text from its data: live and saved, whole and cut, whatever a guest passes."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import syscalls.calls  # noqa: F401  fills the table
from emu.trace.call_text import CallText, call_text, revived
from syscalls import numbers
from syscalls.data import Cut, json_text, plain
from syscalls.describe import Shown
from syscalls.table import TABLE, lookup


class Memory:
    """A guest's memory: `data` at 0x1000, and nothing else."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def read(self, address: int, size: int) -> bytes:
        start = address - 0x1000
        if start < 0 or start + size > len(self.data):
            raise OSError(14, "bad address")
        return self.data[start : start + size]

    def readable(self, address: int, size: int) -> int:
        return max(0, min(size, len(self.data) - (address - 0x1000))) if address >= 0x1000 else 0

    def u32(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def u64(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")


def guest(data: bytes = b"") -> Any:
    entries = {4: SimpleNamespace(shown=Shown("eventfd", 1)), 5: SimpleNamespace(shown=Shown("pipe", 2))}
    return SimpleNamespace(
        memory=Memory(data), process=SimpleNamespace(payload_limit=256), fds=SimpleNamespace(entries=entries)
    )


def texts(
    number: int, registers: tuple[int, ...], result: int | None, data: bytes = b"", limit: int | None = None
) -> tuple[CallText, CallText]:
    """What a call shows live, and what it shows when it has been saved as JSON."""
    entry, thread = lookup(number), guest(data)
    padded = (*registers, 0, 0, 0, 0, 0, 0)[:6]
    before = entry.before(thread, *padded) if entry.before else ()
    after = entry.after(thread, *padded, -1 if result is None else result) if entry.after else ()
    args, fds, _ = entry.members(padded, before, after)
    saved = json.loads(json_text(args))
    live = {name: plain(value) for name, value in args.items()}
    return call_text(entry, live, fds, result, limit), call_text(entry, saved, fds, result, limit)


def test_sets_of_descriptors_say_what_each_is() -> None:
    pollfds = b"\4\0\0\0\1\0\1\0" + b"\5\0\0\0\4\0\0\0"
    live, saved = texts(numbers.poll, (0x1000, 2, -1 & (1 << 64) - 1), 1, pollfds)
    assert live == saved
    assert live.inside == "[{fd=4<eventfd>, events=POLLIN}, {fd=5<pipe>, events=POLLOUT}], 2, -1"
    assert live.result == "1 ([{fd=4, revents=POLLIN}])"
    live, saved = texts(numbers.pipe2, (0x1000, 0), 0, b"\4\0\0\0\5\0\0\0")
    assert live == saved
    assert live.inside == "[4<eventfd>, 5<pipe>], 0"


def test_a_call_that_still_waits_shows_what_it_was_given() -> None:
    pollfds = b"\4\0\0\0\1\0\0\0"
    live, saved = texts(numbers.poll, (0x1000, 1, 3000), None, pollfds)
    assert live == saved
    assert live.inside == "[{fd=4<eventfd>, events=POLLIN}], 1, 3000"
    live, saved = texts(numbers.select, (8, 0x1000, 0, 0, 0), None, bytes([0b110000]) + bytes(7))
    assert live == saved
    assert live.inside == "8, [4<eventfd> 5<pipe>], NULL, NULL, NULL"
    assert texts(numbers.read, (4, 0x1000, 8), None, bytes(8))[0].inside == "4<eventfd>, 0x1000, 8"


def test_time_ran_out() -> None:
    assert texts(numbers.poll, (0, 0, 5), 0)[0].result == "0 (Timeout)"
    assert texts(numbers.select, (0, 0, 0, 0, 0), 0)[0].result == "0 (Timeout)"


def test_labels_and_their_order() -> None:
    live, saved = texts(numbers.clone, (0x3D0F00, 0x5000, 0x1000, 0x1000, 0x6000), 1001, b"\xe9\3\0\0")
    assert live == saved
    assert live.inside.startswith("child_stack=0x5000, flags=CLONE_VM|")
    assert live.inside.endswith(", parent_tid=[1001], tls=0x6000, child_tidptr=0x1000")


def test_a_new_descriptor_of_fcntl_is_described_and_no_other_result() -> None:
    assert texts(numbers.fcntl, (4, 0, 0), 5)[0] == texts(numbers.fcntl, (4, 0, 0), 5)[1]
    assert texts(numbers.fcntl, (4, 0, 0), 5)[0].result == "5<pipe>"
    assert texts(numbers.fcntl, (4, 1, 0), 1)[0].result == "0x1 (flags FD_CLOEXEC)"
    assert texts(numbers.fcntl, (4, 7, 0), 5)[0].result == "5"


@pytest.mark.parametrize(
    ("limit", "inside"), [(None, '4<eventfd>, "abcd", 4'), (2, '4<eventfd>, "ab"..., 4')]
)
def test_strings_are_cut(limit: int | None, inside: str) -> None:
    live, saved = texts(numbers.write, (4, 0x1000, 4), 4, b"abcd", limit)
    assert live == saved
    assert live.inside == inside


def test_paths_and_addresses_are_never_cut() -> None:
    assert texts(numbers.chdir, (0x1000,), 0, b"/a/long/path\0", 2)[0].inside == '"/a/long/path"'
    live, _ = texts(numbers.bind, (4, 0x1000, 14), 0, b"\1\0/tmp/socket\0", 2)
    assert live.inside == '4<eventfd>, {sa_family=AF_UNIX, sun_path="/tmp/socket"}, 14'


WORDS = st.one_of(
    st.integers(0, 70),
    st.sampled_from([0x1000, 0x1008, 0x1040, 0x10F0, 0x10FF, 0x9000, (1 << 64) - 1, 1 << 63]),
)


@given(
    st.sampled_from(sorted(TABLE)),
    st.tuples(*[WORDS] * 6),
    st.sampled_from([0, 1, 3, 100, 4096, -1, -14, None]),
    st.binary(min_size=256, max_size=256),
    st.sampled_from([None, 0, 3, 32]),
)
def test_live_and_saved_show_the_same_whatever_a_guest_passes(
    number: int, registers: tuple[int, ...], result: int | None, data: bytes, limit: int | None
) -> None:
    live, saved = texts(number, registers, result, data, limit)
    assert live == saved
    assert live.inside.isascii()
    assert live.inside.isprintable()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/tmp/log", "/tmp/log"),
        ("/tmp/new\nline", r"/tmp/new\nline"),
        (r"/tmp/new\nline", r"/tmp/new\\nline"),
        ('/tmp/"a"', r"/tmp/\"a\""),
        ("/tmp/a>b<c", r"/tmp/a\076b\074c"),
        ("/tmp/gr\u00fcn", r"/tmp/gr\303\274n"),
        ("/tmp/\udcff", r"/tmp/\377"),
        ("/tmp/\ud800", r"/tmp/\355\240\200"),
        ("TCP 127.0.0.1:80<-127.0.0.1:5", "TCP 127.0.0.1:80<-127.0.0.1:5"),
    ],
)
def test_the_path_of_a_descriptor_cannot_be_mistaken(path: str, shown: str) -> None:
    text = call_text(lookup(numbers.close), {"fd": 3}, {"fd": path}, 0)
    assert text.inside == f"3<{shown}>"


def test_what_is_not_known_shows_as_it_is() -> None:
    """Without a declaration, or with an operation that nobody knows, a register may be an address or a number."""
    unknown = {f"arg{index}": value for index, value in enumerate((7, 0, 1 << 63))}
    assert call_text(lookup(500), unknown, None, -38).inside == "0x7, 0, 0x8000000000000000"
    assert call_text(
        lookup(numbers.prctl), {"op": "0x0", "arg2": 1 << 40, "arg3": 0, "arg4": 9}, None, -22
    ).inside == ("0x0, 0x10000000000, 0, 0x9")
    assert call_text(lookup(numbers.fcntl), {"fd": 3, "cmd": "0x63", "arg": 1 << 40}, None, -22).inside == (
        "3, 0x63, 0x10000000000"
    )


def test_the_size_of_a_payload_is_a_number_whatever_the_file_says() -> None:
    assert revived(None, {"bytes": "x", "size": "y"}) == Cut(b"x", 0)
    assert revived(None, {"bytes": 5, "size": 7}) == Cut(b"5", 7)
