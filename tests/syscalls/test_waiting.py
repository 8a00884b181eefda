"""wait4, waitid and SIGCHLD say the same natively and emulated.

| theme | guest |
|---|---|
| whom a wait means, status words, siginfo, refusals | wait_forms |
| SIGCHLD: siginfo, SA_NOCLDSTOP, SA_NOCLDWAIT, ignored | wait_sigchld |
| waiting threads, leaders that end first, EINTR | wait_threads |
| resource usage of children | wait_usage |
| pidfds: poll, epoll, waitid | wait_pidfd |
"""

from collections.abc import Callable
from typing import Any

import pytest

Same = Callable[..., Any]


@pytest.mark.parametrize("guest", ["wait_forms", "wait_sigchld", "wait_threads", "wait_usage", "wait_pidfd"])
def test_waiting(same: Same, guest: str) -> None:
    same(guest)
