"""Names and texts of the errno values that a server may meet at its start, or at that of a program (errno(3))."""

from guest.lang import i64


def error_name(error: i64) -> bytes:
    """The symbolic name of an errno value."""
    if error == 1:
        return b"EPERM"
    if error == 2:
        return b"ENOENT"
    if error == 8:
        return b"ENOEXEC"
    if error == 12:
        return b"ENOMEM"
    if error == 13:
        return b"EACCES"
    if error == 11:
        return b"EAGAIN"
    if error == 22:
        return b"EINVAL"
    if error == 23:
        return b"ENFILE"
    if error == 24:
        return b"EMFILE"
    if error == 38:
        return b"ENOSYS"
    if error == 97:
        return b"EAFNOSUPPORT"
    if error == 98:
        return b"EADDRINUSE"
    if error == 99:
        return b"EADDRNOTAVAIL"
    return b"error"


def error_text(error: i64) -> bytes:
    """A few words on an errno value."""
    if error == 1 or error == 13:
        return b"not permitted"
    if error == 2:
        return b"no such file"
    if error == 8:
        return b"not a program"
    if error == 12:
        return b"out of memory"
    if error == 11:
        return b"too many threads or processes"
    if error == 23 or error == 24:
        return b"too many open files"
    if error == 38:
        return b"not supported by this kernel"
    if error == 98:
        return b"address in use"
    if error == 99:
        return b"not an address of this machine"
    return b"see errno(3)"
