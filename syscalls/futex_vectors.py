"""Waiting for several futexes at once (kernel/futex/waitwake.c, futex_wait_multiple)."""

from syscalls import futexes
from syscalls.process import Thread
from syscalls.wait import WaitQueue


class Proxy:
    """Stands in the queue of one futex for a thread that waits for several; fulfils `syscalls.wait.Waiter`."""

    __slots__ = ("_any", "index", "key", "queue", "thread")

    def __init__(self, thread: Thread, index: int, waits: "AnyOf") -> None:
        self.thread = thread
        self.index = index
        self.key = futexes.MATCH_ANY
        self.queue: WaitQueue | None = None
        self._any = waits

    def wake(self) -> None:
        """The futex was woken: so is the thread."""
        self._any.index = max(self._any.index, self.index)
        self._any.queue.wake()


class AnyOf:
    """One wait for several futexes. The thread parks on `queue`; `index` is the last futex that was woken, -1 before."""

    __slots__ = ("_proxies", "index", "queue")

    def __init__(self) -> None:
        self.queue = WaitQueue()
        self.index = -1
        self._proxies: list[Proxy] = []

    def add(self, thread: Thread, index: int, key: object) -> None:
        """Waits for this futex, too."""
        proxy = Proxy(thread, index, self)
        proxy.queue = futexes.queue_for(thread.process, key)
        proxy.queue.waiters.append(proxy)
        self._proxies.append(proxy)

    def close(self) -> None:
        """Leaves all queues."""
        for proxy in self._proxies:
            if proxy.queue is not None:
                proxy.queue.waiters.remove(proxy)
                proxy.queue = None
