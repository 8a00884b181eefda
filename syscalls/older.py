"""The calls of an older kernel: newer calls are ENOSYS, newer flags EINVAL, as a program meets them there (`syscalls.history`)."""

import errno
from collections.abc import Callable
from typing import Any

from syscalls.history import CALLS, FLAGS, VALUES, Version
from syscalls.table import Syscall

Call = Callable[..., Any]


def _absent(*_: Any) -> int:
    return -errno.ENOSYS


def call_as_of(entry: Syscall, kernel: Version) -> Call | None:
    """What serves a call under this version of the kernel; None: what serves it today."""
    if CALLS.get(entry.name, kernel) > kernel:
        return _absent
    masks = [
        (new.argument, new.bits, new.error) for new in FLAGS if new.call == entry.name and new.since > kernel
    ]
    values = [(new.argument, new.value) for new in VALUES if new.call == entry.name and new.since > kernel]
    if not masks and not values:
        return None
    call = entry.call

    def checked(thread: Any, *registers: int) -> Any:
        for argument, bits, error in masks:
            if registers[argument] & bits:
                return -error
        if any(registers[argument] & 0xFFFFFFFF == value for argument, value in values):
            return -errno.EINVAL
        return call(thread, *registers)

    return checked
