"""A connection's receive buffer: what has arrived and was not used yet, contiguous."""

from guest.lang import bytes_at, i32, i64, memory_copy, null, ptr, struct, u8, u64
from guest.rt import heap

FIRST_SIZE = 2048


@struct
class Inlet:
    """Bytes memory[start:end] of a heap block wait to be used. Until `open` succeeded it has no memory."""

    fd: i32
    memory: ptr[u8]
    size: i64
    start: i64
    end: i64

    def open(self) -> bool:
        """Get memory; False when there is none."""
        self.memory = heap.allocate(u64(FIRST_SIZE))
        if self.memory == null:
            return False
        self.size = heap.capacity(self.memory)
        return True

    def close(self) -> None:
        """Give the memory back."""
        heap.free(self.memory)

    def data(self) -> bytes:
        """What waits to be used."""
        return bytes_at(self.memory + self.start, self.end - self.start)

    def length(self) -> i64:
        """How many bytes wait to be used."""
        return self.end - self.start

    def tail(self) -> ptr[u8]:
        """Where the next bytes are to be received."""
        return self.memory + self.end

    def room(self) -> i64:
        """How many fit there."""
        return self.size - self.end

    def received(self, count: i64) -> bool:
        """`count` bytes were put at `tail`. True when they filled it, so that more are likely to be there."""
        self.end += count
        return self.end == self.size

    def use(self, count: i64) -> None:
        """The first `count` bytes are done with."""
        self.start += count
        if self.start == self.end:
            self.start = 0
            self.end = 0

    def make_room(self, limit: i64) -> bool:
        """See that `room` is not 0: move the bytes to the front, or get a block of `limit` bytes, once."""
        if self.end < self.size:
            return True
        used = self.end - self.start
        if self.start > 0:
            for i in range(used):
                self.memory[i] = self.memory[self.start + i]  # forwards, as the areas may overlap
        else:
            if self.size >= limit:
                return False
            larger = heap.allocate(u64(limit))
            if larger == null:
                return False
            memory_copy(larger, self.memory, used)
            heap.free(self.memory)
            self.memory = larger
            self.size = heap.capacity(larger)
        self.start = 0
        self.end = used
        return True
