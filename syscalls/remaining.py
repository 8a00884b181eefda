"""What poll and select tell of their time-out afterwards (poll_select_finish in fs/select.c)."""

from collections.abc import Callable

from syscalls.process import Thread
from syscalls.wait import Blocking, Result


def timed(
    thread: Thread, limit: int | None, tell: Callable[[int], None], work: Callable[[], Result]
) -> Result:
    """Runs `work` and tells the guest what is left of `limit` afterwards (poll_select_finish in fs/select.c)."""
    if not limit:
        return work()
    clock = thread.bench.monotonic_ns
    end = clock() + limit

    def finish() -> None:
        try:
            tell(max(end - clock(), 0))
        except OSError:
            pass  # "sticky timeouts": a time-out that cannot be written is not, and nobody hears of it

    try:
        result = work()
    except OSError:
        finish()
        raise
    if isinstance(result, int):
        finish()
        return result
    assert not isinstance(result, tuple)
    return _finished(result, finish)


def _finished(waiting: Blocking, finish: Callable[[], None]) -> Blocking:
    result = yield from waiting
    finish()
    return result
