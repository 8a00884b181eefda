"""One HTTP connection of the parent: what guest.rt.conversation decides is received and sent without ever waiting."""

from guest.lang import addr, copy, i32, i64, struct, u32
from guest.rt import epoll, io, limits, sys
from guest.rt.abi import EAGAIN, EINTR, SHUT_WR
from guest.rt.conversation import Conversation
from guest.rt.inlet import Inlet

DRAIN_LIMIT = 1 << 20  # bytes read and forgotten while waiting for a client to close

# What a step leaves
WAITING = 0
UPGRADING = 1  # the conversation has a 101 response to be sent, by whoever takes the connection over
ENDED = 2


@struct
class Visitor:
    """A connection between two events. Zeroed it is a free place."""

    present: bool
    lingering: bool
    fd: i32
    generation: u32  # of the place: how often it was taken
    events: u32  # what the epoll reports of the connection
    deadline: i64
    drained: i64
    inlet: Inlet
    talk: Conversation

    def arrive(self, fd: i32) -> bool:
        """A connection was accepted; False when there is no memory for it."""
        self.fd = fd
        self.generation += 1
        self.lingering = False
        self.drained = 0
        self.inlet.fd = fd
        self.inlet.start = 0
        self.inlet.end = 0
        if not self.inlet.open():
            return False
        copy(self.talk, Conversation())
        self.talk.begin(addr(self.inlet))
        self.deadline = self.talk.deadline
        self.events = epoll.EPOLLIN
        self.present = True
        return True

    def depart(self) -> None:
        """Close it; the place is free."""
        self.inlet.close()
        sys.close(self.fd)
        self.present = False

    def is_silent(self) -> bool:
        """Whether nothing was asked that is not answered: nobody would miss this connection much."""
        return self.talk.out_size == 0 and (self.lingering or self.inlet.length() == 0)

    def wanted(self) -> u32:
        """The event that it waits for."""
        return epoll.EPOLLOUT if self.talk.out_size > 0 else epoll.EPOLLIN

    def step(self, readable: bool) -> u32:
        """Receive at most once, if `readable`, and go on until the connection has to wait; see WAITING."""
        talk = self.talk
        while True:
            if self.lingering:
                return self.drain() if readable else u32(WAITING)
            talk.advance()
            if talk.upgraded:
                return UPGRADING
            if talk.out_size > 0:
                if not self.send():
                    return ENDED
                if talk.out_size > 0:
                    return WAITING
            elif talk.closing:
                if not talk.linger:
                    return ENDED
                # Closing with unread bytes would send a reset, which may overtake the last answer.
                self.lingering = True
                self.deadline = io.now() + limits.linger_ms
                sys.shutdown(self.fd, SHUT_WR)
            else:
                self.deadline = talk.deadline
                if not readable:
                    return WAITING
                readable = False
                self.receive()

    def send(self) -> bool:
        """Send what the socket takes of the answer; False when it is broken."""
        talk = self.talk
        count = sys.send(self.fd, talk.out, talk.out_size, 0)
        if count == -EAGAIN or count == -EINTR:
            if (self.events & epoll.EPOLLOUT) == 0:
                self.deadline = io.now() + limits.send_ms
            return True
        if count < 0:
            return False
        talk.out += count
        talk.out_size -= count
        self.deadline = io.now() + limits.send_ms
        return True

    def receive(self) -> None:
        """Receive once."""
        count = sys.recv(self.fd, self.inlet.tail(), self.inlet.room(), 0)
        if count > 0:
            self.inlet.received(count)
            self.talk.arrived()
        elif count != -EAGAIN and count != -EINTR:
            self.talk.stopped(False)

    def drain(self) -> u32:
        """Read and forget, up to a limit."""
        count = sys.recv(self.fd, self.inlet.memory, self.inlet.size, 0)
        if count == -EAGAIN or count == -EINTR:
            return WAITING
        self.drained += count
        return ENDED if count <= 0 or self.drained > DRAIN_LIMIT else u32(WAITING)

    def expire(self) -> u32:
        """The deadline has passed."""
        if self.lingering or self.talk.out_size > 0:
            return ENDED
        self.talk.stopped(True)
        return self.step(False)

    def refuse(self, status: u32) -> u32:
        """Answer an upgrade with an error instead."""
        self.talk.fail(status)
        return self.step(False)
