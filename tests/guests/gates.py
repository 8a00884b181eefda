"""Gates for test guests: pipes on which one process waits for another."""

from guest.lang import addr, array, struct, syscall, u8, u32
from syscalls import numbers


@struct
class Gate:
    """A pipe; each byte in it lets one through."""

    inside: u32
    outside: u32

    def make(self) -> None:
        """pipe2(2)."""
        syscall(numbers.pipe2, addr(self.inside), 0)

    def open(self) -> None:
        """Lets one through."""
        byte = array[u8, 1]()
        syscall(numbers.write, self.outside, byte.ptr, 1)

    def wait(self) -> None:
        """Waits until somebody opens it."""
        byte = array[u8, 1]()
        while syscall(numbers.read, self.inside, byte.ptr, 1) == -4:
            pass

    def close(self) -> None:
        """Both ends."""
        syscall(numbers.close, self.inside)
        syscall(numbers.close, self.outside)
