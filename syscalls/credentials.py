"""Who a thread is to the kernel: user and group ids, capabilities (credentials(7); kernel/cred.c, security/commoncap.c).

Credentials are a value that threads point to; a change makes another value for the calling thread alone, as the kernel's
calls do. Those of a process, which others look at, are its first thread's, and are kept after that thread has ended.
"""

from typing import NamedTuple

from syscalls.flags.threads import Capability, Prctl, SecureBits
from syscalls.process import Process, Thread

NOBODY = 0xFFFFFFFF
"""(uid_t) -1, which is no id."""

_HONOURED = (
    Capability.CAP_KILL,
    Capability.CAP_SETGID,
    Capability.CAP_SETUID,
    Capability.CAP_SETPCAP,
    Capability.CAP_SYS_PTRACE,
    Capability.CAP_SYS_NICE,
    Capability.CAP_SYS_RESOURCE,
)

PRIVILEGED = sum(1 << capability for capability in _HONOURED)
"""What user 0 of a guest may: what the bench can grant without the host's leave."""


class Credentials(NamedTuple):
    """struct cred: real, effective, saved and file system ids, supplementary groups, and sets of capabilities as bits."""

    uid: int
    euid: int
    suid: int
    fsuid: int
    gid: int
    egid: int
    sgid: int
    fsgid: int
    groups: tuple[int, ...] = ()
    permitted: int = 0
    effective: int = 0
    inheritable: int = 0
    ambient: int = 0
    bounding: int = PRIVILEGED
    securebits: int = 0

    def can(self, capability: int) -> bool:
        """Whether a capability is in the effective set."""
        return bool(self.effective >> capability & 1)

    def reaches(self, other: "Credentials") -> bool:
        """Whether this one may signal that one by its ids alone (kill_ok_by_cred in kernel/signal.c)."""
        return bool({self.euid, self.uid} & {other.uid, other.suid})


def at_start(uid: int, gid: int) -> Credentials:
    """What a process starts with whose ids are all the same."""
    given = PRIVILEGED if uid == 0 else 0
    return Credentials(uid, uid, uid, uid, gid, gid, gid, gid, permitted=given, effective=given)


def of(thread: Thread) -> Credentials:
    """A thread's."""
    found: Credentials = thread.credentials or of_process(thread.process)
    return found


def of_process(process: Process) -> Credentials:
    """A process's: those of its first thread."""
    found: Credentials = process.credentials or at_start(process.uid, process.gid)
    return found


def change(thread: Thread, new: Credentials) -> None:
    """Gives a thread others (commit_creds): who changes what counts for access loses its death signal and its dumpability."""
    process = thread.process
    old = of(thread)
    for other in process.threads.values():
        other.credentials = of(other)
    thread.credentials = new
    if thread.tid == process.pid:
        _adopt(process, new)
    if old[1:8:2] != new[1:8:2] or new.permitted & ~old.permitted:
        process.death_signal = 0
        process.settings[Prctl.PR_SET_DUMPABLE] = 0


def _adopt(process: Process, new: Credentials) -> None:
    process.credentials = new
    process.uid, process.gid = new.uid, new.gid


def inherit(maker: Thread, made: Thread) -> None:
    """A new thread or process has its maker's."""
    made.credentials = of(maker)
    if made.process is not maker.process:
        _adopt(made.process, made.credentials)


def after_exec(thread: Thread) -> None:
    """What execve(2) does of a program that is neither set-user-ID nor has capabilities (cap_bprm_creds_from_file)."""
    old = of(thread)
    permitted = old.ambient
    if not old.securebits & SecureBits.SECBIT_NOROOT and 0 in (old.uid, old.euid):
        permitted = old.bounding | old.inheritable
    effective = permitted if old.euid == 0 or old.ambient else 0
    thread.credentials = old._replace(
        suid=old.euid, fsuid=old.euid, sgid=old.egid, fsgid=old.egid,
        permitted=permitted, effective=effective, securebits=old.securebits & ~SecureBits.SECBIT_KEEP_CAPS,
    )  # fmt: skip
    _adopt(thread.process, thread.credentials)


def with_users(old: Credentials, uid: int, euid: int, suid: int) -> Credentials:
    """The same with other user ids; the file system id is the effective one. Capabilities follow from becoming root or
    ceasing to be (cap_task_fix_setuid).
    """
    new = old._replace(uid=uid, euid=euid, suid=suid, fsuid=euid)
    if old.securebits & SecureBits.SECBIT_NO_SETUID_FIXUP:
        return new
    if 0 in (old.uid, old.euid, old.suid) and 0 not in (uid, euid, suid):
        if not old.securebits & SecureBits.SECBIT_KEEP_CAPS:
            new = new._replace(permitted=0, effective=0)
        new = new._replace(ambient=0)
    if old.euid == 0 and euid != 0:
        new = new._replace(effective=0)
    if old.euid != 0 and euid == 0:
        new = new._replace(effective=new.permitted)
    return new
