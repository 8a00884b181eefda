"""Attempts to get out by paths, links, descriptors, names of sockets, programs."""

from __future__ import annotations

import struct

from .escapes import Try, attempt, name_un
from .scripted import result, word

AT_FDCWD = -100
CREATE = 0o101
DIRECTORY, NOFOLLOW, PATH = 0o200000, 0o400000, 0o10000000
NOWHERE = "ENOENT ELOOP ENOTDIR EACCES"


@attempt
def dots(t: Try) -> None:
    """`..` in all forms."""
    rw = t.path("rw")
    for path in (
        b"/../../outside/secret", b"../" * 60 + t.path("outside", "secret")[1:], b"../outside/secret", rw + b"/../outside/secret",
        rw + b"/sub/../../outside/secret", rw + b"//..//.//outside//secret", b"/sub/../../outside/secret", b"/..//../secret",
        rw + b"/sub/./.././../outside/secret", t.path("outside", "secret"), b"/proc/../../outside/secret", b"/dev/shm/../../../outside/secret",
        b"/tmp/../../outside/secret", b"/dev/pts/../../../../outside/secret",
    ):  # fmt: skip
        t.refused(NOWHERE, "open", path, 0, 0)
        t.refused(NOWHERE, "stat", path, t.room(256))
        t.refused(NOWHERE + " EXDEV EROFS EBUSY", "rename", path, rw + b"/stolen")


@attempt
def links_of_the_host(t: Try) -> None:
    """Symbolic links that lie there, relative and absolute."""
    for top in (b"", t.path("rw")):
        for name in (b"/up", b"/absolute", b"/folder/secret", b"/folder/sub/../secret", b"/loop"):
            for flags in (0, 2, 0o2001, CREATE, PATH):
                t.refused(NOWHERE + " EROFS", "open", top + name, flags, 0o644)
            t.refused(NOWHERE + " EROFS", "truncate", top + name, 0)
            t.refused(NOWHERE + " EROFS", "chmod", top + name, 0o777)


@attempt
def links_of_its_own(t: Try) -> None:
    """Symbolic links that the guest makes."""
    rw = t.path("rw")
    targets = (
        t.path("outside", "secret"),
        b"../outside/secret",
        b"sub/../../outside/secret",
        b"/proc/self/root/../outside/secret",
    )
    for number, target in enumerate(
        (*targets, b"/proc/self/cwd/../outside/secret", b"/../../.." + t.path("outside", "secret"))
    ):
        name = rw + b"/mine%d" % number
        t.works("symlink", target, name)
        for flags in (0, 2, CREATE, PATH):
            t.refused(NOWHERE, "open", name, flags, 0o644)
        t.refused(NOWHERE, "execve", name, 0, 0)


@attempt
def loops(t: Try) -> None:
    """Loops and long chains of symbolic links."""
    rw = t.path("rw")
    for number in range(45):
        t.works("symlink", b"chain%d" % (number + 1), rw + b"/chain%d" % number)
    t.works("symlink", t.path("outside", "secret"), rw + b"/chain45")
    t.refused("ELOOP", "open", rw + b"/chain0", 0, 0)
    t.refused("ELOOP", "open", rw + b"/chain0/x", 0, 0)
    t.refused(NOWHERE, "open", rw + b"/chain20", 0, 0)
    t.refused("ELOOP", "open", rw + b"/loop/../../outside/secret", 0, 0)


@attempt
def proc_links(t: Try) -> None:
    """/proc/self/root, cwd, exe, fd and those of other guest processes."""
    t.works("chdir", t.path("rw"))
    fd = t.opened(t.path("rw", "sub"), DIRECTORY)
    child = t.works("fork")
    jump = t.goto_if(result(child), 0)
    for who in (b"self", b"1000", b"1001", b"thread-self", b"self/task/1000"):
        for way in (
            b"root/../outside/secret",
            b"root/../../../../outside/secret",
            b"cwd/../outside/secret",
            b"cwd/../../outside/secret",
            b"exe/../secret",
        ):
            t.refused(NOWHERE, "open", b"/proc/" + who + b"/" + way, 0, 0)
        t.refused(NOWHERE, "open", b"/proc/" + who + b"/fd/3/../../outside/secret", 0, 0)
    for pid in (1, 2, 999, t.world.victim.pid):
        for name in (b"root/etc/passwd", b"cwd/x", b"fd/0", b"environ", b"mem", b"maps", b"exe"):
            t.refused(NOWHERE, "open", b"/proc/%d/" % pid + name, 0, 0)
    for path in (
        b"/dev/fd/3/../../outside/secret",
        b"/dev/stdin/../x",
        b"/proc/self/fd/../../../outside/secret",
        b"/proc/self/ns/mnt",
        b"/proc/self/map_files",
    ):
        t.refused(NOWHERE, "open", path, 0, 0)
    t.refused(NOWHERE, "openat", result(fd), b"../../outside/secret", 0, 0)
    skip = t.goto_if(0, 0)
    t.land(jump)
    t.call("pause")
    t.land(skip)
    t.works("kill", result(child), 9)


