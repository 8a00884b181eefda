"""Contexts of parked threads: registers by name, copies, the ring of last calls."""

from emu.context import Context
from emu.cpu_native import CONTEXT_WORDS, RING_ENTRIES, RING_OPEN


def fresh() -> Context:
    return Context(bytes(CONTEXT_WORDS * 8))


def note(context: Context, number: int, result: int = RING_OPEN) -> None:
    """As the machine code does at each call."""
    at = context.ring[0] // 8 + 8
    context.ring[at : at + 8] = type(context.ring)(
        "Q", [number, 1, 2, 3, 4, 5, 6, result & 0xFFFFFFFFFFFFFFFF]
    )
    context.ring[0] = (context.ring[0] + 64) % (64 * RING_ENTRIES)


def test_registers() -> None:
    context = fresh()
    context["rsp"], context["r15"], context["fs_base"], context["rip"] = 1, -1, 3, 4
    assert [context[name] for name in ("rsp", "r15", "fs_base", "rip", "rax")] == [1, (1 << 64) - 1, 3, 4, 0]


def test_a_copy_is_independent_and_has_an_empty_ring() -> None:
    context = fresh()
    context["rbx"] = 5
    note(context, 39, 1000)
    copy = context.copy()
    context["rbx"] = 6
    assert copy["rbx"] == 5
    assert copy.last_calls() == []


def test_an_answer_completes_the_last_call() -> None:
    context = fresh()
    note(context, 1, 5)
    note(context, 0)
    assert context.last_calls()[-1] == (0, (1, 2, 3, 4, 5, 6), None)
    context.answer(-11)
    assert context["rax"] == (1 << 64) - 11
    assert context.last_calls() == [(1, (1, 2, 3, 4, 5, 6), 5), (0, (1, 2, 3, 4, 5, 6), -11)]


def test_the_ring_forgets_the_oldest() -> None:
    context = fresh()
    for number in range(RING_ENTRIES + 3):
        note(context, number, number)
        context.answer(number + 1)
    assert [call[0] for call in context.last_calls()] == list(range(3, RING_ENTRIES + 3))
    assert [call[2] for call in context.last_calls()] == list(range(4, RING_ENTRIES + 4))
