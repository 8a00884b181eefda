"""The guest's /proc: which files there are, and where its magic links lead. What is in them say `proc_process` and `proc_system`.

Only the guest's own processes are there. A magic link leads to what is within the roots, or to the very thing that a
descriptor stands on; never to a directory outside.
"""

import errno
import os
import stat
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from syscalls import credentials, proc_process, proc_system
from syscalls.elf import UNNAMED
from syscalls.mounts import STEP, Mount
from syscalls.virtual import Folder, Jump, Link, Node, Text, VirtualFiles

if TYPE_CHECKING:
    from syscalls.fds import Descriptor
    from syscalls.process import Process, Thread


class ProcessFiles(VirtualFiles):
    """One run's /proc. `executable` is the host path of the first program: it may lie outside the roots."""

    def __init__(self, executable: str) -> None:
        super().__init__(b"/proc", Folder(self._top_nodes, find=self._other_thread))
        self.executable = executable
        self.content = b""
        """The first program, where it has no host path."""

    def _top_nodes(self, thread: "Thread") -> Mapping[bytes, Node]:
        nodes: dict[bytes, Node] = dict(_SYSTEM)
        for pid, process in thread.process.system.processes.items():
            nodes[b"%d" % pid] = self._process(process)
        return nodes

    def _other_thread(self, thread: "Thread", name: bytes) -> Node | None:
        # A thread's id is looked up, too, though no list shows it (proc_pid_lookup in fs/proc/base.c).
        other = thread.process.system.thread(int(name)) if name.isdigit() and len(name) < 10 else None
        return None if other is None else self._process(other.process)

    def _process(self, process: "Process") -> Folder:
        def nodes(reader: "Thread") -> Mapping[bytes, Node]:
            return self._common(process, process.pid) | {
                b"task": Folder(tasks, owner=lambda: _owner(process))
            }

        def tasks(reader: "Thread") -> Mapping[bytes, Node]:
            ids = list(process.threads) or [process.pid]
            return {b"%d" % tid: self._task(process, tid) for tid in ids}

        return Folder(nodes, owner=lambda: _owner(process))

    def _task(self, process: "Process", tid: int) -> Folder:
        return Folder(lambda reader: self._common(process, tid), owner=lambda: _owner(process))

    def _common(self, process: "Process", tid: int) -> dict[bytes, Node]:
        """What a process and each of its threads have."""

        def text(make: Callable[["Process", "Thread | None"], bytes]) -> Callable[["Thread"], bytes]:
            def made(reader: "Thread") -> bytes:
                if process.system.processes.get(process.pid) is not process:
                    raise OSError(errno.ESRCH, "the process is gone")
                return make(process, process.threads.get(tid))

            return made

        nodes: dict[bytes, Node] = {
            name: Text(text(make), 0o400 if name in proc_process.PRIVATE else 0o444)
            for name, make in proc_process.TEXTS.items()
        }

        def thread() -> "Thread":
            return _alive(process, tid)

        def owner() -> tuple[int, int]:
            return _owner(process)

        nodes[b"exe"] = Link(lambda reader: _program(thread()), lambda reader: self._program(thread()))
        nodes[b"cwd"] = Link(lambda reader: _cwd(thread()), lambda reader: _in_cwd(thread()))
        nodes[b"root"] = Link(lambda reader: b"/", lambda reader: _in_root(thread()))
        nodes[b"fd"] = Folder(lambda reader: _descriptors(process, tid), 0o500, owner=owner)
        nodes[b"fdinfo"] = Folder(lambda reader: _infos(process, tid), owner=owner)
        return nodes

    def _program(self, thread: "Thread") -> Jump | None:
        process = thread.process
        if self.executable and not process.has_execed and process.exe == self.executable:
            return Jump(os.open(self.executable, os.O_PATH | os.O_CLOEXEC), None, os.fsencode(process.exe))
        if self.content and not process.has_execed and process.exe == UNNAMED:
            return Jump(_file_of(self.content), None, os.fsencode(process.exe))
        return None


