"""User and group ids and capabilities: of the calling thread, as the kernel has them (kernel/sys.c, kernel/groups.c, kernel/capability.c).

User 0 of a guest has the capabilities that the bench can grant (`syscalls.credentials.PRIVILEGED`), others none. Files are
opened with the rights of who runs the bench.
"""

import errno
import os
import struct

from syscalls import credentials, family
from syscalls.args import Int, Result
from syscalls.credentials import NOBODY
from syscalls.flags.threads import Capability
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_threads import OutU32
from syscalls.types_users import (
    CAP_VERSIONS,
    CapData,
    CapHeader,
    InCapData,
    InCapHeader,
    InGroups,
    OutCapData,
    OutGroups,
    UserId,
)

_NGROUPS_MAX = 65536
_LATEST = 0x20080522


def _not_permitted() -> OSError:
    return OSError(errno.EPERM, os.strerror(errno.EPERM))


@syscall
def getuid(thread: Thread) -> Result:
    """getuid(2)."""
    return credentials.of(thread).uid


@syscall
def geteuid(thread: Thread) -> Result:
    """geteuid(2)."""
    return credentials.of(thread).euid


@syscall
def getgid(thread: Thread) -> Result:
    """getgid(2)."""
    return credentials.of(thread).gid


@syscall
def getegid(thread: Thread) -> Result:
    """getegid(2)."""
    return credentials.of(thread).egid


@syscall
def getresuid(thread: Thread, ruid: OutU32, euid: OutU32, suid: OutU32) -> Result:
    """getresuid(2)."""
    own = credentials.of(thread)
    for address, value in ((ruid, own.uid), (euid, own.euid), (suid, own.suid)):
        thread.memory.put_u32(address, value)
    return 0


@syscall
def getresgid(thread: Thread, rgid: OutU32, egid: OutU32, sgid: OutU32) -> Result:
    """getresgid(2)."""
    own = credentials.of(thread)
    for address, value in ((rgid, own.gid), (egid, own.egid), (sgid, own.sgid)):
        thread.memory.put_u32(address, value)
    return 0


@syscall
def setuid(thread: Thread, uid: UserId) -> Result:
    """setuid(2); the kernel's call, which changes the calling thread only."""
    if uid == NOBODY:
        return -errno.EINVAL
    old = credentials.of(thread)
    if old.can(Capability.CAP_SETUID):
        new = credentials.with_users(old, uid, uid, uid)
    elif uid in (old.uid, old.suid):
        new = credentials.with_users(old, old.uid, uid, old.suid)
    else:
        return -errno.EPERM
    credentials.change(thread, new)
    return 0


@syscall
def setreuid(thread: Thread, ruid: UserId, euid: UserId) -> Result:
    """setreuid(2)."""
    old = credentials.of(thread)
    can = old.can(Capability.CAP_SETUID)
    real, effective, saved = _pair((old.uid, old.euid, old.suid), ruid, euid, can=can, other=old.uid)
    credentials.change(thread, credentials.with_users(old, real, effective, saved))
    return 0


@syscall
def setresuid(thread: Thread, ruid: UserId, euid: UserId, suid: UserId) -> Result:
    """setresuid(2)."""
    old = credentials.of(thread)
    known = (old.uid, old.euid, old.suid)
    real, effective, saved = _three(known, (ruid, euid, suid), old.can(Capability.CAP_SETUID))
    credentials.change(thread, credentials.with_users(old, real, effective, saved))
    return 0


@syscall
def setfsuid(thread: Thread, uid: UserId) -> Result:
    """setfsuid(2): the former one, whether or not it was changed."""
    old = credentials.of(thread)
    allowed = uid in (old.uid, old.euid, old.suid, old.fsuid) or old.can(Capability.CAP_SETUID)
    if uid not in (NOBODY, old.fsuid) and allowed:
        credentials.change(thread, old._replace(fsuid=uid))
    return old.fsuid


@syscall
def setgid(thread: Thread, gid: UserId) -> Result:
    """setgid(2)."""
    if gid == NOBODY:
        return -errno.EINVAL
    old = credentials.of(thread)
    if old.can(Capability.CAP_SETGID):
        credentials.change(thread, old._replace(gid=gid, egid=gid, sgid=gid, fsgid=gid))
    elif gid in (old.gid, old.sgid):
        credentials.change(thread, old._replace(egid=gid, fsgid=gid))
    else:
        return -errno.EPERM
    return 0


@syscall
def setregid(thread: Thread, rgid: UserId, egid: UserId) -> Result:
    """setregid(2)."""
    old = credentials.of(thread)
    can = old.can(Capability.CAP_SETGID)
    real, effective, saved = _pair((old.gid, old.egid, old.sgid), rgid, egid, can=can, other=old.gid)
    credentials.change(thread, old._replace(gid=real, egid=effective, sgid=saved, fsgid=effective))
    return 0


@syscall
def setresgid(thread: Thread, rgid: UserId, egid: UserId, sgid: UserId) -> Result:
    """setresgid(2)."""
    old = credentials.of(thread)
    known = (old.gid, old.egid, old.sgid)
    real, effective, saved = _three(known, (rgid, egid, sgid), old.can(Capability.CAP_SETGID))
    credentials.change(thread, old._replace(gid=real, egid=effective, sgid=saved, fsgid=effective))
    return 0


