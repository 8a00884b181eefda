"""Constants of pidfd_open(2) and pidfd_send_signal(2)."""

from syscalls.flags.base import FlagSet


class Pidfd(FlagSet):
    """Flags of pidfd_open(2)."""

    PIDFD_THREAD = 0o200
    PIDFD_NONBLOCK = 0o4000


class PidfdSignal(FlagSet):
    """Flags of pidfd_send_signal(2): whom the signal is for."""

    PIDFD_SIGNAL_THREAD = 1
    PIDFD_SIGNAL_THREAD_GROUP = 2
    PIDFD_SIGNAL_PROCESS_GROUP = 4
