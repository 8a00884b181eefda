"""What a task can await: receiving, sending, readiness, a turn for the others."""

from guest.lang import i16, i32, i64, ptr, struct, u8, u32
from guest.rt import io, sys, tasks
from guest.rt.abi import EAGAIN, EBUSY, ECANCELED, EINTR, ETIMEDOUT, POLLIN, POLLOUT, SHUT_WR
from guest.rt.threads import current

WOULD_BLOCK = -EAGAIN


def wait_result(outcome: u32) -> i64:
    """0 when the wait ended because the descriptor is ready, else minus the errno to report."""
    if outcome == tasks.TIMED_OUT:
        return -ETIMEDOUT
    if outcome == tasks.CLOSED:
        return -ECANCELED
    return 0


@struct
class Receive:
    """Await some bytes: their number, 0 at the end of the stream, or minus an errno (ETIMEDOUT at `deadline`)."""

    fd: i32
    data: ptr[u8]
    size: i64
    deadline: i64  # ms of io.now()
    eager: bool  # try before waiting: sensible when bytes are likely to be there already
    waiting: bool
    result: i64

    def poll(self) -> bool:
        """One step; True when `result` stands."""
        if self.waiting:
            ended = io.outcome()
            if ended == tasks.PENDING:
                return False
            self.waiting = False
            self.eager = True
            self.result = wait_result(ended)
            if self.result < 0:
                return True
        if self.eager:
            if not tasks.spend():
                return False
            while True:
                self.result = sys.recv(self.fd, self.data, self.size, 0)
                if self.result != -EINTR:
                    break
            if self.result != WOULD_BLOCK:
                return True
        if not io.watch(self.fd, i16(POLLIN), self.deadline):
            self.result = -EBUSY
            return True
        self.waiting = True
        return False

    def value(self) -> i64:
        """What `await` gives."""
        return self.result


@struct
class Send:
    """Await the sending of all bytes: 0, or minus an errno. `patience` ms may pass without any progress."""

    fd: i32
    data: ptr[u8]
    size: i64
    patience: i64
    waiting: bool
    result: i64

    def poll(self) -> bool:
        """One step; True when `result` stands."""
        if self.waiting:
            ended = io.outcome()
            if ended == tasks.PENDING:
                return False
            self.waiting = False
            self.result = wait_result(ended)
            if self.result < 0:
                return True
        while self.size > 0:
            sent = sys.send(self.fd, self.data, self.size, 0)
            if sent >= 0:
                self.data = self.data + sent
                self.size -= sent
            elif sent == WOULD_BLOCK:
                if not io.watch(self.fd, i16(POLLOUT), io.now() + self.patience):
                    self.result = -EBUSY
                    return True
                self.waiting = True
                return False
            elif sent != -EINTR:
                self.result = sent
                return True
        self.result = 0
        return True

    def value(self) -> i64:
        """What `await` gives."""
        return self.result


@struct
class Readable:
    """Await that a descriptor is readable (or failed): 0, or minus an errno."""

    fd: i32
    deadline: i64
    waiting: bool
    result: i64

    def poll(self) -> bool:
        """One step; True when `result` stands."""
        if not self.waiting:
            self.waiting = io.watch(self.fd, i16(POLLIN), self.deadline)
            self.result = -EBUSY
            return not self.waiting
        ended = io.outcome()
        if ended == tasks.PENDING:
            return False
        self.result = wait_result(ended)
        return True

    def value(self) -> i64:
        """What `await` gives."""
        return self.result


@struct
class Turn:
    """Await that the other ready tasks have had their turn."""

    taken: bool

    def poll(self) -> bool:
        """False the first time, after asking to be run again."""
        if self.taken:
            return True
        self.taken = True
        tasks.wake(current().task)
        return False


def close(fd: i32) -> None:
    """Close a descriptor; a task that waits for it is woken first."""
    io.forget(fd)
    sys.close(fd)


def end_sending(fd: i32) -> None:
    """Send FIN: the peer reads the end of the stream, and may still be read from."""
    sys.shutdown(fd, SHUT_WR)
