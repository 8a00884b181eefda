"""The guest's /proc: what a process may read about itself, written as files when it is looked up."""

import errno
import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syscalls.process import Process, Thread

_PAGE = 4096


class ProcessFiles:
    """One guest's /proc. The files are real, in a private directory; each look-up writes them anew.

    What is read is therefore the state of the moment of open(2), and a descriptor keeps it, as with the kernel's files
    read in one go. `executable` is the host path of the program.
    """

    def __init__(self, executable: str) -> None:
        self._executable = executable
        self.path = b""
        self._texts: dict[bytes, Callable[[Thread], bytes]] = {
            b"cmdline": lambda thread: b"".join(word + b"\0" for word in thread.process.argv),
            b"environ": lambda thread: b"".join(word + b"\0" for word in thread.process.envp),
            b"comm": lambda thread: thread.process.name + b"\n",
            b"maps": _maps,
            b"stat": _stat,
            b"statm": _statm,
            b"status": _status,
        }
        self._links: dict[bytes, Callable[[Thread], bytes]] = {
            b"exe": lambda thread: os.fsencode(thread.process.exe),
            b"cwd": lambda thread: thread.files.cwd_text() or b"/ (deleted)",
            b"root": lambda thread: b"/",
        }

    def find(self, thread: "Thread", folder: bytes, name: bytes) -> None:
        """Brings the private file behind `folder`/`name` up to date; what stands for it is that file."""
        own = b"%d" % thread.process.pid
        base = self.path
        if folder == b"/proc":
            if name in (b"self", b"thread-self") or name == own:
                _link(base + b"/self", own)
                _link(base + b"/thread-self", b"%s/task/%d" % (own, thread.tid))
                for directory in (own, own + b"/fd", own + b"/task"):
                    os.makedirs(base + b"/" + directory, exist_ok=True)
            return
        parts = folder.split(b"/")[2:]
        if parts[:1] != [own]:
            return
        place = base + b"/" + b"/".join(parts) + b"/"
        if parts == [own, b"task"]:
            if name.isdigit() and int(name) in thread.process.threads:
                os.makedirs(place + name, exist_ok=True)
        elif len(parts) == 1 or (len(parts) == 3 and parts[1] == b"task"):
            if name in self._texts:
                _write(place + name, self._texts[name](thread))
            elif name in self._links:
                _link(place + name, self._links[name](thread))
            elif name == b"fd":
                self._fill(thread, place + b"fd/")
        elif parts[-1] == b"fd":
            self._fill(thread, place)

    def _fill(self, thread: "Thread", place: bytes) -> None:
        os.makedirs(place, exist_ok=True)
        wanted = {b"%d" % fd: entry for fd, entry in thread.fds.entries.items()}
        for name in os.listdir(place):
            if name not in wanted:
                os.unlink(place + name)
        for name, entry in wanted.items():
            path = os.fsencode(entry.description.path)
            _link(place + name, path or os.readlink(b"/proc/self/fd/%d" % entry.host))

    def follow(self, thread: "Thread", folder: bytes, name: bytes) -> int | None:
        """Where the links lead that are more than their text: an O_PATH host descriptor."""
        if name == b"exe" and self._executable:
            return os.open(self._executable, os.O_PATH | os.O_CLOEXEC)
        if folder.endswith(b"/fd") and name.isdigit():
            entry = thread.fds.entries.get(int(name))
            # A file is opened again by its name, within the roots and their permissions; what has none is the thing itself.
            if entry is not None and not entry.description.path.startswith("/"):
                return _thing(entry.host)
        return None


def _thing(host_fd: int) -> int:
    """An O_PATH descriptor of what a descriptor is open on; raises EACCES for a directory: there is more below it."""
    if stat.S_ISDIR(os.fstat(host_fd).st_mode):
        raise OSError(errno.EACCES, "a directory outside the guest's roots")
    return os.open(b"/proc/self/fd/%d" % host_fd, os.O_PATH | os.O_CLOEXEC)


def _write(path: bytes, text: bytes) -> None:
    # A new file each time: who has the former one open goes on reading what it opened.
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(text)
        while view:
            view = view[os.write(fd, view) :]
        os.fchmod(fd, 0o444)
    finally:
        os.close(fd)


def _link(path: bytes, target: bytes) -> None:
    try:
        if os.readlink(path) == target:
            return
        os.unlink(path)
    except FileNotFoundError:
        pass
    os.symlink(target, path)


