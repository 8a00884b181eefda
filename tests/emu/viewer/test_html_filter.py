"""The page's filters choose what those of the command line choose: the same words over the same trace, in both."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.trace.filter import Filter, FilterError
from emu.trace.read import Reader

WORDS = [
    "", "trace=all", "trace=none", "%network", "trace=%desc,!close", "!%memory", "trace=!futex,close", "/^(read|write)$/", "!/clo/",
    "trace=%file trace=%process", "read,write !write", "?nosuchcall,close", "send,recv", "0,1", "trace=network", "close@64", "close@32",
    "status=failed", "status=successful", "status=unfinished", "status=!failed", "status=EAGAIN,EPIPE", "status=eagain",
    "status=all", "status=none", "fd=3", "fd=3,4", "fd=3..5", "fd=!3", "fd=3 fd=!4", "object=1", "object=2..9", "object=!1",
    "thread=1", "thread=2..3", "thread=1001", "thread=!1", "tid=1,2", "time=0..5ms", "time=..1ms", "time=2ms..", "time=1..2",
    "time=!0..3ms", "duration=10us..", "duration=..100us", "blocked=1us..", "blocked=!1us..", "time=.5ms..1.5ms", "path=/tmp/", "path=!/tmp/",
    "path=eventfd", "path=pipe", "path=/dev/null", "signal=none", "signal=SIGSEGV", "signal=!segv",
    'where="ret < 0"', "where='ret == -EAGAIN'", 'where="name == \'read\' or name in (\'close\', \'write\')"',
    "where='not ret'", "where='error'", "where='error == None'", "where='error is None and ret > 0'", "where='tid > 1000'",
    "where='time * 1000 > 1.5 and duration < 0.001'", "where='blocked > 0'", "where='sequence % 7 == 3'", "where='-sequence // 3 < -20'",
    "where='number & 3 == 1'", "where='(number ^ 5) << 2 | 1 > 40'", "where='~ret < -8'", "where='fd == 3'", "where='fd'", "where='fd != None'",
    "where='args.fd == 3 and args.count > 1'", "where='args.fd < 5'", "where='args.fd > None'", "where='args.count >= 8 and not args.fd == 4'",
    "where='len(args.buf) > 4'", "where='args.buf.startswith(\"x\")'", "where='args.buf.contains(\"\\x01\")'", "where='\"e\" in fds.fd'",
    "where='fds.fd.startswith(\"TCP\")'", "where='fds.result'", "where='objects.fd == 2'", "where='objects.fd in [1, 3]'",
    "where='args.addr.sin_port > 0'", "where='args.addr[\"sa_family\"] == \"AF_INET\"'", "where='args.sv[0] < args.sv[1]'", "where='args.optval[-1] == 1'",
    "where='args.flags.contains(\"SOCK\")'", "where='args.flags == \"0\"'", "where='function.endswith(\"e\")'", "where='function'", "where='file.contains(\".py\") and line > 20'",
    "where='pc > 0x401000'", "where='woken_by'", "where='woken_by == None'", "where='1 < sequence < 20'", "where='sequence in (1, 2, 3)'", "where='sequence not in {5, 6}'",
    "where='ret / 0 == None'", "where='ret % 0 is None'", "where='True'", "where='None'", "where='args.iov[0].iov_len > 2'", "where='name < \"g\"'", "where='ret == True'",
    "where='args.buf * 2 == None'", "where='+ret >= 1_0'", "where='name is not None and (pid, tid)'", "where='(name) == \"clo\" \"se\"'", "where='args.iov == []'",
    "where='18446744073709551615 == args.fd'", "where='args.len > 2**0'", "trace=%desc fd=3 status=successful where='ret > 0'",
]  # fmt: skip

WRONG = [
    "trace=", "trace=nosuchcall", "trace=%nosuch", "acept4", "trace=/(/", "status=", "status=bad", "fd=x", "fd=5..3", "fd=", "thread=one",
    "time=5", "time=2..1", "time=1parsec..", "path=", "signal=SIGNO", "nosuch=1", "colour=red", "ret < 0", "where=", "where='ret ='", "where='ret <'",
    "where='nosuch == 1'", "where='args == 1'", "where='args.nosuch == 1'", "where='fds'", "where='ret ** 2'", "where='open(1)'", "where='name.upper()'",
    "where='lambda: 1'", "where='ret && 1'", "where='(ret'", "where='ret[0]'", "where='99999999999999999999999 < ret'", "where='name[0]'", "where=\"'", "where='fd.x'",
    "where='name := 1'", "where='f\"{name}\"'", "where='ret !== 1'", "where='\"open'", "where='1 if ret else 2'", "where='[x for x in args.iov]'",
]  # fmt: skip


@pytest.mark.parametrize("guest", ["sockets_threads", "futex_threads", "pipes_threads", "sockets_messages"])
def test_same_choice_in_python_and_in_the_page(
    guest: str, tab: Any, traced: Callable[[str], Path], page_of: Callable[..., Path]
) -> None:
    path = traced(guest)
    records = sorted(Reader(path), key=lambda record: (record["time"], record.get("sequence", -1)))
    tab.open(page_of(path))
    words = [words for words in WORDS if valid(words)]
    answer = tab.wait_for(
        """const found = [];
        for (const text of given[0]) found.push([...await chosenBy(new Filter(text, page.trace.words), page.trace)]);
        return JSON.stringify(found);""",
        words,
    )
    in_page = json.loads(answer)  # as text: WebDriver is slow with long lists
    for text, there in zip(words, in_page, strict=True):
        matches = Filter.parse(text).matches
        assert [at for at, record in enumerate(records) if matches(record)] == there, text


def valid(words: str) -> bool:
    try:
        Filter.parse(words)
    except FilterError:
        return False
    return True


def test_the_words_are_words() -> None:
    assert [words for words in WORDS if not valid(words)] == ["where='args.len > 2**0'"]
    assert [words for words in WRONG if valid(words)] == []


def test_wrong_words_are_wrong_in_the_page(tab: Any, page_of: Callable[..., Path]) -> None:
    tab.open(page_of([]))
    accepted = tab.js(
        """return arguments[0].filter((text) => {
            try { new Filter(text, page.trace.words); return true; }
            catch (error) { if (error instanceof FilterError) return false; throw error; }
        })""",
        WRONG,
    )
    assert accepted == []


def test_suggestions_are_the_same(tab: Any, page_of: Callable[..., Path]) -> None:
    tab.open(page_of([]))
    for words in [
        "acept4",
        "trace=%netwrok",
        "status=EAGIAN",
        "signal=SIGSEV",
        "tread=1",
        "where='nme == 1'",
        "where='args.buff'",
    ]:
        with pytest.raises(FilterError) as caught:
            Filter.parse(words)
        there = tab.js(
            "try { new Filter(arguments[0], page.trace.words) } catch (error) { return error.message }", words
        )
        suggestion = str(caught.value).partition("; ")[2].partition("?")[0]
        assert suggestion
        assert suggestion in there, words
