"""Nothing that changes files, and no magic link of another process, leads out of what a guest may reach or may change."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syscalls.calls import attributes, inotify, links, paths, space, xattrs
from syscalls.fds import FdTable
from syscalls.files import FileSystem
from syscalls.flags import At, Open
from syscalls.inherit import inherited
from syscalls.process import PID, Process, System, Thread

HERE = At.AT_FDCWD


class HostMemory:
    """Guest memory that is the test's own: an address is a host address."""

    regions: tuple[()] = ()

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def put(self, data: bytes, room: int = 0) -> int:
        """The address of the bytes and a NUL."""
        self._kept.append(ctypes.create_string_buffer(data, max(len(data) + 1, room)))
        return ctypes.addressof(self._kept[-1])

    def cstring(self, address: int, limit: int = 4096) -> bytes:
        return ctypes.string_at(address)

    def host(self, address: int) -> int:
        return address

    def read(self, address: int, size: int) -> bytes:
        return ctypes.string_at(address, size)

    def write(self, address: int, data: bytes) -> None:
        ctypes.memmove(address, data, len(data))

    def readable(self, address: int, size: int) -> int:
        return size

    def wrote(self, address: int, size: int) -> None:
        pass


class Guests:
    """Two processes of one run: `thread` is the first one's."""

    def __init__(self, files: FileSystem) -> None:
        self.memory = HostMemory()
        self.bench: Any = SimpleNamespace(
            cpu_time_ns=lambda process: 0, monotonic_ns=lambda: 0, is_waiting=lambda thread: False,
            forget_fd=lambda host: None, note_once=lambda key, text: None,
        )  # fmt: skip
        self.system = System()
        self.thread = self.process(PID, files)
        self.other = self.process(PID + 1, files.fork())

    def process(self, pid: int, files: FileSystem) -> Thread:
        fds = FdTable(64, lambda host: None)
        memory: Any = self.memory
        process = Process(pid, memory, fds, self.bench, self.system, exe="/program", group=pid)
        self.system.processes[pid] = process
        thread = process.threads[pid] = Thread(pid, process, memory, fds, self.bench, files)
        return thread

    def open(self, path: str, flags: int = Open.O_RDONLY, thread: Thread | None = None) -> int:
        """A descriptor of the first process, or of `thread`."""
        thread = thread or self.thread
        return thread.fds.add(thread.files.open(thread, HERE, os.fsencode(path), flags, 0o644))

    def refusal(self, path: str, flags: int = Open.O_RDONLY) -> str:
        """The name of the error that opening gives."""
        try:
            self.open(path, flags)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "it was opened"

    def read(self, path: str) -> bytes:
        """The contents of a host file that the guest has opened."""
        return os.read(self.thread.fds.get(self.open(path)).host, 1000)

    def answer(self, handler: Callable[..., Any], *args: int | str) -> str:
        """What a call says: the name of its error, or its result. Text becomes an address."""
        words = [self.memory.put(os.fsencode(word)) if isinstance(word, str) else word for word in args]
        try:
            result = handler(self.thread, *words)
        except OSError as error:
            result = -(error.errno or 0)
        return errno.errorcode[-result] if result < 0 else str(result)

    def close(self) -> None:
        """Gives everything back."""
        for process in self.system.processes.values():
            for thread in process.threads.values():
                thread.fds.close_all()
                thread.files.close()


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A directory with a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "file").write_text("content")
    (root / "out").symlink_to("../secret")
    return root


@pytest.fixture
def make() -> Iterator[Callable[..., Guests]]:
    """Makes guests, with the arguments of FileSystem."""
    made: list[Guests] = []

    def guests(*args: Any, **options: Any) -> Guests:
        made.append(Guests(FileSystem(*args, **options)))
        return made[-1]

    yield guests
    for each in made:
        each.close()


def facts(path: Path) -> tuple[Any, ...]:
    """What must not change of a file."""
    status = path.lstat()
    return (
        status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_nlink, status.st_mtime_ns, status.st_ctime_ns,
    )  # fmt: skip


