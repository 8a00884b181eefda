"""The trace: what a run did, as records; sinks write them, readers read them back."""

from typing import Any, Protocol


class Sink(Protocol):
    """Where records go. The bench calls it from one thread, in the order in which things happened.

    A sink may have two members more. `wanted`, the numbers of the calls that it wants to hear of (asked with `in`; None for
    all), is looked at when the sink is attached: others cost no more than without a trace. `waiting(calls)` is called once a
    pause, when nothing could run for `emu.dispatch.TOLD_AFTER`, with the calls that are parked
    (`emu.dispatch.InProgress`, oldest first).
    """

    def record(self, record: tuple[Any, ...]) -> None:
        """Takes one system call: the fields of `syscalls.table.Record` as a plain tuple. Called once a call: be quick."""
        ...

    def event(self, event: dict[str, Any]) -> None:
        """Takes anything else that happened: plain data with at least "event" and "time"."""
        ...

    def flush(self) -> None:
        """Brings out what is held back; called before the bench waits for the world."""
        ...

    def close(self) -> None:
        """The run is over: brings everything out and lets go of the file."""
        ...
