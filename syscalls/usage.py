"""What processes have used, as getrusage(2) tells it. All processor time counts as user time."""

from syscalls.process import Process
from syscalls.structs import Timeval
from syscalls.types_threads import RusageLayout

_SECOND = 1_000_000_000
_REST = 14  # members behind the two times


def pack_usage(time_ns: int) -> bytes:
    """A struct rusage with this processor time."""
    seconds, nanoseconds = divmod(time_ns, _SECOND)
    return RusageLayout.pack(Timeval.pack(seconds, nanoseconds // 1000), bytes(Timeval.size), *[0] * _REST)


def child_usage(child: Process) -> bytes:
    """What wait4(2) tells of a child: its own and that of its children that it has waited for."""
    return pack_usage(child.bench.cpu_time_ns(child) + child.children_time_ns)
