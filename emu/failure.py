"""What ends a command early: a message that a person can act on, and the exit status."""

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
