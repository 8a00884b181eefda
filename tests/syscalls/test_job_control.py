"""Stops, continuations and orphaned groups, without terminals, say the same natively and emulated.

| theme | guest |
|---|---|
| stop signals, SIGCONT, what they take away, threads | stop_basic |
| a stop in the middle of every call that waits | stop_calls |
| groups: orphaned with stopped members, signalled as a whole | job_groups |
"""

from collections.abc import Callable
from typing import Any

import pytest

Same = Callable[..., Any]


@pytest.mark.parametrize("guest", ["stop_basic", "stop_calls", "job_groups"])
def test_job_control(same: Same, guest: str) -> None:
    same(guest)
