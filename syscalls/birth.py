"""What a new thread or process has of its maker's settings, and what another program leaves of them (clone(2), execve(2))."""

from syscalls import credentials, scheduling
from syscalls.flags.threads import Personality, Prctl
from syscalls.limits import watch_processor_time
from syscalls.process import Thread

PERSONALITY = -1
"""Where a thread's settings keep personality(2)'s value, among those of prctl(2)."""


def inherit(maker: Thread, made: Thread) -> None:
    """Gives a thread, or a new process's only one, what its maker has: credentials, scheduling, prctl(2)'s settings.

    What a fork clears (PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER) a new `Process` does not have.
    """
    credentials.inherit(maker, made)
    scheduling.inherit(maker, made)
    made.seccomp = maker.seccomp
    made.settings = dict(maker.settings)
    if made.process is not maker.process:
        watch_processor_time(made.process)


def after_exec(thread: Thread) -> None:
    """Resets what execve(2) and prctl(2) say; `thread` is the one that goes on."""
    credentials.after_exec(thread)
    thread.process.settings[Prctl.PR_SET_DUMPABLE] = 1
    if PERSONALITY in thread.settings:
        thread.settings[PERSONALITY] &= ~Personality.READ_IMPLIES_EXEC
