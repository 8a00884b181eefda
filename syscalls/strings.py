"""The argument and environment strings of execve(2): read from the caller's memory within the limits of fs/exec.c."""

import errno
from collections.abc import Sequence

from syscalls.memory import Memory

MAX_ARG_STRLEN = 131072
"""The longest argument or environment string with its NUL, bytes (linux/binfmts.h)."""

_ARG_MAX = 131072
_USUAL_STACK = 8 << 20  # _STK_LIM


def strings_limit(stack_limit: int) -> int:
    """Bytes that the strings and the pointers to them may take together under RLIMIT_STACK (bprm_stack_limits)."""
    return max(min(_USUAL_STACK // 4 * 3, stack_limit // 4), _ARG_MAX)


def read_pointers(memory: Memory, address: int, most: int) -> list[int]:
    """The pointers of an array that a NULL ends; NULL itself is an empty one. Raises EFAULT, E2BIG for more than `most`."""
    pointers: list[int] = []
    while address:
        size = min(memory.readable(address, 4096 - address % 4096) or 8, 8 * (most + 1 - len(pointers)))
        words = memoryview(memory.read(address, max(size & -8, 8))).cast("Q").tolist()
        if 0 in words:
            return pointers + words[: words.index(0)]
        pointers += words
        address += 8 * len(words)
        if len(pointers) > most:
            raise OSError(errno.E2BIG, "too many strings")
    return pointers


class Strings:
    """What is copied to the new program's stack, and what is left of the room for it.

    Raises E2BIG when the pointers alone take too much.
    """

    def __init__(self, stack_limit: int, arguments: int, environment: int) -> None:
        self._left = strings_limit(stack_limit) - 8 * (max(arguments, 1) + environment)
        if self._left <= 0:
            raise OSError(errno.E2BIG, "too many strings")

    def take(self, text: bytes) -> bytes:
        """Makes room for a string; raises E2BIG."""
        self._left -= len(text) + 1
        if self._left < 0 or len(text) >= MAX_ARG_STRLEN:
            raise OSError(errno.E2BIG, "the strings are too long")
        return text

    def copy(self, memory: Memory, pointers: Sequence[int]) -> list[bytes]:
        """The strings at `pointers`, taken from the last to the first as the kernel does; raises EFAULT, E2BIG."""
        found = []
        for pointer in reversed(pointers):
            try:
                found.append(self.take(memory.cstring(pointer, MAX_ARG_STRLEN)))
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    raise OSError(errno.E2BIG, "a string is too long") from None
                raise
        found.reverse()
        return found

    def give_back(self, text: bytes) -> None:
        """A string that is not needed after all."""
        self._left += len(text) + 1
