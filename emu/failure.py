"""What ends a command early: a message that a person can act on, and the exit status."""

import sys

BENCH = 125
"""The bench itself failed, or was used wrongly."""

NOT_RUNNABLE = 126
"""The file is not a program that it can run."""

NOT_FOUND = 127
"""There is no such file."""


class Failure(Exception):
    """One or two plain lines: what, where, what to do."""

    def __init__(self, message: str, status: int = BENCH) -> None:
        super().__init__(message)
        self.status = status


def say(text: str) -> None:
    """The bench's own words, on stderr, told apart from the guest's by their beginning."""
    print("\n".join(f"emu: {line}" for line in text.splitlines()), file=sys.stderr)