def _maps(thread: "Thread") -> bytes:
    """proc_pid_maps(5): device and inode are the host's, as stat(2) shows them."""
    lines = []
    for region in thread.memory.regions:
        rights = "".join(
            letter if region.prot & bit else "-" for letter, bit in (("r", 1), ("w", 2), ("x", 4))
        )
        device, inode = region.file or (0, 0)
        place = f"{region.offset:08x} {os.major(device):02x}:{os.minor(device):02x} {inode}"
        line = f"{region.start:08x}-{region.end:08x} {rights}{'s' if region.shared else 'p'} {place} "
        lines.append(f"{line:<73}{region.name}\n" if region.name else line + "\n")
    return os.fsencode("".join(lines))


def _pages(thread: "Thread") -> tuple[int, int, int]:
    """Pages mapped, writable, executable."""
    total = writable = executable = 0
    for region in thread.memory.regions:
        pages = region.size // _PAGE
        total += pages
        writable += pages if region.prot & 2 else 0
        executable += pages if region.prot & 4 else 0
    return total, writable, executable


def _masks(process: "Process") -> tuple[int, int]:
    """The ignored and the caught signals, bit N-1 for signal N."""
    ignored = caught = 0
    for number, action in process.actions.items():
        if action.handler == 1:
            ignored |= 1 << (number - 1)
        elif action.handler:
            caught |= 1 << (number - 1)
    return ignored, caught


def _stat(thread: "Thread") -> bytes:
    """proc_pid_stat(5), all 52 fields; times are the process's processor time in ticks of 10 ms."""
    process = thread.process
    total, _, _ = _pages(thread)
    ticks = thread.bench.cpu_time_ns(thread.process) // 10_000_000
    ignored, caught = _masks(process)
    fields: list[int | str] = ["R", 999, process.pid, process.pid, 0, -1, 0x400000, 0, 0, 0, 0]
    fields += [ticks, 0, 0, 0, 20, 0, len(process.threads), 0, 0, total * _PAGE, total, (1 << 64) - 1]
    fields += [0] * 5
    fields += [process.pending & 0x7FFFFFFF, thread.signal_mask & 0x7FFFFFFF]
    fields += [ignored & 0x7FFFFFFF, caught & 0x7FFFFFFF, 0, 0, 0, 17]
    fields += [0] * (50 - len(fields))
    return b"%d (%s) " % (process.pid, process.name) + " ".join(map(str, fields)).encode() + b"\n"


def _statm(thread: "Thread") -> bytes:
    total, writable, executable = _pages(thread)
    return b"%d %d 0 %d 0 %d 0\n" % (total, total, executable, writable)


def _status(thread: "Thread") -> bytes:
    """proc_pid_status(5): the fields that programs look for."""
    process = thread.process
    total, writable, executable = _pages(thread)
    ignored, caught = _masks(process)
    lines = [
        b"Name:\t" + process.name,
        b"Umask:\t0022",
        b"State:\tR (running)",
        b"Tgid:\t%d" % process.pid,
        b"Ngid:\t0",
        b"Pid:\t%d" % thread.tid,
        b"PPid:\t999",
        b"TracerPid:\t0",
        b"Uid:\t%d\t%d\t%d\t%d" % ((process.uid,) * 4),
        b"Gid:\t%d\t%d\t%d\t%d" % ((process.gid,) * 4),
        b"FDSize:\t%d" % max(64, 1 << (max(thread.fds.entries, default=0)).bit_length()),
        b"VmSize:\t%8d kB" % (total * 4),
        b"VmRSS:\t%8d kB" % (total * 4),
        b"VmData:\t%8d kB" % (writable * 4),
        b"VmExe:\t%8d kB" % (executable * 4),
        b"Threads:\t%d" % len(process.threads),
        b"SigPnd:\t%016x" % thread.pending,
        b"ShdPnd:\t%016x" % process.pending,
        b"SigBlk:\t%016x" % thread.signal_mask,
        b"SigIgn:\t%016x" % ignored,
        b"SigCgt:\t%016x" % caught,
        b"Cpus_allowed:\t%x" % ((1 << process.cpus) - 1),
        b"Cpus_allowed_list:\t0-%d" % (process.cpus - 1),
    ]
    return b"\n".join(lines) + b"\n"
