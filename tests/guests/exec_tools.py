"""What guests that execute programs share."""

from process_tools import reap, say_status
from say import say

from guest.lang import array, i64, u64

_none: array[u64, 2]
_one: array[u64, 2]
_two: array[u64, 3]


def vector(text: bytes, count: i64) -> u64:
    """An array of no, one or two strings `text`, which ends in NUL."""
    if count == 0:
        return u64(_none.ptr)
    if count == 1:
        _one[0] = u64(text.ptr)
        return u64(_one.ptr)
    _two[0] = u64(text.ptr)
    _two[1] = u64(text.ptr)
    return u64(_two.ptr)


def say_end(label: bytes, pid: i64) -> None:
    """How a child ended that has tried to execute something."""
    word = reap(pid)
    say(label)
    say(b": ")
    say_status(word)
