"""A point in time that something has to happen before."""

import math
import time


class Deadline:
    """So many seconds from now; or earlier, when this process has used `busy` seconds of processor time until then."""

    def __init__(self, seconds: float, busy: float = math.inf) -> None:
        self._end = time.monotonic() + seconds
        self._busy = time.process_time() + busy

    @property
    def left(self) -> float:
        """Seconds that are left, at least 0."""
        if time.process_time() >= self._busy:
            return 0.0
        return max(self._end - time.monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether none are."""
        return self.left == 0.0
