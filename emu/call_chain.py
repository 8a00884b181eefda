"""The functions that a thread is in, as return addresses, by the chain of frame pointers."""

from emu.memory import AddressSpace
from emu.pages import EXEC

_CHAIN_LIMIT = 20_000
_FRAME_REACH = 1 << 20  # frames further apart than this are not a chain


def call_chain(
    memory: AddressSpace, pc: int, stack_pointer: int, frame_pointer: int, limit: int = _CHAIN_LIMIT
) -> list[int]:
    """At most `limit` return addresses, innermost first, by the chain of frame pointers (System V ABI, 3.2.2).

    A function that faults in its first instruction, or after a jump to nowhere, has its caller on top of the stack.
    """
    chain: list[int] = []
    if not memory.rights(pc) & EXEC and memory.readable(stack_pointer, 8) == 8:
        top = memory.u64(stack_pointer)
        if memory.rights(top) & EXEC:
            chain.append(top)
    low = stack_pointer
    while len(chain) < limit and low <= frame_pointer < low + _FRAME_REACH and not frame_pointer & 7:
        if memory.readable(frame_pointer, 16) < 16:
            break
        following, address = memory.u64(frame_pointer), memory.u64(frame_pointer + 8)
        if not memory.rights(address - 1) & EXEC:
            break
        chain.append(address)
        low, frame_pointer = frame_pointer + 16, following
    return chain