BY_NAME: dict[str, tuple[Callable[..., Any], tuple[int | str, ...]]] = {
    "chmod": (attributes.chmod, ("/file", 0o777)),
    "fchmodat2": (attributes.fchmodat2, (HERE, "/file", 0o777, 0)),
    "chown": (attributes.chown, ("/file", 1, 1)),
    "lchown": (attributes.lchown, ("/out", 1, 1)),
    "fchownat": (attributes.fchownat, (HERE, "/file", 1, 1, 0)),
    "utimensat": (attributes.utimensat, (HERE, "/file", 0, 0)),
    "utime": (attributes.utime, ("/file", 0)),
    "utimes": (attributes.utimes, ("/file", 0)),
    "futimesat": (attributes.futimesat, (HERE, "/file", 0)),
    "truncate": (space.truncate, ("/file", 1)),
    "setxattr": (xattrs.setxattr, ("/file", "user.x", "y", 1, 0)),
    "lsetxattr": (xattrs.lsetxattr, ("/file", "user.x", "y", 1, 0)),
    "removexattr": (xattrs.removexattr, ("/file", "user.x")),
    "lremovexattr": (xattrs.lremovexattr, ("/file", "user.x")),
    "rename": (links.rename, ("/file", "/new")),
    "renameat2": (links.renameat2, (HERE, "/sub", HERE, "/file", 2)),
    "link": (links.link, ("/file", "/new")),
    "symlink": (links.symlink, ("text", "/new")),
    "mknod": (links.mknod, ("/new", 0o100644, 0)),
    "mkdir": (paths.mkdir, ("/new", 0o777)),
    "unlink": (paths.unlink, ("/file",)),
    "rmdir": (paths.rmdir, ("/sub",)),
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_read_only_root_stays_as_it_is(make: Callable[..., Guests], host: Path, name: str) -> None:
    before = [facts(path) for path in (host, host / "file", host / "out", host / "sub")]
    handler, args = BY_NAME[name]
    assert make(str(host)).answer(handler, *args) == "EROFS"
    assert [facts(path) for path in (host, host / "file", host / "out", host / "sub")] == before


BY_DESCRIPTOR: dict[str, tuple[Callable[..., Any], tuple[int | str, ...]]] = {
    "fchmod": (attributes.fchmod, (0o777,)),
    "fchown": (attributes.fchown, (1, 1)),
    "utimensat": (attributes.utimensat, (0, 0, 0)),
    "utimensat, empty path": (attributes.utimensat, ("", 0, At.AT_EMPTY_PATH)),
    "fchmodat2, empty path": (attributes.fchmodat2, ("", 0o777, At.AT_EMPTY_PATH)),
    "fchownat, empty path": (attributes.fchownat, ("", 1, 1, At.AT_EMPTY_PATH)),
    "futimesat": (attributes.futimesat, (0, 0)),
    "fsetxattr": (xattrs.fsetxattr, ("user.x", "y", 1, 0)),
    "fremovexattr": (xattrs.fremovexattr, ("user.x",)),
}


@pytest.mark.parametrize("name", BY_DESCRIPTOR)
def test_nor_by_a_descriptor(make: Callable[..., Guests], host: Path, name: str) -> None:
    before = facts(host / "file")
    guests = make(str(host))
    handler, args = BY_DESCRIPTOR[name]
    assert guests.answer(handler, guests.open("/file"), *args) == "EROFS"
    assert facts(host / "file") == before


@pytest.mark.parametrize("name", BY_DESCRIPTOR)
@pytest.mark.parametrize("root", [None, "/"])
def test_what_was_handed_to_the_guest_is_not_its_own(
    make: Callable[..., Guests], host: Path, name: str, root: str | None
) -> None:
    before = facts(host.parent / "secret")
    guests = make(root)
    given = os.open(host.parent / "secret", os.O_RDWR)
    guests.thread.fds.put(5, inherited(given))
    os.close(given)
    handler, args = BY_DESCRIPTOR[name]
    assert guests.answer(handler, 5, *args) == "EPERM"
    assert facts(host.parent / "secret") == before


def test_a_file_that_was_handed_over_gets_no_second_name(make: Callable[..., Guests], host: Path) -> None:
    guests = make(None, [str(host)], cwd=str(host))
    given = os.open(host.parent / "secret", os.O_RDWR)
    guests.thread.fds.put(5, inherited(given))
    os.close(given)
    assert guests.answer(links.linkat, 5, "", HERE, "mine", At.AT_EMPTY_PATH) == "EXDEV"
    assert guests.answer(links.linkat, HERE, "/proc/self/fd/5", HERE, "mine", At.AT_SYMLINK_FOLLOW) == "EXDEV"
    assert guests.refusal("/proc/self/fd/5", Open.O_RDWR) == "EROFS"


def test_changes_through_links_stay_inside(make: Callable[..., Guests], host: Path) -> None:
    secret = host.parent / "secret"
    before = facts(secret)
    guests = make(None, [str(host)], cwd=str(host))
    for name in ("chmod", "chown", "utimensat", "truncate", "setxattr"):
        handler, args = BY_NAME[name]
        shown = [str(host / "out") if word == "/file" else word for word in args]
        assert guests.answer(handler, *shown) == "ENOENT"
        shown = [f"{host}/../secret" if word == "/file" else word for word in args]
        assert guests.answer(handler, *shown) == "ENOENT"
    assert guests.answer(links.rename, f"{host}/file", f"{host}/../secret") in ("EXDEV", "EROFS")
    assert guests.answer(links.link, f"{host}/../secret", f"{host}/mine") == "ENOENT"
    assert facts(secret) == before
    assert (host / "file").exists()


def test_magic_links_of_another_process_stay_inside(make: Callable[..., Guests], host: Path) -> None:
    guests = make(str(host))
    other = guests.other
    at = f"/proc/{other.process.pid}"
    with other.files.walk(other, HERE, b"/sub") as found:
        other.files.set_cwd(found)
    assert guests.read(f"{at}/cwd/../file") == b"content"
    assert guests.read(f"{at}/root/file") == b"content"
    for way_up in ("/../secret", "/../../secret", "/../../../../../../../../secret", "/out"):
        assert guests.refusal(f"{at}/root{way_up}") == "ENOENT"
        assert guests.refusal(f"{at}/cwd{way_up}") == "ENOENT"
    fd = guests.open("/sub", Open.O_RDONLY | Open.O_DIRECTORY, other)
    assert guests.read(f"{at}/fd/{fd}/../file") == b"content"
    assert guests.refusal(f"{at}/fd/{fd}/../../secret") == "ENOENT"
    file = guests.open("/file", Open.O_RDONLY, other)
    assert guests.read(f"{at}/fd/{file}") == b"content"
    assert guests.refusal(f"{at}/fd/{file}", Open.O_RDWR) == "EROFS"
    assert guests.answer(attributes.chmod, f"{at}/fd/{file}", 0o777) == "EROFS"
    assert guests.refusal(f"{at}/exe") == "ENOENT"  # there is no /program in this root
    outside = os.open(host.parent, os.O_RDONLY)
    other.fds.put(9, inherited(outside))
    os.close(outside)
    assert guests.refusal(f"{at}/fd/9") == "EACCES"
    assert guests.refusal(f"{at}/fd/9/secret") == "EACCES"
    assert guests.refusal(f"{at}/task/{other.tid}/fd/9/secret") == "EACCES"


def test_nothing_outside_is_watched(make: Callable[..., Guests], host: Path) -> None:
    guests = make(str(host))
    watcher = int(guests.answer(inotify.inotify_init1, 0o4000))
    assert guests.answer(inotify.inotify_add_watch, watcher, "/file", 1) == "1"
    for path in (
        "/../secret",
        "/out",
        f"{host.parent}/secret",
        f"/proc/self/root/../../{host.parent.name}/secret",
    ):
        assert guests.answer(inotify.inotify_add_watch, watcher, path, 1) == "ENOENT"
    outside = os.open(host.parent, os.O_RDONLY)
    guests.thread.fds.put(9, inherited(outside))
    os.close(outside)
    assert guests.answer(inotify.inotify_add_watch, watcher, "/proc/self/fd/9", 1) == "EACCES"
    assert guests.answer(space.statfs, "/proc/self/fd/9", guests.memory.put(b"", 200)) == "EACCES"


def test_only_the_guest_s_processes_are_there(make: Callable[..., Guests]) -> None:
    guests = make("/")
    for pid in (1, os.getpid(), PID + 2):
        assert guests.refusal(f"/proc/{pid}") == "ENOENT"
        assert guests.refusal(f"/proc/{pid}/root/etc/passwd") == "ENOENT"
    assert guests.refusal(f"/proc/{PID + 1}/task/{PID}") == "ENOENT"
    for name in ("mem", "map_files", "ns", "pagemap", "kmsg", "kcore", "sysrq-trigger"):
        assert guests.refusal(f"/proc/self/{name}") == "ENOENT"
        assert guests.refusal(f"/proc/{name}") == "ENOENT"
    assert guests.refusal("/sys/kernel") == "it was opened"
    assert guests.refusal("/sys/class") == "ENOENT"


def test_a_deleted_file_is_opened_again_through_its_descriptor(
    make: Callable[..., Guests], host: Path
) -> None:
    guests = make(None, [str(host)], cwd=str(host))
    fd = guests.open(f"{host}/file")
    (host / "file").unlink()
    assert guests.read(f"/proc/self/fd/{fd}") == b"content"