@attempt
def path_descriptors(t: Try) -> None:
    """O_PATH descriptors, opened again and walked up from."""
    rw = t.opened(t.path("rw"), PATH | DIRECTORY)
    for up in range(1, 6):
        t.refused(NOWHERE, "openat", result(rw), b"../" * up + b"outside/secret", 0, 0)
    t.refused(NOWHERE, "openat", result(rw), b"up", PATH, 0)
    link = t.works("openat", result(rw), b"up", PATH | NOFOLLOW, 0)
    t.refused("ELOOP ENOENT EACCES", "open", b"/proc/self/fd/4", 0, 0)
    t.refused("EBADF", "read", result(link), t.room(64), 64)
    t.opened(b"/file", PATH)
    t.refused("EROFS", "open", b"/proc/self/fd/5", 2, 0)


@attempt
def passed_directories(t: Try) -> None:
    """Directories passed over a Unix socket, and moved away while somebody is in them."""
    pair = t.room(8)
    t.works("socketpair", 1, 1, 0, pair)
    here = t.opened(t.path("rw", "sub"), DIRECTORY)
    vector = t.put(struct.pack("<QQ", t.text(b"x"), 1))
    control = t.put(struct.pack("<Qiii4x", 20, 1, 1, 0))
    t.step(5, 0, control + 16, result(here), 4)
    message = t.put(struct.pack("<QIIQQQQII", 0, 0, 0, vector, 1, control, 24, 0, 0))
    t.works("sendmsg", word(pair), message, 0)
    t.works("recvmsg", word(pair + 4), message, 0)
    for fd in (result(here), word(control + 16)):
        t.refused(NOWHERE, "openat", fd, b"../../outside/secret", 0, 0)
        t.works("fchdir", fd)
        t.refused(NOWHERE, "open", b"../../outside/secret", 0, 0)
    t.works("mkdir", t.path("rw", "a"), 0o755)
    t.works("mkdir", t.path("rw", "a", "b"), 0o755)
    t.works("chdir", t.path("rw", "a", "b"))
    t.works("rename", t.path("rw", "a", "b"), t.path("rw", "b"))
    t.refused(NOWHERE, "open", b"../../outside/secret", 0, 0)
    t.refused("EXDEV EROFS", "rename", t.path("rw", "b"), b"/tmp/b")
    t.works("rmdir", t.path("rw", "b"))
    t.refused(NOWHERE, "open", b"../outside/secret", 0, 0)


@attempt
def across_roots(t: Try) -> None:
    """Renaming and hard links from one root to another."""
    rw = t.path("rw")
    for source, target in (
        (b"/file", rw + b"/x"),
        (rw + b"/file", b"/x"),
        (rw + b"/file", b"/tmp/x"),
        (b"/sub", rw + b"/y"),
    ):
        t.refused("EXDEV EROFS", "rename", source, target)
        t.refused("EXDEV EROFS EPERM", "link", source, target)
        t.refused("EXDEV EROFS", "renameat2", AT_FDCWD, source, AT_FDCWD, target, 1)
    t.refused("EXDEV EROFS", "renameat2", AT_FDCWD, rw + b"/file", AT_FDCWD, b"/file", 2)
    t.opened(b"/file")
    t.refused("EXDEV EROFS", "linkat", AT_FDCWD, b"/proc/self/fd/3", AT_FDCWD, rw + b"/z", 0x400)
    t.refused("EXDEV EROFS", "linkat", 3, b"", AT_FDCWD, rw + b"/z", 0x1000)
    t.opened(rw, 0o20200002, 0o600)
    t.refused("EXDEV EROFS", "linkat", AT_FDCWD, b"/proc/self/fd/4", AT_FDCWD, b"/z", 0x400)
    t.refused("EBUSY EXDEV EROFS", "rename", rw, rw + b"2")
    t.refused("EBUSY EXDEV EROFS ENOENT", "rmdir", rw)


