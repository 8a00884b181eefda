"""The private directory of one run: what a guest sees that is nobody else's, gone when the run is over."""

import os
import stat

OWNER_WRITES = 0 if os.geteuid() == 0 else 0o200
"""What a directory without write permission needs so that the bench can make files in it."""

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


class PrivateRoot:
    """A fresh host directory below $TMPDIR or /tmp with one folder for each private mount."""

    def __init__(self) -> None:
        base = os.fsencode(os.environ.get("TMPDIR") or "/tmp")
        count = 0
        while True:
            self.path = os.path.realpath(base) + b"/emu-%d-%d" % (os.getpid(), count)
            try:
                os.mkdir(self.path, 0o700)
                break
            except FileExistsError:
                count += 1
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
        if os.readlink(b"/proc/self/fd/%d" % folder).startswith(self.path + b"/"):
            try:
                os.mkdir(name, 0o755, dir_fd=folder)
            except FileExistsError:
                pass

    def remove(self) -> None:
        """Deletes everything, whatever permissions the guest gave it; only the process that made it does."""
        if os.getpid() == self._pid:
            remove_tree(self.path)


def remove_tree(path: bytes) -> None:
    """Deletes a directory with all that is in it, whatever its permissions; symbolic links are not followed."""
    # A stack, not recursion: a guest may nest as deep as it likes.
    pending = [path]
    emptied: list[bytes] = []
    while pending:
        folder = pending.pop()
        emptied.append(folder)
        os.chmod(folder, stat.S_IRWXU)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    os.unlink(entry.path)
    for folder in reversed(emptied):
        os.rmdir(folder)
