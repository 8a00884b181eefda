"""Where the guest is and what it may use: system name, random bytes, personality."""

import errno
import os

from syscalls.args import Address, Int, Result, Size
from syscalls.birth import PERSONALITY
from syscalls.flags.threads import Getrandom
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_threads import (
    OutSysinfo,
    OutUtsname,
    RandomFlags,
    Sysinfo,
    Utsname,
)
from syscalls.types_users import PersonaArg
from syscalls.types_volatile import OutRandom

_RANDOM_CHUNK = 1 << 16
_PAGE = 4096
_MAX_COUNT = 0x7FFFF000


@syscall
def uname(thread: Thread, buf: OutUtsname) -> Result:
    """uname(2): the host's kernel, as its behaviour is what the guest meets, under a node name of its own."""
    host = os.uname()
    thread.memory.write(
        buf,
        Utsname.pack(
            b"Linux",
            b"emu",
            thread.process.system.release.encode()[:64],
            host.version.encode()[:64],
            b"x86_64",
            b"(none)",
        ),
    )
    return 0


@syscall
def getrandom(thread: Thread, buf: OutRandom, buflen: Size, flags: RandomFlags) -> Result:
    """getrandom(2): bytes drawn from the run's seed; never blocks."""
    both = Getrandom.GRND_INSECURE | Getrandom.GRND_RANDOM
    if flags & ~(Getrandom.GRND_NONBLOCK | both) or flags & both == both:
        return -errno.EINVAL
    count = min(buflen, _MAX_COUNT)
    memory, bench = thread.memory, thread.bench
    memory.host(buf)
    done = 0
    while done < count:
        size = min(_RANDOM_CHUNK, count - done)
        try:
            memory.write(buf + done, bench.random(size))
        except OSError:
            size = min(_PAGE - (buf + done) % _PAGE, count - done)
            try:
                memory.write(buf + done, bench.random(size))
            except OSError:
                if done:
                    break
                raise
        done += size
    return done


@syscall(partial="memory figures are the guest's limit, loads are zero")
def sysinfo(thread: Thread, info: OutSysinfo) -> Result:
    """sysinfo(2)."""
    total = 4 << 30
    uptime = thread.bench.monotonic_ns() // 1_000_000_000
    count = sum(len(process.threads) for process in thread.process.system.processes.values())
    words = (uptime, bytes(24), total, total, 0, 0, 0, 0, count, 0, 0, 1)
    thread.memory.write(info, Sysinfo.pack(*words))
    return 0


@syscall
def personality(thread: Thread, persona: PersonaArg) -> Result:
    """personality(2): 0xffffffff only asks. It is kept, and has no effect but to be told."""
    old = thread.settings.get(PERSONALITY, 0)
    if persona != 0xFFFFFFFF:
        thread.settings[PERSONALITY] = persona
    return old


@syscall
def sethostname(thread: Thread, name: Address, len_: Int) -> Result:
    """sethostname(2): nobody may."""
    return -errno.EPERM


@syscall
def setdomainname(thread: Thread, name: Address, len_: Int) -> Result:
    """setdomainname(2): nobody may."""
    return -errno.EPERM


@syscall
def syslog(thread: Thread, type_: Int, bufp: Address, len_: Int) -> Result:
    """syslog(2): nobody may."""
    return -errno.EPERM
