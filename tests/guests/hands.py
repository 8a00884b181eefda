"""What file guests do over and over: open by name, write and read back, show what came."""

from say import result, say, say_number

from guest.lang import addr, array, i64, ptr, syscall, u8, u64
from syscalls import numbers
from syscalls.flags import At, Open

NOWHERE = 0x10  # an address in the first page, which is never mapped

buffer: array[u8, 4096]


def open_at(path: bytes, flags: i64) -> i64:
    """openat(2) of a path that ends in NUL, mode 0640."""
    return syscall(numbers.openat, At.AT_FDCWD, path.ptr, flags, 0o640)


def try_open(label: bytes, path: bytes, flags: i64) -> None:
    """Print how an open went: `fd`, or the error; closes it again."""
    fd = open_at(path, flags)
    if fd < 0:
        result(label, fd)
    else:
        say(label)
        say(b": fd\n")
        syscall(numbers.close, fd)


def write_text(fd: i64, text: bytes) -> i64:
    """write(2)."""
    return syscall(numbers.write, fd, text.ptr, len(text))


def make_file(path: bytes, text: bytes) -> None:
    """A file with this content."""
    fd = open_at(path, Open.O_WRONLY | Open.O_CREAT | Open.O_TRUNC)
    write_text(fd, text)
    syscall(numbers.close, fd)


def read_back(label: bytes, fd: i64, size: i64) -> i64:
    """read(2) up to `size` bytes and print them."""
    return show(label, syscall(numbers.read, fd, addr(buffer[0]), size))


def show(label: bytes, count: i64) -> i64:
    """Print what a call has put into `buffer`, or its error."""
    result(label, count)
    if count > 0:
        say(b'  "')
        syscall(numbers.write, 1, addr(buffer[0]), count)
        say(b'"\n')
    return count


def position(label: bytes, fd: i64) -> None:
    """Print the file offset."""
    result(label, syscall(numbers.lseek, fd, 0, 1))


def zero_buffer() -> None:
    """Fill `buffer` with zeros."""
    for i in range(4096):
        buffer[i] = 0


def pages(count: u64, protection: i64) -> u64:
    """Fresh private memory."""
    return u64(syscall(numbers.mmap, 0, count * 4096, protection, 0x22, -1, 0))


def byte_at(address: u64) -> u8:
    """The byte in memory there."""
    return ptr[u8](address)[0]


def put_byte(address: u64, value: u8) -> None:
    """Store a byte."""
    ptr[u8](address)[0] = value


def say_pair(label: bytes, first: i64, second: i64) -> None:
    """Print `label: first second`."""
    say(label)
    say(b": ")
    say_number(first)
    say(b" ")
    say_number(second)
    say(b"\n")