def _owner(process: "Process") -> tuple[int, int]:
    """Whose its files are (task_dump_owner in fs/proc/base.c)."""
    who = credentials.of_process(process)
    return who.euid, who.egid


def _file_of(content: bytes) -> int:
    """A file without a name that holds this, executable."""
    fd = os.memfd_create(UNNAMED, os.MFD_CLOEXEC)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        return os.open(f"/proc/self/fd/{fd}", os.O_PATH | os.O_CLOEXEC)
    finally:
        os.close(fd)


def _alive(process: "Process", tid: int) -> "Thread":
    """The thread, or another one of its process: raises ENOENT when it has none any more."""
    thread = process.threads.get(tid) or next(iter(process.threads.values()), None)
    if thread is None:
        raise OSError(errno.ENOENT, "the process has ended")
    return thread


def _program(thread: "Thread") -> bytes:
    return os.fsencode(thread.process.exe)


def _cwd(thread: "Thread") -> bytes:
    return thread.files.cwd_text() or b"/ (deleted)"


def _in_cwd(thread: "Thread") -> Jump:
    fd, mount = thread.files.cwd
    return Jump(os.dup(fd), mount, None)


def _in_root(thread: "Thread") -> Jump:
    root: Mount = thread.files.root
    return Jump(os.open(b".", STEP | os.O_DIRECTORY, dir_fd=root.fd), root, None)


def _descriptors(process: "Process", tid: int) -> Mapping[bytes, Node]:
    if not process.threads:
        return {}
    entries = _alive(process, tid).fds.entries
    return {b"%d" % fd: _descriptor(entry) for fd, entry in entries.items()}


def _descriptor(entry: "Descriptor") -> Link:
    def target(reader: "Thread") -> bytes:
        return os.fsencode(entry.description.path) or os.readlink(b"/proc/self/fd/%d" % entry.host)

    def lead(reader: "Thread") -> Jump:
        description = entry.description
        mount = description.detail if isinstance(description.detail, Mount) else None
        path = os.fsencode(description.path) or None
        if mount is None and stat.S_ISDIR(os.fstat(entry.host).st_mode):
            raise OSError(errno.EACCES, "a directory outside the guest's roots")  # there is more below it
        return Jump(os.open(b"/proc/self/fd/%d" % entry.host, os.O_PATH | os.O_CLOEXEC), mount, path)

    return Link(target, lead)


def _infos(process: "Process", tid: int) -> Mapping[bytes, Node]:
    if not process.threads:
        return {}
    entries = _alive(process, tid).fds.entries
    return {
        b"%d" % fd: Text(lambda reader, entry=entry: proc_process.fd_info(entry), 0o400)  # type: ignore[misc]
        for fd, entry in entries.items()
    }


def _folder(nodes: Mapping[bytes, Node]) -> Folder:
    return Folder(lambda reader: nodes)


def _texts(texts: Mapping[bytes, Callable[["Thread"], bytes]]) -> dict[bytes, Node]:
    """Files by their paths, as a tree of nodes."""
    nodes: dict[bytes, Node] = {}
    below: dict[bytes, dict[bytes, Callable[[Thread], bytes]]] = {}
    for path, make in texts.items():
        name, slash, rest = path.partition(b"/")
        if slash:
            below.setdefault(name, {})[rest] = make
        else:
            nodes[name] = Text(make)
    return nodes | {name: _folder(_texts(rest)) for name, rest in below.items()}


_SYSTEM = _texts(proc_system.TEXTS) | {
    b"self": Link(lambda reader: b"%d" % reader.process.pid),
    b"thread-self": Link(lambda reader: b"%d/task/%d" % (reader.process.pid, reader.tid)),
    b"mounts": Link(lambda reader: b"self/mounts"),
}


def system_files() -> VirtualFiles:
    """/sys: how many processors there are, for a C library and tools that look there."""
    return VirtualFiles(b"/sys", _folder(_texts(proc_system.SYS)))