@attempt
def read_only(t: Try) -> None:
    """Every way to change a file of the read-only root."""
    for flags in (1, 2, 0o1000, 0o1002, 0o2001, CREATE, 0o20200002):
        t.refused("EROFS EISDIR", "open", b"/file" if flags != 0o20200002 else b"/sub", flags, 0o644)
    fd = t.opened(b"/file")
    t.refused("EROFS", "open", b"/proc/self/fd/3", 2, 0)
    t.refused("EROFS", "open", b"/dev/fd/3", 1, 0)
    t.refused("EBADF EINVAL", "ftruncate", result(fd), 0)
    t.refused("EBADF", "write", result(fd), t.text(b"x"), 1)
    t.refused("EBADF EROFS", "fallocate", result(fd), 0, 0, 4096)
    t.refused("EACCES", "mmap", 0, 4096, 3, 1, result(fd), 0)
    shared = t.works("mmap", 0, 4096, 1, 1, result(fd), 0)
    t.refused("EACCES", "mprotect", result(shared), 4096, 3)
    pipe = t.room(8)
    t.works("pipe2", pipe, 0)
    t.refused("*", "splice", word(pipe), 0, result(fd), 0, 10, 0)
    t.refused("*", "copy_file_range", result(fd), 0, result(fd), 0, 10, 0)
    for request in (
        0x40086602,
        0x401C5820,
        0x40049409,
        0xC0045877,
        0xC0045878,
        0xC0185879,
        0x800C6613,
        0xC0C0583B,
    ):
        t.refused("*", "ioctl", result(fd), request, t.put(b"\x10" * 64))
    for name, *rest in (
        ("chmod", 0o777),
        ("chown", 1, 1),
        ("unlink",),
        ("setxattr", b"user.a", b"x", 1, 0),
        ("utimensat",),
    ):
        arguments = (AT_FDCWD, b"/file", 0, 0) if name == "utimensat" else (b"/file", *rest)
        t.refused("EROFS", name, *arguments)
    t.refused("EINVAL", "fcntl", result(fd), 1024, 1)  # F_SETLEASE
    t.refused("EINVAL", "fcntl", result(fd), 1026, 31)  # F_NOTIFY


@attempt
def fifos(t: Try) -> None:
    """A FIFO of the read-only root: what host programs read from it must not come from a guest, nor what they write go there."""
    for flags in (0, 1, 2, 0o4000, 0o4001, 0o4002):
        t.refused("EACCES", "open", b"/fifo", flags, 0)
    t.opened(b"/fifo", PATH)
    t.refused("EACCES", "open", b"/proc/self/fd/3", 0o4002, 0)


@attempt
def socket_names(t: Try) -> None:
    """Names of Unix sockets outside, to bind to and to connect to."""
    made = t.works("socket", 1, 1, 0)
    again = t.works("socket", 1, 2, 0)
    rw = t.path("rw")
    for path in (
        b"/../x",
        b"/new",
        b"/sub/new",
        b"folder/x",
        b"../outside/x",
        b"/proc/self/root/../x",
        b"up",
        b"/dev/new",
        b"/proc/new",
    ):
        for kind in (made, again):
            t.refused("*", "bind", result(kind), t.put(name_un(path + b"\0")), 3 + len(path))
    for path in (
        b"/s",
        b"../outside/s",
        b"folder/s",
        b"/proc/self/cwd/../outside/s",
        b"/../outside/s",
        b"\0" + t.world.abstract,
    ):
        length = 2 + len(path) + (path[0] != 0)
        t.refused("*", "connect", result(made), t.put(name_un(path + b"\0")), length)
        t.refused("*", "connect", result(again), t.put(name_un(path + b"\0")), length)
        t.refused("*", "sendto", result(again), t.text(b"x"), 1, 0, t.put(name_un(path + b"\0")), length)
    t.works("bind", result(made), t.put(name_un(b"\0" + t.world.abstract)), 2 + 1 + len(t.world.abstract))
    t.works("chdir", rw)
    t.works("bind", result(again), t.put(name_un(b"mine\0")), 7)


