"""C strings of the initial stack: their length, and finding an environment variable."""

from guest.lang import bytes_at, i64, null, ptr, u8


def cstring(p: ptr[u8]) -> bytes:
    """The bytes at `p` up to its terminating NUL."""
    length = i64(0)
    while p[length] != 0:
        length += 1
    return bytes_at(p, length)


def environment(envp: ptr[ptr[u8]], name: bytes) -> bytes:
    """The value of the environment variable `name`; empty when it is not set."""
    at = i64(0)
    while envp[at] != null:
        entry = cstring(envp[at])
        size = len(name)
        if len(entry) > size and entry[size] == 0x3D and entry[0:size] == name:
            return entry[size + 1 :]
        at += 1
    return b""