@syscall
def setfsgid(thread: Thread, gid: UserId) -> Result:
    """setfsgid(2): the former one, whether or not it was changed."""
    old = credentials.of(thread)
    allowed = gid in (old.gid, old.egid, old.sgid, old.fsgid) or old.can(Capability.CAP_SETGID)
    if gid not in (NOBODY, old.fsgid) and allowed:
        credentials.change(thread, old._replace(fsgid=gid))
    return old.fsgid


def _pair(
    old: tuple[int, int, int], real: int, effective: int, *, can: bool, other: int
) -> tuple[int, int, int]:
    """The ids after setreuid or setregid, where -1 leaves one as it is; raises EPERM."""
    if real != NOBODY and real not in old[:2] and not can:
        raise _not_permitted()
    if effective != NOBODY and effective not in old and not can:
        raise _not_permitted()
    changes_saved = real != NOBODY or effective not in (NOBODY, other)
    new_real = old[0] if real == NOBODY else real
    new_effective = old[1] if effective == NOBODY else effective
    return new_real, new_effective, new_effective if changes_saved else old[2]


def _three(old: tuple[int, int, int], wanted: tuple[int, int, int], can: bool) -> tuple[int, int, int]:
    """The ids after setresuid or setresgid, where -1 leaves one as it is; raises EPERM."""
    if not can and any(value != NOBODY and value not in old for value in wanted):
        raise _not_permitted()
    real, effective, saved = (
        was if value == NOBODY else value for was, value in zip(old, wanted, strict=True)
    )
    return real, effective, saved


@syscall
def getgroups(thread: Thread, size: Int, list_: OutGroups) -> Result:
    """getgroups(2)."""
    if size < 0:
        return -errno.EINVAL
    groups = credentials.of(thread).groups
    if size:
        if size < len(groups):
            return -errno.EINVAL
        thread.memory.write(list_, struct.pack(f"<{len(groups)}I", *groups))
    return len(groups)


@syscall
def setgroups(thread: Thread, size: Int, list_: InGroups) -> Result:
    """setgroups(2)."""
    old = credentials.of(thread)
    if not old.can(Capability.CAP_SETGID):
        return -errno.EPERM
    if not 0 <= size <= _NGROUPS_MAX:
        return -errno.EINVAL
    groups = struct.unpack(f"<{size}I", thread.memory.read(list_, size * 4))
    if NOBODY in groups:
        return -errno.EINVAL
    credentials.change(thread, old._replace(groups=tuple(sorted(groups))))
    return 0


def _version(thread: Thread, header: int) -> int:
    """How many words each set has; raises EINVAL for a version that does not exist, and then says which one is preferred."""
    words = CAP_VERSIONS.get(thread.memory.u32(header))
    if words is None:
        thread.memory.put_u32(header, _LATEST)
        raise OSError(errno.EINVAL, "no such version of the capability calls")
    return words


@syscall
def capget(thread: Thread, hdrp: InCapHeader, datap: OutCapData) -> Result:
    """capget(2)."""
    try:
        words = _version(thread, hdrp)
    except OSError as error:
        if error.errno == errno.EINVAL and not datap:
            return 0
        raise
    if not datap:
        return 0
    pid = CapHeader.unpack(thread.memory.read(hdrp, CapHeader.size))[1]
    if pid < 0:
        return -errno.EINVAL
    if pid in (0, thread.tid):
        own = credentials.of(thread)
    else:
        system = thread.process.system
        other = system.thread(pid)
        own = (
            credentials.of(other) if other is not None else credentials.of_process(family.named(thread, pid))
        )
    sets = (own.effective, own.permitted, own.inheritable)
    data = b"".join(CapData.pack(*(each >> 32 * word & 0xFFFFFFFF for each in sets)) for word in range(words))
    thread.memory.write(datap, data)
    return 0


@syscall
def capset(thread: Thread, hdrp: InCapHeader, datap: InCapData) -> Result:
    """capset(2): of the calling thread only (cap_capset in security/commoncap.c)."""
    words = _version(thread, hdrp)
    pid = CapHeader.unpack(thread.memory.read(hdrp, CapHeader.size))[1]
    if pid not in (0, thread.tid):
        return -errno.EPERM
    effective = permitted = inheritable = 0
    for word in range(words):
        data = CapData.unpack(thread.memory.read(datap + word * CapData.size, CapData.size))
        effective |= data[0] << 32 * word
        permitted |= data[1] << 32 * word
        inheritable |= data[2] << 32 * word
    every = (1 << Capability.CAP_CHECKPOINT_RESTORE + 1) - 1
    effective, permitted, inheritable = effective & every, permitted & every, inheritable & every
    old = credentials.of(thread)
    capped = not old.can(Capability.CAP_SETPCAP)
    if (
        (capped and inheritable & ~(old.inheritable | old.permitted))
        or inheritable & ~(old.inheritable | old.bounding)
        or permitted & ~old.permitted
        or effective & ~permitted
    ):
        return -errno.EPERM
    ambient = old.ambient & permitted & inheritable
    credentials.change(
        thread,
        old._replace(effective=effective, permitted=permitted, inheritable=inheritable, ambient=ambient),
    )
    return 0