@attempt
def programs(t: Try) -> None:
    """execve of host files outside, of interpreters outside."""
    rw = t.path("rw")
    outside = t.path("outside", "program")
    bodies = {
        b"script": b"#!" + outside + b"\n",
        b"up": b"#!" + rw + b"/../outside/program\n",
        b"linked": b"#!" + rw + b"/folder/program\n",
        b"sh": b"#!/bin/sh\n",
    }
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0x1000, 64, 0, 0, 64, 56, 2, 64, 0, 0
    )
    name = t.path("outside", "program") + b"\0"
    table = struct.pack("<IIQQQQQQ", 3, 4, 0x200, 0x200, 0x200, len(name), len(name), 1)
    table += struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 4096, 4096, 4096)
    bodies[b"elf"] = (header + table).ljust(0x200, b"\0") + name.ljust(0xE00, b"\0")
    vector = t.room(16)
    t.step(5, 0, vector, t.text(b"x"), 8)
    for number, (own, body) in enumerate(bodies.items()):
        path = rw + b"/own-" + own
        fd = t.opened(path, CREATE | 0o1000, 0o755)
        t.works("write", result(fd), t.put(body), len(body))
        t.works("close", result(fd))
        t.refused("ENOENT EACCES ENOTDIR ELIBBAD", "execve", path, vector, 0)
        assert number < 9
    for path in (
        outside,
        rw + b"/../outside/program",
        rw + b"/folder/program",
        b"/bin/sh",
        b"/usr/bin/env",
        b"/proc/1/exe",
        b"/folder/program",
    ):
        t.refused(NOWHERE, "execve", path, vector, 0)
        t.refused(NOWHERE, "execveat", AT_FDCWD, path, vector, 0, 0)
    t.refused("EACCES EBADF ENOEXEC", "execveat", 0, b"", vector, 0, 0x1000)


@attempt
def watches(t: Try) -> None:
    """inotify and fanotify on what is outside, file handles."""
    made = t.works("inotify_init1", 0o4000)
    for path in (t.path("outside"), b"/up", b"/folder", t.path("rw") + b"/..", b"/.."):
        if path not in (b"/..", t.path("rw") + b"/.."):
            t.refused(NOWHERE, "inotify_add_watch", result(made), path, 0xFFF)
    t.refused("EPERM", "fanotify_init", 0, 0)
    t.refused("EPERM", "name_to_handle_at", AT_FDCWD, b"/file", t.room(256), t.room(8), 0)
    t.refused("EPERM", "open_by_handle_at", AT_FDCWD, t.put(struct.pack("<Ii", 8, 1) + b"\2" + bytes(16)), 0)


@attempt
def mounts(t: Try) -> None:
    """mount and its kin, chroot, namespaces."""
    rw = t.path("rw")
    for name, *arguments in (
        ("mount", b"/", rw, b"none", 4096, 0), ("umount2", b"/proc", 2), ("pivot_root", rw, rw), ("chroot", rw), ("fsopen", b"proc", 0),
        ("open_tree", -100, b"/", 1), ("move_mount", 3, b"", -100, rw, 4), ("fspick", -100, b"/", 0), ("unshare", 0x20000), ("unshare", 0x10000000),
        ("unshare", 0x20000000), ("unshare", 0x40000000), ("setns", 0, 0), ("clone", 0x10000011), ("clone", 0x20011), ("swapon", rw, 0), ("acct", rw),
        ("mount_setattr", -100, b"/", 0, t.room(64), 32), ("quotactl", 0, 0, 0, 0), ("bpf", 0, t.room(128), 72), ("kexec_load", 0, 0, 0, 0),
        ("init_module", t.room(64), 64, b""), ("delete_module", b"x", 0), ("perf_event_open", t.room(128), 0, -1, -1, 0), ("keyctl", 0, -3, 1),
        ("io_uring_setup", 8, t.room(128)), ("userfaultfd", 0), ("landlock_create_ruleset", 0, 0, 1), ("seccomp", 1, 0, t.room(64)),
    ):  # fmt: skip
        t.refused("EPERM ENOSYS EINVAL EBADF", name, *arguments)


@attempt
def devices(t: Try) -> None:
    """Device nodes: new ones, and those that lie in a directory."""
    rw = t.path("rw")
    for mode in (0o20666, 0o60666):
        for number in (0x103, 0x105, 0x501, 0x700, 0x800, 0x101):
            t.refused("EPERM", "mknod", rw + b"/node", mode, number)
            t.refused("EPERM EROFS", "mknod", b"/dev/node", mode, number)
    for name in (
        b"mem",
        b"kmsg",
        b"kvm",
        b"fuse",
        b"sda",
        b"loop0",
        b"console",
        b"vcs",
        b"net/tun",
        b"mapper",
        b"snapshot",
        b"hpet",
        b"port",
    ):
        t.refused("ENOENT", "open", b"/dev/" + name, 0, 0)


