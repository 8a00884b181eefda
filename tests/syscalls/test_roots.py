"""What a guest may reach: the private root, read-only and writable directories, and that nothing leads out of them."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syscalls.fds import FdTable
from syscalls.files import FileSystem
from syscalls.flags import At, Ioctl, Open
from syscalls.inherit import inherited
from syscalls.mounts import Mount
from syscalls.process import PID, Process, System, Thread
from syscalls.virtual import Listing


class Guest:
    """One thread with a file system: what handlers see of them."""

    def __init__(self, files: FileSystem) -> None:
        self.files = files
        self.fds = FdTable(64, lambda host: None)
        bench: Any = SimpleNamespace(
            random=lambda count: bytes(range(256)) * (count // 256 + 1),
            cpu_time_ns=lambda process: 0,
            is_waiting=lambda thread: False,
            monotonic_ns=lambda: 12_340_000_000,
            realtime_ns=lambda: 1_000_000_000_000_000_000,
        )
        memory: Any = SimpleNamespace(regions=[], write=self._fill)
        self.filled = b""
        process = Process(
            PID, memory, self.fds, bench, System(), argv=[b"name", b"arg"], envp=[b"A=1"], name=b"name", group=PID,
            exe=files.tree.processes.executable or "/program",
        )  # fmt: skip
        process.system.processes[PID] = process
        self.thread = Thread(PID, process, memory, self.fds, bench, files, name=b"name")
        process.threads[PID] = self.thread

    def _fill(self, address: int, data: bytes) -> None:
        self.filled = data

    def open(self, path: str, flags: int = Open.O_RDONLY, dirfd: int = At.AT_FDCWD) -> int:
        """The guest's descriptor number."""
        return self.fds.add(self.files.open(self.thread, dirfd, os.fsencode(path), flags, 0o644))

    def refusal(self, path: str, flags: int = Open.O_RDONLY, dirfd: int = At.AT_FDCWD) -> str:
        """The name of the error that opening gives."""
        try:
            self.open(path, flags, dirfd)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "it was opened"

    def read(self, path: str) -> bytes:
        """The contents."""
        entry = self.fds.get(self.open(path))
        operations = entry.description.operations
        if operations is None:
            return os.read(entry.host, 100000)
        self.filled = b""
        operations.read(self.thread, 0, 100000)
        return self.filled

    def write(self, path: str, data: bytes) -> None:
        """Makes a file."""
        os.write(self.fds.get(self.open(path, Open.O_WRONLY | Open.O_CREAT)).host, data)

    def list(self, path: str) -> list[str]:
        """The names in a directory."""
        entry = self.fds.get(self.open(path, Open.O_RDONLY | Open.O_DIRECTORY))
        if isinstance(entry.description.operations, Listing):
            entry.description.operations.entries(self.thread, entry.host, 0, 100000, old=False)
        return sorted(os.listdir(entry.host))

    def seen_as(self, fd: int) -> str:
        """What the descriptor's path is for the guest."""
        return self.fds.get(fd).description.path


