"""The functions that a thread is in, as return addresses: by call frame information, else by the chain of frame pointers."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from emu.memory import AddressSpace
from emu.pages import EXEC

if TYPE_CHECKING:
    from emu.unwind import Rule

_CHAIN_LIMIT = 20_000
_FRAME_REACH = 1 << 20  # frames further apart than this are not a chain
_RBP = 6

Rules = Callable[[int], "Rule | None"]
"""From a pc to how its caller is found (`emu.unwind.Unwinder`)."""


def no_rules(pc: int) -> None:
    """Of a program without call frame information."""


def call_chain(
    memory: AddressSpace,
    pc: int,
    stack_pointer: int,
    frame_pointer: int,
    limit: int = _CHAIN_LIMIT,
    rules: Rules = no_rules,
) -> list[int]:
    """At most `limit` return addresses, innermost first.

    Where the program says how a frame is laid out (`rules`), that is followed; else the frame pointer (System V ABI,
    3.2.2). A function that faults after a jump to nowhere has its caller on top of the stack. The chain ends where it makes
    no sense, whatever the guest has done to its stack.
    """
    chain: list[int] = []
    if not memory.rights(pc) & EXEC:
        if memory.readable(stack_pointer, 8) < 8 or not memory.rights(memory.u64(stack_pointer)) & EXEC:
            return _by_frame_pointers(memory, stack_pointer, frame_pointer, limit)
        pc = memory.u64(stack_pointer)
        chain.append(pc)
        stack_pointer += 8
    within = pc - bool(chain)  # a return address belongs to the call before it
    while len(chain) < limit:
        rule = rules(within)
        if rule is None:
            return chain + _by_frame_pointers(memory, stack_pointer, frame_pointer, limit - len(chain))
        if rule.return_at is None:
            break
        frame = (frame_pointer if rule.base == _RBP else stack_pointer) + rule.offset
        if not stack_pointer < frame < stack_pointer + _FRAME_REACH:
            break
        if memory.readable(frame + rule.return_at, 8) < 8:
            break
        address = memory.u64(frame + rule.return_at)
        if not memory.rights(address - 1) & EXEC:
            break
        if rule.rbp_at is not None:
            if memory.readable(frame + rule.rbp_at, 8) < 8:
                break
            frame_pointer = memory.u64(frame + rule.rbp_at)
        chain.append(address)
        stack_pointer, within = frame, address - 1
    return chain


def _by_frame_pointers(memory: AddressSpace, low: int, frame_pointer: int, limit: int) -> list[int]:
    chain: list[int] = []
    while len(chain) < limit and low <= frame_pointer < low + _FRAME_REACH and not frame_pointer & 7:
        if memory.readable(frame_pointer, 16) < 16:
            break
        following, address = memory.u64(frame_pointer), memory.u64(frame_pointer + 8)
        if not memory.rights(address - 1) & EXEC:
            break
        chain.append(address)
        low, frame_pointer = frame_pointer + 16, following
    return chain
