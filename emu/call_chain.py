"""The functions that a thread is in, as return addresses: by call frame information, else by the chain of frame pointers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

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


class Frame(NamedTuple):
    """A function that a thread is in. `pc` is a place in it, `base` its canonical frame address: what rsp was before the call that entered it;
    `caller` is the return address, None where nothing has called it or nothing is known."""

    pc: int
    base: int
    caller: int | None


def call_chain(
    memory: AddressSpace,
    pc: int,
    stack_pointer: int,
    frame_pointer: int,
    limit: int = _CHAIN_LIMIT,
    rules: Rules = no_rules,
) -> list[int]:
    """At most `limit` return addresses, innermost first."""
    found = frames(memory, pc, stack_pointer, frame_pointer, limit, rules)
    return [frame.caller for frame in found if frame.caller is not None]


def frames(
    memory: AddressSpace,
    pc: int,
    stack_pointer: int,
    frame_pointer: int,
    limit: int = _CHAIN_LIMIT,
    rules: Rules = no_rules,
) -> list[Frame]:
    """The functions that a thread is in, innermost first; the last has perhaps no caller.

    Where the program says how a frame is laid out (`rules`), that is followed; else the frame pointer (System V ABI,
    3.2.2). A function that faults after a jump to nowhere has its caller on top of the stack. The chain ends where it makes
    no sense, whatever the guest has done to its stack.
    """
    chain: list[Frame] = []
    if not memory.rights(pc) & EXEC:
        if memory.readable(stack_pointer, 8) < 8 or not memory.rights(memory.u64(stack_pointer)) & EXEC:
            return _by_frame_pointers(memory, pc, stack_pointer, frame_pointer, limit)
        nowhere, pc = pc, memory.u64(stack_pointer)
        stack_pointer += 8
        chain.append(Frame(nowhere, stack_pointer, pc))
    within = pc - bool(chain)  # a return address belongs to the call before it
    while len(chain) < limit:
        rule = rules(within)
        if rule is None:
            return chain + _by_frame_pointers(
                memory, within, stack_pointer, frame_pointer, limit - len(chain)
            )
        frame = (frame_pointer if rule.base == _RBP else stack_pointer) + rule.offset
        if not stack_pointer < frame < stack_pointer + _FRAME_REACH:
            break
        address = _return_address(memory, frame + rule.return_at) if rule.return_at is not None else None
        chain.append(Frame(within, frame, address))
        if address is None:
            break
        if rule.rbp_at is not None:
            if memory.readable(frame + rule.rbp_at, 8) < 8:
                break
            frame_pointer = memory.u64(frame + rule.rbp_at)
        stack_pointer, within = frame, address - 1
    return chain


def _return_address(memory: AddressSpace, at: int) -> int | None:
    if memory.readable(at, 8) < 8:
        return None
    address = memory.u64(at)
    return address if memory.rights(address - 1) & EXEC else None


def _by_frame_pointers(
    memory: AddressSpace, within: int, low: int, frame_pointer: int, limit: int
) -> list[Frame]:
    chain: list[Frame] = []
    while len(chain) < limit and low <= frame_pointer < low + _FRAME_REACH and not frame_pointer & 7:
        if memory.readable(frame_pointer, 16) < 16:
            break
        address = _return_address(memory, frame_pointer + 8)
        if address is None:
            break
        chain.append(Frame(within, frame_pointer + 16, address))
        low, frame_pointer, within = frame_pointer + 16, memory.u64(frame_pointer), address - 1
    return chain
