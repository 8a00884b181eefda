"""Why a 16-byte operand was misaligned: by how much the stack is off, and which call, _start or new thread made it so.

The System V ABI (x86-64, 3.2.2 and 3.4.1): rsp is a multiple of 16 before each call, and where the kernel enters a program. So the
canonical frame address of each function is a multiple of 16.
"""

from collections.abc import Callable, Sequence

from emu.call_chain import Frame

_ALIGNMENT = 16


def explain(
    frames: Sequence[Frame], on_stack: bool, locate: Callable[[int], str], is_first_thread: bool
) -> str:
    """One sentence for the report; "" when nothing is known. `frames` are the functions, innermost first, `on_stack` says that the
    operand was addressed by rsp or rbp, `locate` names the place of a pc."""
    if not frames:
        return _BEGINNING[is_first_thread] if on_stack else ""
    guilty = None
    for frame in frames:
        if not frame.base % _ALIGNMENT:
            break
        guilty = frame
    if guilty is None:
        if on_stack:
            return (
                "the stack was aligned when this function was entered: what it did to rsp or rbp since, or the operand's"
                " place in the frame, is wrong"
            )
        return "the stack is aligned as the ABI demands: it is the pointer that is not"
    off = guilty.base % _ALIGNMENT
    if guilty.caller is None:
        return (
            f"the stack is off by {off} since {locate(guilty.pc) or hex(guilty.pc)}, which nobody has called: "
            + _BEGINNING[is_first_thread]
        )
    call = guilty.caller - 1
    place = locate(call)
    return (
        f"the stack is off by {off} since the call before {guilty.caller:#x}{f' ({place})' if place else ''}:"
        f" rsp was {guilty.base:#x} there, and must be a multiple of 16 at each call"
    )


_BEGINNING = {
    True: "the kernel enters _start with rsp a multiple of 16, as no call does; a compiled function must be called from there",
    False: "a thread begins with the rsp that clone(2) was given; where that is a multiple of 16, its function must be called,"
    " not jumped to",
}
