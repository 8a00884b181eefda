"""What a call moved: the bytes that the trace kept and how many there were, from every shape of argument."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.trace.export.transfer import RECEIVES, SENDS, Transfer, transfers


def moved(name: str, args: dict[str, Any], result: int | None) -> list[Transfer]:
    return list(transfers({"name": name, "args": args, "result": result}))


ADDRESS = {"sa_family": "AF_INET", "sin_port": 80, "sin_addr": "127.0.0.1"}
IOV = [{"iov_base": "ab", "iov_len": 2}, {"iov_base": {"bytes": "cd", "size": 900}, "iov_len": 900},
       {"iov_base": "ef", "iov_len": 2}]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args", "result", "expected"),
    [
        ("write", {"fd": 3, "buf": "a\xff\0", "count": 3}, 3, [Transfer(False, b"a\xff\0", 3, None)]),
        ("write", {"fd": 3, "buf": "abc", "count": 3}, 2, [Transfer(False, b"ab", 2, None)]),
        ("read", {"fd": 3, "buf": {"bytes": "ab", "size": 900}}, 900, [Transfer(True, b"ab", 900, None)]),
        ("read", {"fd": 3, "buf": ""}, 0, [Transfer(True, b"", 0, None)]),
        ("read", {"fd": 3, "buf": 4096}, -11, []),
        ("read", {"fd": 3, "buf": 4096}, None, []),
        ("getpid", {}, 1000, []),
        ("sendto", {"fd": 3, "buf": "a", "flags": "0", "dest_addr": ADDRESS}, 1, [Transfer(False, b"a", 1, ADDRESS)]),
        ("recvfrom", {"fd": 3, "buf": "a", "flags": "0", "src_addr": None}, 1, [Transfer(True, b"a", 1, None)]),
        ("recvfrom", {"fd": 3, "buf": "a", "flags": "MSG_DONTWAIT|MSG_PEEK"}, 1, []),
        ("writev", {"fd": 3, "iov": IOV}, 904, [Transfer(False, b"abcd", 904, None)]),
        ("readv", {"fd": 3, "iov": IOV}, 3, [Transfer(True, b"abc", 3, None)]),
        ("sendmsg", {"fd": 3, "msg": {"msg_name": ADDRESS, "msg_iov": IOV[:1]}}, 2, [Transfer(False, b"ab", 2, ADDRESS)]),
        (
            "sendmmsg",
            {"msgvec": [{"msg_hdr": {"msg_name": None, "msg_iov": IOV[:1]}}] * 3},
            2,
            [Transfer(False, b"ab", 2, None)] * 2,
        ),
        (
            "recvmmsg",
            {"msgvec": [{"msg_hdr": {"msg_name": ADDRESS, "msg_iov": IOV[:1]}, "msg_len": 1}], "flags": "0"},
            1,
            [Transfer(True, b"a", 1, ADDRESS)],
        ),
    ],
)  # fmt: skip
def test_every_shape_of_call(name: str, args: dict[str, Any], result: int, expected: list[Transfer]) -> None:
    assert moved(name, args, result) == expected


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["msg_iov", "iov_base", "iov_len", "msg_hdr", "msg_len", "bytes", "size", "msg_name"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(
    st.sampled_from(sorted(SENDS | RECEIVES)),
    st.dictionaries(
        st.sampled_from(["buf", "iov", "msg", "msgvec", "flags", "src_addr", "dest_addr"]), values, max_size=4
    ),
    st.none() | st.integers(-(1 << 63), 1 << 64),
)
def test_no_arguments_are_too_strange(name: str, args: dict[str, Any], result: int | None) -> None:
    for transfer in moved(name, args, result):
        assert 0 <= len(transfer.data) <= transfer.size < 1 << 31
