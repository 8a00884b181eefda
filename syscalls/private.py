"""The private directory of one run: what a guest sees that is nobody else's, gone when the run is over.

A guest may be allowed to change the directory around it ($TMPDIR, or /tmp). So it is held by a descriptor and used through that one, wherever
its name leads by then; and the walk of paths does not see such a directory, be it of this run or of another one (`is_hidden`).
"""

import os
import stat

OWNER_WRITES = 0 if os.geteuid() == 0 else 0o200
"""What a directory without write permission needs so that the bench can make files in it."""

_HIDDEN = 0o43700
"""st_mode of private directories: what no other directory has. A guest that gives it to one of its own no longer sees that."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_FOLDERS = {
    b"root": 0o755,
    b"tmp": 0o1777,
    b"dev": 0o755,
    b"shm": 0o1777,
    b"pts": 0o755,
    b"proc": 0o555 | OWNER_WRITES,
    b"sys": 0o555 | OWNER_WRITES,
    b"lent": 0o755,
}


def is_hidden(mode: int) -> bool:
    """Whether st_mode says that this is the private directory of a run."""
    return mode == _HIDDEN


class PrivateRoot:
    """A fresh host directory below $TMPDIR or /tmp with one folder for each private mount. `path` leads there as long as it is not removed."""

    def __init__(self) -> None:
        base = os.path.realpath(os.fsencode(os.environ.get("TMPDIR") or "/tmp"))
        count = 0
        while True:
            name = base + b"/emu-%d-%d" % (os.getpid(), count)
            try:
                os.mkdir(name, 0o700)
                break
            except FileExistsError:
                count += 1
        self._fd = os.open(name, _FOLDER)
        os.fchown(self._fd, -1, os.getegid())  # who is not in its group may not give it the mode
        os.fchmod(self._fd, stat.S_IMODE(_HIDDEN))
        self.path = b"/proc/self/fd/%d" % self._fd
        self._pid = os.getpid()
        for name, mode in _FOLDERS.items():
            os.mkdir(self.path + b"/" + name)
            os.chmod(self.path + b"/" + name, mode)

    def open(self, name: bytes) -> int:
        """An O_PATH descriptor of one of the folders."""
        return os.open(self.path + b"/" + name, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def lend(self, place: bytes) -> int:
        """An O_PATH descriptor of an empty directory that stands for the guest's path `place`."""
        path = self.path + b"/lent/" + place.strip(b"/").replace(b"/", b"!")
        os.makedirs(path, exist_ok=True)
        return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def show(self, folder: int, name: bytes) -> None:
        """Makes a directory `name` in `folder` if that is private: something to be mounted upon, and to be listed."""
        if os.readlink(b"/proc/self/fd/%d" % folder).startswith(os.readlink(self.path) + b"/"):
            try:
                os.mkdir(name, 0o755, dir_fd=folder)
            except FileExistsError:
                pass

    def remove(self) -> None:
        """Deletes everything, whatever permissions the guest gave it; only the process that made it does."""
        if os.getpid() == self._pid:
            _empty(self._fd)
            name = os.readlink(self.path)
            try:
                os.rmdir(name)  # nothing but an empty directory, whoever has put it there
            except OSError:
                pass
        os.close(self._fd)
        self._fd = -1


def remove_tree(path: bytes) -> None:
    """Deletes a directory with all that is in it, whatever its permissions; symbolic links are not followed."""
    folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.chmod(b"/proc/self/fd/%d" % folder, stat.S_IRWXU)
        readable = os.open(b".", _FOLDER, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        _empty(readable)
    finally:
        os.close(readable)
    os.rmdir(path)


def _empty(top: int) -> None:
    """Deletes all that is in a directory.

    A guest may nest as deep as it likes, deeper than a path can say or descriptors can be had: so what is in a directory
    moves up to the top before the directory itself goes.
    """
    count = 0
    while pending := _folders_left(top):
        for name in pending:
            inside = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
            try:
                here = b"/proc/self/fd/%d" % inside
                os.chmod(here, stat.S_IRWXU)
                folder = os.open(here, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    for inner in _folders_left(folder):
                        os.chmod(
                            here + b"/" + os.fsencode(inner), stat.S_IRWXU
                        )  # its `..` is written when it moves
                        count += 1
                        os.rename(inner, f".gone-{count}", src_dir_fd=folder, dst_dir_fd=top)
                finally:
                    os.close(folder)
            finally:
                os.close(inside)
            os.rmdir(name, dir_fd=top)


def _folders_left(folder: int) -> list[str]:
    """Deletes what is in a directory, but for directories; their names."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                found.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=folder)
    return found