@attempt
def reopened(t: Try) -> None:
    """memfd and pipes opened again through /proc/self/fd: their own bytes only; stdin, which is the host's, not for more than it was given."""
    made = t.works("memfd_create", b"mine", 3)
    t.works("ftruncate", result(made), 4096)
    again = t.works("open", b"/proc/self/fd/3", 2, 0)
    t.works("write", result(again), t.text(b"x"), 1)
    t.refused(NOWHERE, "open", b"/proc/self/fd/3/../../x", 0, 0)
    t.refused("EROFS", "open", b"/proc/self/fd/0", 2, 0)
    t.refused("EPERM EROFS", "chmod", b"/proc/self/fd/0", 0o777)
    t.refused("EPERM EROFS", "fchmod", 0, 0o777)
    t.refused("EBADF EINVAL", "ftruncate", 0, 0)


@attempt
def what_is_shown(t: Try) -> None:
    """Texts of /proc: no path, name or variable of the bench."""
    hidden = ("outside", "tmp", "trace.jsonl")
    t.hidden += [t.path(name) for name in hidden]
    t.hidden += [b"BENCH_SECRET", b"python", b".venv", t.world.abstract]
    names = b"maps smaps mounts mountinfo environ cmdline status stat statm comm auxv limits io cgroup syscall stack net/unix net/tcp net/dev sched"
    for name in names.split():
        t.peek(b"/proc/self/" + name)
        t.peek(b"/proc/1000/task/1000/" + name)
    for name in b"cmdline version mounts filesystems modules kallsyms net/unix net/route locks keys diskstats partitions meminfo cpuinfo stat sys/kernel/hostname sysvipc/shm".split():
        t.peek(b"/proc/" + name)
    for name in (
        b"/proc/self/root",
        b"/proc/self/cwd",
        b"/proc/self/fd/0",
        b"/proc/self/fd/1",
        b"/proc/self/fd/2",
        b"/proc/self/fd/3",
    ):
        got = t.call("readlink", name, room := t.room(4096), 4096)
        t.call("write", 1, room, result(got))
    for name in (b"/", b"/proc", b"/proc/self/fd", b"/tmp", b"/dev", b"/dev/shm", b"/dev/pts", t.path("rw")):
        fd = t.call("open", name, DIRECTORY, 0)
        got = t.call("getdents64", result(fd), room := t.room(8192), 8192)
        t.call("write", 1, room, result(got))


@attempt
def resolved(t: Try) -> None:
    """openat2 with every way to resolve, and attributes, links and times by descriptors (the calls that end in `at`)."""
    rw = t.opened(t.path("rw"), PATH | DIRECTORY)
    paths = (
        b"../outside/secret",
        b"up",
        b"absolute",
        b"folder/secret",
        b"/../outside/secret",
        b"sub/../../outside/secret",
        b"/proc/self/root/../outside/secret",
    )
    for resolve in (0, 1, 2, 4, 8, 16, 24, 32):
        how = t.put(struct.pack("<QQQ", 0, 0, resolve))
        for path in paths:
            t.refused(NOWHERE + " EXDEV EINVAL EAGAIN ENOSYS", "openat2", result(rw), path, how, 24)
    for path in paths:
        t.refused(NOWHERE + " EROFS ENOSYS", "utimensat", result(rw), path, 0, 0)
        t.refused(NOWHERE + " EROFS ENOSYS", "fchmodat2", result(rw), path, 0o777, 0)
        t.refused(NOWHERE + " EROFS", "fchownat", result(rw), path, 1, 1, 0)
        t.refused(NOWHERE + " EXDEV EROFS", "linkat", result(rw), path, result(rw), b"stolen", 0x400)
        t.refused(NOWHERE, "statx", result(rw), path, 0, 0xFFF, t.room(256))
        t.refused(NOWHERE, "faccessat2", result(rw), path, 4, 0)
        value = t.put(struct.pack("<QII", t.text(b"x"), 1, 0))
        t.refused(
            NOWHERE + " EROFS ENOSYS EOPNOTSUPP", "setxattrat", result(rw), path, 0, b"user.x", value, 16
        )
