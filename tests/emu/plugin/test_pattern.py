"""Patterns: what they match, and what is said about wrong ones."""

import errno
from typing import Any

import pytest

from emu.plugin.calls import TracedCall
from emu.plugin.pattern import PatternError, parse, parse_step
from syscalls import numbers


def call(name: str, result: int | None = 0, unfinished: bool = False, **args: Any) -> TracedCall:
    """A call as it stands in a trace."""
    record: dict[str, Any] = {
        "event": "syscall", "sequence": 0, "time": 0, "duration": 0, "blocked": 0, "pid": 1, "tid": 1,
        "number": getattr(numbers, name), "name": name, "registers": [0] * 6, "args": args, "result": result,
    }  # fmt: skip
    if result is not None and result < 0:
        record["error"] = errno.errorcode[-result]
    if unfinished:
        record["unfinished"] = True
    return TracedCall(record)


SEND = call("sendto", 5, fd=6, buf="HTTP/1.1 200 OK\r\n", size=17, flags="MSG_NOSIGNAL|MSG_MORE")
AGAIN = call("recvfrom", -errno.EAGAIN, fd=6)
WAITING = call("accept4", None, unfinished=True, sockfd=3)
OPENED = call("open", 3, pathname="/etc/passwd", flags="O_RDONLY", mode=None)
BOUND = call(
    "bind", 0, fd=3, addr={"sa_family": "AF_INET", "sin_port": 80, "sin_addr": "127.0.0.1"}, addrlen=16
)
CUT = call("write", 9000, fd=1, buf={"bytes": "beginning", "size": 9000}, count=9000)
EXIT = call("exit_group", None, status=0)


@pytest.mark.parametrize(
    ("pattern", "one"),
    [
        ("sendto", SEND),
        ("recvfrom|sendto", SEND),
        ("send*", SEND),
        ("%network", SEND),
        ("sendto(fd=6)", SEND),
        ("sendto(fd = 6, size=17) = 5", SEND),
        ("sendto(size>16, size<=17, fd!=7)", SEND),
        ("sendto > 4", SEND),
        ("sendto != EPIPE", SEND),
        ("sendto = *", SEND),
        ("sendto(flags=MSG_MORE)", SEND),
        ("sendto(flags=MSG_NOSIGNAL|sendto", None),
        ('sendto(buf="HTTP/1.1 200*")', SEND),
        (r'sendto(buf="*OK\r\n")', SEND),
        ('sendto(buf~"200 OK")', SEND),
        ("sendto(buf=HTTP*)", SEND),
        ("sendto(buf='HTTP/1.1 200*')", SEND),
        ("recvfrom = EAGAIN", AGAIN),
        ("recvfrom = EWOULDBLOCK", AGAIN),
        ("recvfrom < 0", AGAIN),
        ("recvfrom = -11", AGAIN),
        ("recvfrom = *", AGAIN),
        ("accept4 = ?", WAITING),
        ("accept4 = *", WAITING),
        ("open(pathname=/etc/*, mode=NULL)", OPENED),
        ("bind(addr=AF_INET)", BOUND),
        ("bind(addr~127.0.0)", BOUND),
        ('write(buf="begin*")', CUT),
        ("exit_group", EXIT),
        ("exit_group(status=0)", EXIT),
    ],
)
def test_what_matches(pattern: str, one: TracedCall | None) -> None:
    if one is None:
        with pytest.raises(PatternError):
            parse_step(pattern)
    else:
        assert parse_step(pattern).matches(one)


@pytest.mark.parametrize(
    ("pattern", "one"),
    [
        ("recvfrom", SEND),
        ("%file", SEND),
        ("sendto(fd=7)", SEND),
        ("sendto = 4", SEND),
        ("sendto = EPIPE", SEND),
        ("sendto(flags=MSG_DONTWAIT)", SEND),
        ('sendto(buf="HTTP/1.1 200")', SEND),
        ("recvfrom", AGAIN),
        ("recvfrom != EAGAIN", AGAIN),
        ("accept4", WAITING),
        ("accept4 != EBADF", WAITING),
        ("accept4 = 0", WAITING),
        ("write(buf=end)", CUT),
    ],
)
def test_what_does_not_match(pattern: str, one: TracedCall) -> None:
    assert not parse_step(pattern).matches(one)


def test_attempts_count_where_that_is_asked_for() -> None:
    assert parse_step("recvfrom").matches(AGAIN, attempts=True)
    assert parse_step("accept4").matches(WAITING, attempts=True)
    assert not parse_step("recvfrom > 0").matches(AGAIN, attempts=True)


def test_steps_and_gaps() -> None:
    pattern = parse(" accept4 -> ... -> recvfrom | read(fd=6) ->close -> ... ")
    assert [step.text for step in pattern.steps] == ["accept4", "recvfrom | read(fd=6)", "close"]
    assert [step.gap for step in pattern.steps] == [False, True, False]
    assert pattern.open_end
    assert pattern.text == "accept4 -> ... -> recvfrom | read(fd=6) ->close -> ..."


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "accept4 -> recvform -> close",
            """'recvform' is not a system call: did you mean 'recvfrom'?
  accept4 -> recvform -> close
             ^""",
        ),
        (
            "sendto(buff=1)",
            """sendto has no argument 'buff': did you mean 'buf'?
  sendto(buff=1)
         ^""",
        ),
        (
            "close(x=1)",
            """close has no argument 'x': it has fd
  close(x=1)
        ^""",
        ),
        (
            "accept4 recvfrom",
            """`->` or the end of the pattern is missing here
  accept4 recvfrom
          ^""",
        ),
        (
            "accept4 ->",
            """the name of a system call is missing here
  accept4 ->
            ^""",
        ),
        (
            "read = EAGAN",
            """'EAGAN' is neither a number nor an errno: did you mean 'EAGAIN'?
  read = EAGAN
         ^""",
        ),
        (
            "read > EAGAIN",
            """write `= EAGAIN` or `!= EAGAIN`
  read > EAGAIN
       ^""",
        ),
        (
            "read(fd=3",
            """`,` or `)` is missing here
  read(fd=3
           ^""",
        ),
        (
            "read(fd 3)",
            """`=` is missing here
  read(fd 3)
          ^""",
        ),
        (
            'write(buf>"a")',
            """`>` compares numbers
  write(buf>"a")
            ^""",
        ),
        (
            "read(fd==0)",
            """write `=` for `==`
  read(fd==0)
         ^""",
        ),
        (
            "read => write",
            """write `->` between two calls, `>=` between numbers
  read => write
       ^""",
        ),
        (
            'write(buf="a)',
            """a quote that does not end
  write(buf="a)
            ^""",
        ),
        (
            "read; write",
            """';' means nothing here
  read; write
      ^""",
        ),
        (
            "%nework",
            """'%nework' is not a class of system calls: did you mean '%network'?
  %nework
  ^""",
        ),
        (
            "zz*",
            """no system call is named like 'zz*'
  zz*
  ^""",
        ),
        (
            "",
            "the name of a system call is missing here\n  \n  ^",
        ),
        (
            "...",
            """the pattern names no call
  ...
  ^""",
        ),
    ],
)  # fmt: skip
def test_wrong_patterns(pattern: str, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        parse(pattern)
    assert str(caught.value) == message


def test_one_call_where_one_is_meant() -> None:
    with pytest.raises(PatternError) as caught:
        parse_step("read -> write")
    assert str(caught.value) == "one call is meant here, not several steps\n  read -> write\n       ^"
