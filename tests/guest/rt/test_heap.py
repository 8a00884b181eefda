"""guest.rt.heap under four threads, used up, and misused; natively and emulated."""

from collections.abc import Callable


def test_blocks_never_overlap_and_are_used_again(same: Callable) -> None:
    outcome = same("heap_stress")
    assert outcome.stdout.decode().splitlines() == [
        "failures 0",
        "little was carved 1",
        "large blocks 5",
        "again as many 1",
        "large again 1",
        "too large 0",
    ]


def test_a_block_freed_twice_is_caught(same: Callable) -> None:
    outcome = same("heap_stress", "twice", status=128 + 4)
    assert b"guest/rt/heap.py:" in outcome.stderr
    assert b"freed a block that is not in use" in outcome.stderr
