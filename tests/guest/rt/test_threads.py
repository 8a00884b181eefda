"""guest.rt.threads: stacks with a guard."""

from collections.abc import Callable


def test_a_stack_ends_at_its_guard_page(same: Callable) -> None:
    assert same("thread_guard", status=128 + 11).stdout == b"came back\n"
