"""epolls nested as deep as the kernel allows, and one deeper: waited for at every depth."""

from say import result

from guest.lang import array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import EpollOp


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    event = array[u8, 12]()
    words = ptr[u32](u64(event.ptr))
    fd = syscall(numbers.eventfd2, 0, 0)
    last = fd
    for _ in range(8):
        ep = syscall(numbers.epoll_create1, 0)
        words[0] = 1
        code = syscall(numbers.epoll_ctl, ep, EpollOp.EPOLL_CTL_ADD, last, event.ptr)
        result(b"add", code)
        result(b"wait", syscall(numbers.epoll_wait, ep, event.ptr, 1, 10))
        if code < 0:
            break
        last = ep
    asked = array[u64, 1]()
    asked[0] = u64(last) | 1 << 32
    for _ in range(8):
        result(b"poll", syscall(numbers.poll, asked.ptr, 1, 5))
    one = array[u64, 1]()
    one[0] = 1
    syscall(numbers.write, fd, one.ptr, 8)
    result(b"poll", syscall(numbers.poll, asked.ptr, 1, 5))
    result(b"wait", syscall(numbers.epoll_wait, last, event.ptr, 1, -1))
    return 0
