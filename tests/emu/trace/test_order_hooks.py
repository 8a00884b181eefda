"""Happens-before where hooks have had a hand in it: what the kernel has not seen has not flowed."""

from typing import Any

from emu.trace.order import Order
from syscalls import numbers


class Story:
    """Calls on one pipe, descriptors 3 and 4, one after the other."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.count = 0
        self.call(1, "pipe2", {"pipefd": [3, 4], "flags": "0"}, 0, {"pipefd": {"3": 1, "4": 2}})

    def call(self, tid: int, name: str, args: dict[str, Any], result: int, objects: dict[str, Any]) -> int:
        at = self.count
        self.count += 1
        self.records.append(
            {
                "event": "syscall", "sequence": at, "time": at * 10, "duration": 5, "blocked": 0, "pid": 1, "tid": tid,
                "number": getattr(numbers, name), "name": name, "registers": [0, 0, 8, 0, 0, 0], "args": args,
                "result": result, "objects": objects,
            }
        )  # fmt: skip
        return at

    def hook(self, action: str) -> None:
        """The next call is hooked."""
        self.records.append(
            {
                "event": "hook",
                "time": self.count * 10,
                "sequence": self.count,
                "name": "write",
                "action": action,
            }
        )

    def write(self, tid: int, size: int = 1) -> int:
        return self.call(tid, "write", {"fd": 4, "buf": "x", "count": size}, size, {"fd": 2})

    def read(self, tid: int, size: int = 1) -> int:
        return self.call(tid, "read", {"fd": 3, "buf": "x", "count": size}, size, {"fd": 1})


def test_a_write_that_a_hook_answered_was_not_read() -> None:
    story = Story()
    story.hook("answered")
    faked = story.write(2)
    written = story.write(3)
    got = story.read(4)
    order = Order(story.records)
    assert order.before(written, got)
    assert not order.before(faked, got)
    assert order.waker(got) == written


def test_a_read_that_a_hook_answered_has_taken_nothing() -> None:
    story = Story()
    written = story.write(2)
    story.hook("answered")
    faked = story.read(3)
    got = story.read(4)
    order = Order(story.records)
    assert order.before(written, got)
    assert not order.before(written, faked)


def test_where_a_hook_changed_a_result_nothing_is_counted_any_more() -> None:
    story = Story()
    early, had = story.write(2), story.read(4)
    story.hook("changed the result")
    changed = story.write(2, 5)
    got = story.read(4)
    order = Order(story.records)
    assert order.before(early, had)
    assert not order.before(changed, got)


def test_the_hook_on_one_call_says_nothing_of_the_next_one() -> None:
    story = Story()
    story.hook("changed the arguments")
    written = story.write(2)
    got = story.read(4)
    assert Order(story.records).before(written, got)


def test_an_eventfd_that_nothing_was_added_to_tells_nobody() -> None:
    story = Story()
    story.call(1, "eventfd2", {"count": 0, "flags": "0"}, 5, {"result": 3})
    nothing = story.call(2, "write", {"fd": 5, "buf": "\0" * 8, "count": 8}, 8, {"fd": 3})
    one = story.call(3, "write", {"fd": 5, "buf": "\1" + "\0" * 7, "count": 8}, 8, {"fd": 3})
    got = story.call(4, "read", {"fd": 5, "buf": "\1" + "\0" * 7, "count": 8}, 8, {"fd": 3})
    order = Order(story.records)
    assert order.before(one, got)
    assert not order.before(nothing, got)


def test_further_pairs_are_part_of_the_same_order() -> None:
    story = Story()
    first, written, got, last = story.read(2, 0), story.write(3), story.read(4), story.write(5)
    order = Order(story.records, [(got, last), (first, written), (last, 99)])
    assert order.before(first, last)
    assert not order.before(last, first)
    assert [edge.kind for edge in order.edges()] == ["pipe"]
