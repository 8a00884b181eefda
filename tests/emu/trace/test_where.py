"""`--where`: what its expressions mean, what they refuse, and that nothing else can be done with them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.trace.fields import FIELDS
from emu.trace.filter import Filter, FilterError
from syscalls import numbers

SENDTO: dict[str, Any] = {
    "event": "syscall",
    "sequence": 12,
    "time": 1_500_000_000,
    "duration": 2_000_000,
    "blocked": 1_000_000,
    "pid": 1000,
    "tid": 1002,
    "number": numbers.sendto,
    "name": "sendto",
    "registers": [3, 0, 0, 0, 0, 0],
    "args": {
        "fd": 3,
        "buf": {"bytes": "HTTP/1.1 200", "size": 900},
        "size": 900,
        "flags": "MSG_NOSIGNAL",
        "dest_addr": {"sa_family": "AF_INET", "sin_port": 8080},
        "iov": [{"iov_base": "a", "iov_len": 1}, {"iov_base": "bc", "iov_len": 2}],
    },
    "fds": {"fd": "TCP 127.0.0.1:8080", "fds": {"4": "eventfd"}},
    "objects": {"fd": 2},
    "result": -11,
    "error": "EAGAIN",
    "pc": 0x401000,
    "function": "reply",
    "file": "server.rs",
    "line": 42,
}


def holds(expression: str, **members: Any) -> bool:
    return Filter(where=[expression]).matches({**SENDTO, **members})


@pytest.mark.parametrize(
    "expression",
    [
        "name == 'sendto' and ret < 0",
        "error == 'EAGAIN'",
        "ret == -EAGAIN or result in (-EINTR, -EPIPE)",
        "not (name != 'sendto')",
        "args.fd == 3 and fd == 3",
        "args.buf.startswith('HTTP') and '200' in args.buf and b'HTTP' in args.buf",
        "args.size > len(args.buf)",
        "'MSG_NOSIGNAL' in args.flags",
        "args.dest_addr.sin_port == 8080",
        "args.dest_addr['sa_family'].endswith('INET')",
        "args.iov[1].iov_len == 2 and args.iov[-1].iov_base == 'bc'",
        "args.iov[7].iov_len is None",
        "fds.fd.contains('8080')",
        "fds.fds['4'] == 'eventfd' and fds.fds[4] == 'eventfd'",
        "objects.fd == 2",
        "1 < time < 2 and duration == 0.002 and blocked * 2 >= duration",
        "tid in (1001, 1002) and pid == 1000 and sequence % 5 == 2",
        "function == 'reply' and file.endswith('.rs') and line == 42",
        "pc >> 12 << 12 == pc and pc & 1 == 0 and pc ^ pc == 0 and ~pc < 0",
        "number / 2 == 22 and number // 5 == 8 and -number + 44 == 0 and +number == 44",
        "woken_by is None",
        "  name == 'sendto'  ",
        "name in ['sendto', 'sendmsg'] or name in {'x'}",
        "args.fd and True and not None",
        '"' + "x" * 500 + '" != name',
    ],
)
def test_what_holds(expression: str) -> None:
    assert holds(expression)
    assert not holds(f"not ({expression.strip()})")


@pytest.mark.parametrize(
    "expression",
    [
        "args.sockfd > 3",
        "args.sockfd < 3",
        "args.flags < 3",
        "3 in args.fd",
        "name > 3",
        "args.sockfd.startswith('x')",
        "ret / 0 == 1",
        "args.flags + 1 == 1",
        "1 << 100 > 0",
        "len(args.fd) >= 0",
        "args.dest_addr.nothing.more == 1",
    ],
)
def test_what_cannot_be_compared_is_false(expression: str) -> None:
    assert not holds(expression)


def test_a_call_that_has_not_returned_is_neither_above_nor_below() -> None:
    assert not holds("ret < 0", result=None)
    assert not holds("ret >= 0", result=None)
    assert holds("ret is None", result=None)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("nmae == 'x'", "where, column 1: no such member: nmae; did you mean name?\n  nmae == 'x'\n  ^"),
        (
            "ret < 0 and buf == 'x'",
            "where, column 13: no such member: buf; did you mean args.buf?\n  ret < 0 and buf",
        ),
        ("args.bfu == 1", "where, column 1: no system call has an argument bfu; did you mean buf?"),
        ("args == 1", "where, column 1: say which: args.NAME, such as args.fd"),
        ("ret = 0", "where, column 5: write == to compare"),
        ("ret < 0 && fd", "where, column 10: write `and`, `or`, `not`"),
        ("ret ** 2", "where, column 1: powers are not part of these expressions"),
        ("'ä' == ret ** 2", "where, column 8: powers"),
        ("__import__('os')", "where, column 1: only len(...) and"),
        ("name.upper()", "where, column 1: only len(...) and"),
        ("ret.__class__", "where, column 1: a member of args or fds is expected"),
        ("lambda: 1", "where, column 1: functions are not part"),
        ("[x for x in name]", "where, column 1: loops are not part"),
        ("f'{name}'", "where, column 1: f-strings are not part"),
        ("name[0]", "where, column 1: only arguments have elements"),
        ("args.iov[0:1]", "where, column 10: one element is meant"),
        ("(n := 1)", "where, column 2: an expression assigns nothing"),
        ("1 if ret else 2", "where, column 1: this is not part"),
        ("ret @ 2", "where, column 1: this operator is not part"),
        ("ret < 1e400", "where, column 7: a number below 2**64"),
        ("ret < " + "9" * 60, "where, column 7: a number below 2**64"),
        ("...", "where, column 1: a number below"),
        ("name == 'x", "where, column 9: unterminated string literal"),
        ("", "where: an expression is expected"),
        ("x" * 3000, "where: the expression is longer than 2000 characters"),
        ("not " * 300 + "ret", "where: the expression is too large"),
        ("(" * 500, "where"),
        ("ret\0", "where: an expression holds no NUL"),
        ("args.fd.startswith('x', 'y')", "where, column 1: startswith takes one text"),
    ],
)
def test_what_is_refused_says_where_and_why(expression: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        Filter(where=[expression])
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) <= 3


@given(st.text(alphabet="abcdefrtnm .()[]'\"=<>!&|+-*/%~^,:0123456789_\\\n{}@", max_size=60))
def test_no_text_does_more_than_be_refused_or_judge(text: str) -> None:
    try:
        chosen = Filter(where=[text])
    except FilterError:
        return
    assert chosen.matches(SENDTO) in (True, False)


pieces = st.sampled_from(
    [*FIELDS, "ret", "name", "args.fd", "args.buf", "args.iov[0]", "1", "'x'", "None", "(ret + 1)", "len(args.buf)", "1e9", "fds.fd"]
)  # fmt: skip
signs = st.sampled_from(
    ["==", "!=", "<", ">=", "in", "not in", "+", "-", "*", "/", "%", "<<", ">>", "&", "and", "or", "is"]
)


@given(pieces, signs, pieces, signs, pieces)
def test_no_expression_raises(one: str, sign: str, two: str, other: str, three: str) -> None:
    chosen = Filter(where=[f"{one} {sign} {two} {other} {three}"])
    assert chosen.matches(SENDTO) in (True, False)
    assert chosen.matches({**SENDTO, "result": None, "args": {}, "fds": {}}) in (True, False)