Make = Callable[..., Guest]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes guests, with the arguments of FileSystem; closes them at the end."""
    guests: list[Guest] = []

    def guest(*args: Any, **options: Any) -> Guest:
        guests.append(Guest(FileSystem(*args, **options)))
        return guests[-1]

    yield guest
    for guest_made in guests:
        guest_made.fds.close_all()
        guest_made.files.close()


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A directory with a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "file").write_text("content")
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text("the guest's own")
    (root / "out").symlink_to("../secret")
    (root / "far-out").symlink_to("../../../../../../etc/passwd")
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "sub" / "up").symlink_to("../..")
    return root


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_a_private_root_is_all_that_there_is_by_default(make: Make) -> None:
    guest = make(cwd="/")
    assert guest.list("/") == ["dev", "proc", "sys", "tmp"]
    guest.write("/tmp/x", b"hello")
    assert guest.read("/tmp/../tmp/./x") == b"hello"
    assert guest.refusal("/etc/passwd") == "ENOENT"
    assert guest.refusal("/tmp/../../../etc/passwd") == "ENOENT"


def test_what_is_private_is_gone_at_the_end() -> None:
    before = open_descriptors()
    guest = Guest(FileSystem())
    guest.write("/tmp/x", b"hello")
    private = Path(os.readlink(f"/proc/self/fd/{guest.fds.get(guest.open('/tmp')).host}")).parent
    assert private.is_dir()
    os.makedirs(private / "tmp" / "a" / "b")
    os.symlink("/", private / "tmp" / "a" / "host")
    os.chmod(private / "tmp" / "a" / "b", 0)
    os.chmod(private / "tmp" / "a", 0)
    guest.fds.close_all()
    guest.files.close()
    assert not private.exists()
    assert open_descriptors() == before


def test_a_fork_has_a_directory_and_a_mask_of_its_own(host: Path) -> None:
    before = open_descriptors()
    first = Guest(FileSystem(str(host), cwd="/sub"))
    early = first.files.fork()  # before any path was named
    first.write("/tmp/x", b"hello")
    second = Guest(first.files.fork())
    assert second.files.cwd_text() == early.cwd_text() == b"/sub"
    with second.files.walk(second.thread, At.AT_FDCWD, b"/etc") as found:
        second.files.set_cwd(found)
    second.files.umask = 0o077
    assert (first.files.cwd_text(), second.files.cwd_text()) == (b"/sub", b"/etc")
    assert first.files.umask != 0o077
    assert second.read("/tmp/x") == b"hello"
    first.fds.close_all()
    first.files.close()
    early.close()
    assert second.read("/tmp/x") == b"hello"
    assert second.read("passwd") == b"the guest's own"
    private = Path(os.readlink(f"/proc/self/fd/{second.fds.get(second.open('/tmp')).host}")).parent
    second.fds.close_all()
    second.files.close()
    assert not private.exists()
    assert open_descriptors() == before


def test_nothing_is_made_for_a_guest_that_names_no_path() -> None:
    before = set(os.listdir("/tmp"))
    files = FileSystem()
    assert set(os.listdir("/tmp")) == before
    files.close()


def test_links_and_dots_stay_inside(make: Make, host: Path) -> None:
    guest = make(str(host))
    assert guest.read("/file") == b"content"
    assert guest.read("/absolute") == b"the guest's own"
    assert guest.read("/far-out") == b"the guest's own"
    assert guest.refusal("/out") == "ENOENT"
    assert guest.refusal("/../secret") == "ENOENT"
    assert guest.refusal("/sub/up/../secret") == "ENOENT"
    assert guest.read("/sub/up/file") == b"content"
    folder = guest.open("/sub", Open.O_RDONLY | Open.O_DIRECTORY)
    assert guest.refusal("../../secret", dirfd=folder) == "ENOENT"
    assert guest.seen_as(guest.open("../file", dirfd=folder)) == "/file"
    assert guest.seen_as(guest.open("deep/../..", dirfd=folder)) == "/"


@pytest.mark.parametrize(
    ("path", "flags", "error"),
    [
        ("/file", Open.O_WRONLY, "EROFS"),
        ("/file", Open.O_RDWR, "EROFS"),
        ("/file", Open.O_RDONLY | Open.O_TRUNC, "EROFS"),
        ("/new", Open.O_WRONLY | Open.O_CREAT, "EROFS"),
        ("/file", Open.O_WRONLY | Open.O_CREAT | Open.O_EXCL, "EEXIST"),
        ("/sub", Open.O_WRONLY, "EISDIR"),
        ("/sub", Open.O_RDWR | Open.O_TMPFILE, "EROFS"),
        ("/none/new", Open.O_WRONLY | Open.O_CREAT, "ENOENT"),
        ("/dev/new", Open.O_WRONLY | Open.O_CREAT, "EROFS"),
        ("/proc/new", Open.O_WRONLY | Open.O_CREAT, "ENOENT"),
        ("/proc/self/maps", Open.O_WRONLY, "EROFS"),
    ],
)
def test_a_root_is_read_only(make: Make, host: Path, path: str, flags: int, error: str) -> None:
    assert make(str(host)).refusal(path, flags) == error


def test_an_existing_file_may_be_opened_with_o_creat(make: Make, host: Path) -> None:
    guest = make(str(host))
    guest.open("/file", Open.O_RDONLY | Open.O_CREAT)
    assert guest.refusal("/tmp/x") == "ENOENT"  # /tmp is private, and can be written
    guest.write("/tmp/x", b"x")
    assert not (host / "tmp").exists()


def test_writable_directories_keep_their_path(make: Make, host: Path) -> None:
    guest = make(None, [str(host)], cwd="/")
    guest.write(f"{host}/new", b"x")
    assert (host / "new").read_bytes() == b"x"
    assert guest.read(f"{host}/../root/file") == b"content"
    assert guest.refusal(f"{host}/../secret") == "ENOENT"
    assert guest.refusal(f"{host}/out") == "ENOENT"
    assert guest.refusal(f"{host}/absolute") == "ENOENT"
    folder = guest.open(str(host), Open.O_RDONLY | Open.O_DIRECTORY)
    assert guest.seen_as(folder) == str(host)
    assert guest.seen_as(guest.open("..", dirfd=folder)) == str(host.parent)
    assert guest.list(str(host.parent)) == [host.name]
    guest.write(f"{host.parent}/y", b"the private /tmp is around it")
    assert not (host.parent / "y").exists()


def test_writable_directories_inside_one_another_and_a_root(make: Make, host: Path) -> None:
    inner = host / "sub"
    guest = make(str(host.parent), [str(inner), str(host)])
    assert guest.read("/root/../secret") == b"secret"
    assert guest.refusal("/root/file", Open.O_WRONLY) == "EROFS"
    guest.write(f"{inner}/x", b"x")
    guest.write(f"{host}/x", b"x")
    assert guest.read(f"{inner}/deep/../../x") == b"x"
    assert guest.read(f"{inner}/deep/../../../../../../../../../../secret") == b"secret"


def test_the_whole_host_when_it_is_asked_for(make: Make, host: Path) -> None:
    guest = make(None, ["/"])
    assert guest.read(f"{host.parent}/secret") == b"secret"
    assert guest.read(f"{host}/sub/up/secret") == b"secret"
    assert guest.refusal("/proc/1/cmdline") == "ENOENT"
    assert guest.refusal("/dev/kmsg") == "ENOENT"
    assert guest.files.cwd_text() == os.fsencode(os.getcwd())


def test_the_working_directory_is_the_bench_s_where_it_can_be_reached(
    make: Make, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(host / "sub")
    assert make(None, [str(host)]).files.cwd_text() == os.fsencode(host / "sub")
    assert make(None, [str(host / "sub" / "deep")]).files.cwd_text() == b"/"
    assert make().files.cwd_text() == b"/"
    assert make(str(host), cwd="/etc").files.cwd_text() == b"/etc"
    with pytest.raises(FileNotFoundError):
        make(cwd="/none").files.cwd_text()


def test_a_directory_that_was_moved_away_leads_nowhere(make: Make, host: Path) -> None:
    guest = make(None, [str(host)], cwd="/")
    folder = guest.open(f"{host}/sub/deep", Open.O_RDONLY | Open.O_DIRECTORY)
    (host / "sub" / "deep").rename(host.parent / "moved")
    assert guest.refusal("..", dirfd=folder) == "ENOENT"
    assert guest.refusal("../secret", dirfd=folder) == "ENOENT"


def test_a_directory_moved_between_writable_ones_cannot_climb_out(make: Make, host: Path) -> None:
    (host / "sub" / "two").mkdir()
    guest = make(None, [str(host / "etc"), str(host / "sub")], cwd="/")
    folder = guest.open(f"{host}/sub/two", Open.O_RDONLY | Open.O_DIRECTORY)
    (host / "sub" / "two").rename(host / "etc" / "two")
    assert guest.refusal("../../file", dirfd=folder) == "ENOENT"


def test_descriptors_from_outside_are_no_way_in(make: Make, host: Path) -> None:
    guest = make()
    from_outside = os.open(host, os.O_RDONLY)
    guest.fds.put(5, inherited(from_outside))
    os.close(from_outside)
    assert guest.refusal("file", dirfd=5) == "EACCES"
    assert guest.refusal("/proc/self/fd/5/file") == "EACCES"


def test_the_host_s_proc_and_devices_are_refused(make: Make) -> None:
    guest = make("/")
    assert guest.refusal("/proc/1/root/etc") == "ENOENT"
    assert guest.refusal("/proc/self/mem") == "ENOENT"
    assert guest.refusal("/dev/mem") == "ENOENT"
    assert guest.refusal("/dev/kmsg") == "ENOENT"
    assert guest.refusal("/sys/kernel/uevent_seqnum") in ("EACCES", "ENOENT")


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes device nodes")
def test_device_nodes_in_a_root_are_refused(make: Make, host: Path) -> None:
    os.mknod(host / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    guest = make(str(host))
    assert guest.refusal("/zero") == "EACCES"
    guest.open("/zero", Open.O_PATH)


def test_devices(make: Make) -> None:
    guest = make()
    for name in ("null", "zero", "full", "random", "urandom"):
        fd = guest.open(f"/dev/{name}", Open.O_RDWR)
        assert stat.S_ISCHR(os.fstat(guest.fds.get(fd).host).st_mode)
        assert guest.seen_as(fd) == f"/dev/{name}"
    assert guest.refusal("/dev/pts/0") == "ENOENT"
    assert guest.list("/dev/shm") == []
    guest.write("/dev/shm/x", b"x")
    assert "urandom" in guest.list("/dev")


def test_a_guest_s_own_terminals_can_be_opened(make: Make) -> None:
    guest = make()
    master = guest.open("/dev/ptmx", Open.O_RDWR | Open.O_NOCTTY)
    fcntl.ioctl(guest.fds.get(master).host, Ioctl.TIOCSPTLCK, b"\0\0\0\0")
    slave = guest.open("/dev/pts/0", Open.O_RDWR | Open.O_NOCTTY)  # whatever its number is on the host
    assert guest.fds.get(slave).description.kind == "tty"
    guest.fds.close(slave)
    guest.fds.close(master)
    assert guest.refusal("/dev/pts/0") == "ENOENT"


def test_proc_self(make: Make, host: Path) -> None:
    guest = make(str(host), executable=str(host / "file"))
    assert guest.read("/proc/self/cmdline") == b"name\0arg\0"
    assert guest.read("/proc/1000/comm") == b"name\n"
    assert guest.read("/proc/self/environ") == b"A=1\0"
    assert guest.read("/proc/self/stat").startswith(b"1000 (name) R 999 ")
    assert len(guest.read("/proc/self/stat").split()) == 52
    assert b"\nThreads:\t1\n" in guest.read("/proc/self/status")
    assert guest.read("/proc/self/exe") == b"content"
    assert guest.read("/proc/self/root/file") == b"content"
    assert guest.read("/proc/self/cwd/file") == b"content"
    assert guest.read("/proc/thread-self/comm") == b"name\n"
    fd = guest.open("/file")
    assert guest.read(f"/proc/self/fd/{fd}") == b"content"
    assert guest.read(f"/dev/fd/{fd}") == b"content"
    assert str(fd) in guest.list("/proc/self/fd")
    assert guest.refusal("/proc/self/fd/63") == "ENOENT"
    assert guest.refusal(f"/proc/self/fd/{fd}", Open.O_RDWR) == "EROFS"
    assert guest.refusal("/proc/1001") == "ENOENT"
    assert guest.refusal("/proc/self/exe", Open.O_WRONLY) == "EROFS"


def test_a_pipe_is_opened_again_through_proc(make: Make) -> None:
    guest = make()
    reader, writer = os.pipe()
    guest.fds.put(5, inherited(reader))
    os.write(writer, b"x")
    assert guest.read("/proc/self/fd/5") == b"x"
    os.close(reader)
    os.close(writer)


def test_a_guest_s_umask_is_its_own(make: Make, host: Path) -> None:
    guest = make(None, [str(host)], cwd="/")
    own = os.umask(0o022)
    try:
        guest.files.umask = 0o077
        guest.write(f"{host}/private", b"")
        assert stat.S_IMODE((host / "private").stat().st_mode) == 0o600
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(own)


def test_socket_names(make: Make, host: Path) -> None:
    guest = make(None, [str(host)], cwd="/")
    folder, name = guest.files.socket_parent(guest.thread, os.fsencode(f"{host}/sub/../socket"))
    assert (os.readlink(f"/proc/self/fd/{folder}"), name) == (str(host), b"socket")
    os.close(folder)
    with pytest.raises(OSError, match="taken"):
        guest.files.socket_parent(guest.thread, os.fsencode(f"{host}/file"))
    node = guest.files.socket_node(guest.thread, os.fsencode(f"{host}/file"))
    assert os.readlink(f"/proc/self/fd/{node}") == str(host / "file")
    os.close(node)


def test_a_walk_leaves_no_descriptor_behind(make: Make, host: Path) -> None:
    guest = make(str(host))
    guest.files.cwd_text()
    before = open_descriptors()
    for path in (
        "/sub/deep/../../file",
        "/none",
        "/sub/none/x",
        "/file/x",
        "/absolute",
        "/far-out",
        "/proc/self/exe",
    ):
        for flags in (Open.O_RDONLY, Open.O_WRONLY | Open.O_CREAT, Open.O_PATH | Open.O_NOFOLLOW):
            try:
                guest.fds.close(guest.open(path, flags))
            except OSError:
                pass
    assert open_descriptors() == before


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileSystem(str(tmp_path / "none"))
    with pytest.raises(NotADirectoryError):
        FileSystem(None, ["/etc/passwd"])


def test_every_mount_has_a_way_up(make: Make, host: Path) -> None:
    guest = make(None, [str(host / "sub" / "deep")])
    mount: Mount = guest.files.walk(guest.thread, At.AT_FDCWD, os.fsencode(host / "sub" / "deep")).mount
    while mount is not guest.files.root:
        mount = mount.parent
