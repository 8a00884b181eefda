"""Attempts to get out by the network, signals, other processes, shared memory, clocks, limits, terminals and the processor."""

from __future__ import annotations

import ctypes
import os
import socket
import struct

from .escapes import Try, attempt, name_in
from .fuzz_code import PRIVILEGED
from .scripted import ENTER, STORE, long, result, word

NO_PROCESS = "ESRCH EPERM"
OUTSIDE = (
    "192.0.2.1",
    "::ffff:192.0.2.1",
    "2001:db8::1",
    "224.0.0.1",
    "239.1.2.3",
    "ff02::1",
    "255.255.255.255",
    "169.254.169.254",
    "10.0.0.1",
)
"""Addresses of nobody (RFC 5737, RFC 3849), of groups, of everybody, of what clouds have."""


def own_address() -> str | None:
    """An address of this machine that is not loopback, if it has one; nothing is sent to learn it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        found = probe.getsockname()[0]
    return None if found.startswith("127.") else str(found)


def bench_pid(t: Try) -> list[int]:
    """Processes of the host: ourselves (the bench's parent), init, one that would note a signal."""
    return [os.getpid(), 1, t.world.victim.pid]


@attempt
def families(t: Try) -> None:
    """Sockets of the kernel, of packets, of the hypervisor, raw ones."""
    for family in (3, 4, 5, 9, 15, 16, 17, 20, 21, 26, 29, 30, 31, 37, 38, 40, 41, 43, 44, 45):
        for kind in (1, 2, 3, 5, 10):
            t.refused("EAFNOSUPPORT EPROTONOSUPPORT EINVAL EPERM", "socket", family, kind, 0)
    for protocol in (1, 2, 6, 17, 41, 47, 58, 89, 255):
        t.refused("EPERM EPROTONOSUPPORT", "socket", 2, 3, protocol)
        t.refused("EPERM EPROTONOSUPPORT", "socket", 10, 3, protocol)
    t.refused("*", "socket", 2, 2, 1)
    t.refused("*", "socket", 10, 2, 58)


@attempt
def addresses(t: Try) -> None:
    """Connecting and sending out, by every spelling of an address."""
    own = own_address()
    for address in (*OUTSIDE, *((own, f"::ffff:{own}") if own else ())):
        name = name_in(address)
        family = 10 if ":" in address else 2
        data = t.text(b"x")
        at = t.put(name)
        for kind in (1, 2):
            fd = result(t.works("socket", family, kind, 0))
            t.refused("ENETUNREACH EACCES EINVAL", "connect", fd, at, len(name))
            t.refused("*", "bind", fd, at, len(name)) if not address.startswith(("22", "23", "ff")) else None
            for flags in (0, 0x20000000, 0x4000):  # MSG_FASTOPEN, MSG_NOSIGNAL
                t.refused(
                    "ENETUNREACH EACCES EPIPE ENOTCONN EINVAL EOPNOTSUPP",
                    "sendto",
                    fd,
                    data,
                    1,
                    flags | 0x4000,
                    at,
                    len(name),
                )
            vector = t.put(struct.pack("<QQ", data, 1))
            message = t.put(struct.pack("<QIIQQQQII", at, len(name), 0, vector, 1, 0, 0, 0, 0))
            t.refused("ENETUNREACH EACCES EPIPE ENOTCONN EINVAL", "sendmsg", fd, message, 0x4000)
            t.refused(
                "ENETUNREACH EACCES EPIPE ENOTCONN EINVAL",
                "sendmmsg",
                fd,
                t.put(struct.pack("<QIIQQQQIIQ", at, len(name), 0, vector, 1, 0, 0, 0, 0, 0)),
                1,
                0x4000,
            )
            t.call("close", fd)


@attempt
def devices_of_the_network(t: Try) -> None:
    """Socket options that lead to other devices, routes, groups, headers."""
    for family, kind in ((2, 2), (10, 2), (2, 1)):
        fd = result(t.works("socket", family, kind, 0))
        for name in (b"eth0\0", b"docker0\0"):
            t.refused("*", "setsockopt", fd, 1, 25, t.put(name), len(name))
        one = t.put(struct.pack("<I", 1))
        for option in (36, 19, 12, 33, 8):
            if option in (36, 12, 33):  # SO_MARK, SO_PRIORITY beyond 6, SO_RCVBUFFORCE
                t.refused("*", "setsockopt", fd, 1, option, t.put(struct.pack("<I", 77)), 4)
        for level, option in ((0, 19), (0, 3000), (41, 75)):  # IP_TRANSPARENT, none, IPV6_TRANSPARENT
            t.refused("*", "setsockopt", fd, level, option, one, 4)
        t.refused("*", "setsockopt", fd, 255, 1, one, 4)
        for request in (
            0x8914,
            0x8916,
            0x8924,
            0x890B,
            0x8955,
            0x89A0,
            0x8922,
            0x8946,
            0x89F0,
        ):  # SIOCSIFFLAGS and kin
            t.refused("*", "ioctl", fd, request, t.put(b"lo\0".ljust(64, b"\0")))
    group = t.put(socket.inet_aton("239.1.2.3") + bytes(8))
    made = result(t.works("socket", 2, 2, 0))
    t.call("setsockopt", made, 0, 35, group, 12)
    t.call("setsockopt", made, 0, 32, t.put(socket.inet_aton(own_address() or "127.0.0.1")), 4)
    t.refused("ENETUNREACH EACCES", "sendto", made, t.text(b"x"), 1, 0, t.put(name_in("239.1.2.3")), 16)
    control = t.put(
        struct.pack("<Qii", 28, 0, 8) + struct.pack("<i", 2) + bytes(8) + bytes(4)
    )  # IP_PKTINFO: another device
    vector = t.put(struct.pack("<QQ", t.text(b"x"), 1))
    at = t.put(name_in("192.0.2.1"))
    t.refused(
        "*", "sendmsg", made, t.put(struct.pack("<QIIQQQQII", at, 16, 0, vector, 1, control, 32, 0, 0)), 0
    )


@attempt
def signals_out(t: Try) -> None:
    """Signals to processes of the host: by kill and its kin, pidfds, timers, owners of descriptors."""
    info = t.put(struct.pack("<iiiiii", 12, 0, -1, 0, 0, 0) + bytes(104))
    for pid in bench_pid(t):
        if pid != 1:  # of the guest's own init it may ask whether it is there
            for number in (0, 9, 12, 23):
                t.refused("ESRCH", "kill", pid, number)
                t.refused("ESRCH", "kill", -pid, number)
        t.refused(NO_PROCESS, "kill", pid, 12)
        t.refused(NO_PROCESS + " EINVAL", "tkill", pid, 12)
        t.refused(NO_PROCESS, "tgkill", pid, pid, 12)
        t.refused(NO_PROCESS, "rt_sigqueueinfo", pid, 12, info)
        t.refused(NO_PROCESS, "rt_tgsigqueueinfo", pid, pid, 12, info)
        t.call("pidfd_open", pid, 0) if pid == 1 else t.refused("ESRCH", "pidfd_open", pid, 0)
        event = t.put(struct.pack("<Qiii", 0, 12, 4, pid) + bytes(44))
        t.refused("EINVAL", "timer_create", 1, event, t.room(8))
        pipe = t.room(8)
        t.works("pipe2", pipe, 0)
        inet = result(t.works("socket", 2, 1, 0))
        unix = t.room(8)
        t.works("socketpair", 1, 1, 0, unix)
        for fd in (word(pipe), inet, word(unix)):
            for owner in (pid, -pid):
                t.call("fcntl", fd, 8, owner)  # F_SETOWN
                t.call("fcntl", fd, 15, t.put(struct.pack("<ii", 1 if owner > 0 else 2, pid)))  # F_SETOWN_EX
                t.call("ioctl", fd, 0x8901, t.put(struct.pack("<i", owner)))  # FIOSETOWN
                t.call("ioctl", fd, 0x8902, t.put(struct.pack("<i", owner)))  # SIOCSPGRP
            t.call("fcntl", fd, 10, 12)  # F_SETSIG
            t.call("fcntl", fd, 4, 0o24000)  # O_ASYNC
            t.call("ioctl", fd, 0x5452, t.put(struct.pack("<i", 1)))  # FIOASYNC
        t.call("write", word(pipe + 4), t.text(b"x"), 1)
        t.call("write", word(unix + 4), t.text(b"x"), 1)
        t.call("sendto", word(unix + 4), t.text(b"x"), 1, 1, 0, 0)  # MSG_OOB: SIGURG
        t.call("flock", 3, 6)
    t.refused("ESRCH", "kill", -1, 9)
    t.refused(NO_PROCESS, "kill", -1, 0)


@attempt
def groups_out(t: Try) -> None:
    """Groups, sessions and terminals with ids of the host."""
    master = result(t.works("open", b"/dev/ptmx", 0o402, 0))
    t.works("ioctl", master, 0x40045431, t.put(bytes(4)))
    slave = result(t.works("open", b"/dev/pts/0", 0o402, 0))
    child = t.works("fork")
    jump = t.goto_if(result(child), 0)
    t.call("wait4", result(child), 0, 0, 0)
    over = t.goto_if(0, 0)
    t.land(jump)
    t.works("setsid")
    t.works("ioctl", slave, 0x540E, 0)
    for pid in bench_pid(t):
        t.refused("ESRCH EPERM", "setpgid", pid, 0)
        t.refused("ESRCH EPERM", "setpgid", 0, pid)
        t.refused("ESRCH EPERM ENOTTY", "ioctl", slave, 0x5410, t.put(struct.pack("<i", pid)))
        if pid != 1:
            for name in ("getpgid", "getsid", "sched_getscheduler"):
                t.refused("ESRCH", name, pid)
    for request in (0x5412, 0x541C, 0x4B3A, 0x5607, 0x4B46, 0x541D, 0x5414, 0x5423):
        if request not in (0x5414, 0x5423):
            t.refused("*", "ioctl", slave, request, t.text(b"\3x"))
            t.refused("*", "ioctl", master, request, t.text(b"\3x"))
    t.call("vhangup")
    t.end()
    t.land(over)


@attempt
def terminals_of_the_host(t: Try) -> None:
    """Terminals of the machine by their numbers."""
    for number in range(64):
        t.refused("ENOENT EIO", "open", b"/dev/pts/%d" % number, 0o402, 0)
    for name in (b"tty0", b"tty1", b"ttyS0", b"console", b"pts/../tty1", b"pts/-1", b"pts/00"):
        t.refused("ENOENT", "open", b"/dev/" + name, 0o402, 0)


@attempt
def processes_out(t: Try) -> None:
    """Memory, descriptors, priorities and limits of host processes."""
    vector = t.put(struct.pack("<QQ", t.room(64), 64))
    remote = t.put(struct.pack("<QQ", 0x400000, 64))
    for pid in bench_pid(t):
        t.refused("*", "process_vm_readv", pid, vector, 1, remote, 1, 0)
        t.refused("*", "process_vm_writev", pid, vector, 1, remote, 1, 0)
        for request in (0, 16, 0x4206, 1, 4, 12):
            t.refused("*", "ptrace", request, pid, 0, 0)
        t.refused("*", "kcmp", pid, os.getpid(), 0, 0, 0)
        t.refused("*", "get_robust_list", pid, t.room(8), t.room(8)) if pid != 1 else None
        if pid != 1:
            t.refused("*", "setpriority", 0, pid, 19)
            t.refused("*", "ioprio_set", 1, pid, 0x6000)
            t.refused("*", "sched_setaffinity", pid, 8, t.put(b"\1" + bytes(7)))
            t.refused("*", "sched_setscheduler", pid, 1, t.put(struct.pack("<I", 1)))
            t.refused("*", "prlimit64", pid, 7, t.put(struct.pack("<QQ", 0, 0)), 0)
            t.refused("*", "migrate_pages", pid, 1, t.room(8), t.room(8))
            t.refused("*", "move_pages", pid, 0, 0, 0, 0, 0)
            t.refused("*", "wait4", pid, 0, 1, 0)
    t.call("setpriority", 1, os.getpgrp(), 19)
    t.call("setpriority", 2, 0, 19)


@attempt
def shared_memory(t: Try) -> None:
    """Shared memory, queues and semaphores of the host."""
    library = ctypes.CDLL(None, use_errno=True)
    key = 0x00E50000 | os.getpid() & 0xFFFF
    number = library.shmget(key, 4096, 0o1666)
    name = f"/dev/shm/host-{key:x}"
    with open(name, "wb") as file:
        file.write(t.world.secret)
    try:
        if number >= 0:
            library.shmat.restype = ctypes.c_void_p
            there = library.shmat(number, None, 0)
            ctypes.memmove(there, t.world.secret, len(t.world.secret))
            library.shmdt(ctypes.c_void_p(there))
        t.refused("*", "shmget", key, 0, 0)
        t.call("shmat", number, 0, 0o10000)
        for call in ("semget", "msgget"):
            t.refused("*", call, key, 0, 0)
        t.peek(os.fsencode(name))
        t.peek(b"/dev/shm/../shm/" + os.path.basename(name).encode())
        t.refused("*", "mq_open", os.path.basename(name).encode(), 0, 0, 0)
        run = t.world.finally_
        run.append(lambda: os.unlink(name))
        run.append(lambda: library.shmctl(number, 0, None))
    except BaseException:
        os.unlink(name)
        raise


@attempt
def machine(t: Try) -> None:
    """Clocks, names, power, kernel logs, ports of the machine."""
    now = t.put(struct.pack("<QQ", 1, 0))
    for name, *arguments in (
        ("clock_settime", 0, now), ("settimeofday", now, 0), ("clock_adjtime", 0, t.put(struct.pack("<I", 0x8000).ljust(256, b"\0"))),
        ("adjtimex", t.put(struct.pack("<I", 0x8001).ljust(256, b"\1"))), ("reboot", 0xFEE1DEAD, 672274793, 0x1234567, 0), ("syslog", 5, 0, 0), ("iopl", 3),
        ("ioperm", 0, 10, 1), ("sethostname", b"mine", 4), ("setdomainname", b"mine", 4), ("swapoff", b"/file"), ("uselib", b"/file"),
        ("vhangup",), ("quotactl", 0, b"/", 0, 0), ("nfsservctl", 0, 0, 0), ("syslog", 3, t.room(64), 64),
    ):  # fmt: skip
        t.refused("EPERM ENOSYS EINVAL EACCES", name, *arguments)
    for path in (b"/proc/sys/kernel/core_pattern", b"/proc/sys/kernel/hostname", b"/proc/sysrq-trigger", b"/sys/power/state", b"/proc/self/oom_score_adj",
                 b"/proc/self/uid_map", b"/sys/kernel/uevent_helper", b"/proc/self/attr/current", b"/sys/fs/cgroup/cgroup.procs", b"/proc/self/coredump_filter"):  # fmt: skip
        for flags in (1, 2, 0o1001):
            t.refused("EROFS EACCES ENOENT EPERM", "open", path, flags, 0)


@attempt
def limits(t: Try) -> None:
    """More memory, descriptors and priority than it was given."""
    for size in (1 << 46, 1 << 44, (1 << 47) - (1 << 21), 1 << 33):
        for flags in (0x22, 0x8022, 0x21):
            t.refused("ENOMEM EINVAL", "mmap", 0, size, 3, flags, -1, 0)
    for which in (7, 13, 14):
        t.refused("EPERM EINVAL", "setrlimit", which, t.put(struct.pack("<QQ", (1 << 64) - 1, (1 << 64) - 1)))
    t.refused("EPERM", "sched_setscheduler", 0, 1, t.put(struct.pack("<I", 50)))
    t.refused("EPERM EACCES", "setpriority", 0, 0, -10)
    for name, *ids in (
        ("setuid", 0),
        ("setgid", 0),
        ("setresuid", 0, 0, 0),
        ("setgroups", 1, t.put(bytes(4))),
        ("setreuid", 0, 0),
    ):
        t.refused("EPERM", name, *ids)
    t.refused("EPERM", "capset", t.put(struct.pack("<Ii", 0x20080522, 0)), t.put(b"\xff" * 24))


@attempt
def descriptors_of_the_bench(t: Try) -> None:
    """Descriptors that the bench has open: by number, by closing them all, by its trace."""
    for fd in range(3, 120):
        t.refused("EBADF", "fcntl", fd, 1, 0)
        t.refused("ENOENT", "open", b"/proc/self/fd/%d" % fd, 0, 0)
        t.refused("EBADF", "write", fd, t.text(b"spoiled"), 7)
    t.refused("ENOENT", "open", t.path("trace.jsonl"), 1, 0)
    t.works("close_range", 3, 0xFFFFFFFF, 0)
    for fd in (3, 4, 5, 9, 20, 63):
        t.works("dup2", 0, fd)
    t.works("close_range", 3, 0xFFFFFFFF, 0)
    t.opened(b"/file")


@attempt
def own_root(t: Try) -> None:
    """A guest that is root to itself: none of what the bench's own rights could do."""
    t.options += ["--user", "0:0"]
    rw = t.path("rw")
    for path in (b"/../outside/secret", b"/up", b"/absolute", t.path("outside", "secret")):
        t.refused("ENOENT", "open", path, 0, 0)
    for name, *arguments in (
        ("mount", b"/", rw, b"none", 4096, 0), ("chroot", rw), ("unshare", 0x20000), ("mknod", rw + b"/n", 0o20666, 0x103), ("reboot", 0xFEE1DEAD, 672274793, 0, 0),
        ("clock_settime", 0, t.put(struct.pack("<QQ", 1, 0))), ("open_by_handle_at", 3, t.room(64), 0), ("iopl", 3), ("ptrace", 16, t.world.victim.pid, 0, 0),
        ("init_module", t.room(64), 64, b""), ("swapon", rw, 0), ("acct", rw), ("socket", 16, 3, 0), ("socket", 17, 3, 0), ("socket", 2, 3, 255),
        ("setxattr", rw + b"/file", b"security.capability", t.put(struct.pack("<IIIII", 0x2000001, 0xFFFFFFFF, 0, 0, 0)), 20, 0),
        ("setxattr", rw + b"/file", b"trusted.x", b"y", 1, 0),
    ):  # fmt: skip
        t.refused("EPERM ENOSYS EAFNOSUPPORT EPROTONOSUPPORT EOPNOTSUPP", name, *arguments)
    for pid in bench_pid(t)[::2]:
        t.refused("ESRCH", "kill", pid, 12)
    t.call("sethostname", b"mine", 4)
    t.call("setrlimit", 7, t.put(struct.pack("<QQ", 1 << 20, 1 << 20)))
    t.call("dup2", 0, (1 << 20) - 1)
    t.call("setpriority", 0, 0, -20)


@attempt
def processor(t: Try) -> None:
    """Instructions of a kernel, other gates, other segments."""
    for code in (
        *PRIVILEGED,
        "9a",
        "48ff28",
        "ff28",
        "48ff18",
        "0f01fa",
        "0f01cb",
        "0f01ca",
        "660f3882",
        "0f05",
    ):
        body = bytes.fromhex(code) + b"\xc3" * 16
        child = t.works("fork")
        jump = t.goto_if(result(child), 0)
        status = t.room(8)
        t.works("wait4", result(child), status, 0, 0)
        over = t.goto_if(0, 0)
        t.land(jump)
        far = t.put(struct.pack("<QH", 0x1000, 0x10) + bytes(6))
        t.call("alarm", 1)  # some run on for ever
        t.step(ENTER, 0, t.put(body), far)
        t.end()
        t.land(over)
    t.step(STORE, 0, t.room(8), long(t.room(8)), 8)
