"""The parent's loop: it accepts, serves pages, forks workers and reaps them, and never waits for any one of them."""

from guest.lang import addr, array, bytes_at, i32, i64, u32, u64
from guest.programs.pty import crew, worker
from guest.programs.pty.log import Line
from guest.programs.pty.visitor import ENDED, UPGRADING, Visitor
from guest.rt import acceptor, epoll, io, signals, sys
from guest.rt.abi import EAGAIN, ECONNABORTED, EINTR, SOCK_CLOEXEC, SOCK_NONBLOCK

MOST_VISITORS = 128
EVENTS = 64
BATCH = 64  # connections accepted before the others have their turn
LISTENING = MOST_VISITORS  # what an event is of, beside the visitors
SIGNALS = LISTENING + 1
SHORTAGE_MS = 100  # rest before the next accept when the kernel lacks memory or descriptors
STOP_MS = 8000  # for the workers to end: more than what each gives its client and its shell

visitors: array[Visitor, 128]
present: i64
waiter: i32  # the epoll
caught: i32  # the signalfd
listening: i32
accept_again: i64  # when to accept again; FOREVER when nothing keeps us from it
stopping: bool
stop_deadline: i64


def watched_signals() -> u64:
    """What is read instead of handled."""
    return signals.bit(signals.SIGCHLD) | signals.bit(signals.SIGTERM) | signals.bit(signals.SIGINT)


def open(listening_socket: i32) -> i64:
    """Set up signals and epoll; 0 or minus an errno."""
    global waiter, caught, listening, accept_again, stop_deadline
    listening = listening_socket
    accept_again = io.FOREVER
    stop_deadline = io.FOREVER
    signals.set_action(
        signals.SIGPIPE, signals.SIG_IGN
    )  # a log that nobody reads any more must not end the server
    signals.set_action(signals.SIGCHLD, signals.SIG_DFL)  # ignored, it would leave nothing to wait for
    signals.set_mask(watched_signals())
    opened = signals.open_signalfd(watched_signals())
    if opened < 0:
        return opened
    caught = i32(opened)
    opened = epoll.create()
    if opened < 0:
        return opened
    waiter = i32(opened)
    result = epoll.add(waiter, caught, epoll.EPOLLIN, SIGNALS, 0)
    if result == 0:
        result = epoll.add(waiter, listening, epoll.EPOLLIN, LISTENING, 0)
    return result


def run() -> None:
    """Work until a signal says to stop and all workers have ended."""
    events = array[epoll.Event, EVENTS]()
    while not stopping or crew.count > 0:
        count = epoll.wait(waiter, events.ptr, EVENTS, patience())
        io.initialise()
        for i in range(count):
            take(events[i])
        keep_time()
    sys.close(waiter)
    sys.close(caught)


def take(event: epoll.Event) -> None:
    """One event."""
    if event.key == SIGNALS:
        take_signals()
    elif event.key == LISTENING:
        accept()
    else:
        visitor = addr(visitors[event.key])
        # The place may have been left, or taken by another, since the event was made.
        if visitor.present and visitor.generation == event.generation:
            settle(event.key, visitor.step((event.events & ~u32(epoll.EPOLLOUT)) != 0))


def take_signals() -> None:
    """Read the signals that have come."""
    signal = signals.take(caught)
    while signal != 0:
        if signal == signals.SIGCHLD:
            crew.reap()
        else:
            stop()
        signal = signals.take(caught)


def stop() -> None:
    """Let nobody in any more, send the visitors away, and tell the workers to end."""
    global stopping, stop_deadline, accept_again
    if stopping:
        return
    stopping = True
    accept_again = io.FOREVER
    stop_deadline = io.now() + STOP_MS
    sys.close(listening)
    for place in range(MOST_VISITORS):
        if visitors[place].present:
            dismiss(addr(visitors[place]))
    line = Line()
    line.say(b"stopping")
    line.write(1)
    crew.signal_all(signals.SIGTERM)


def accept() -> None:
    """Accept the connections that wait."""
    global accept_again
    for _ in range(BATCH):
        if stopping:
            return
        accepted = sys.accept4(listening, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if accepted >= 0:
            welcome(i32(accepted))
        elif accepted == -EAGAIN:
            return
        elif accepted != -EINTR and accepted != -ECONNABORTED:
            # EMFILE, ENFILE, ENOMEM, ENOBUFS (accept(2)): the socket stays readable, so look away for a while.
            epoll.modify(waiter, listening, 0, LISTENING, 0)
            accept_again = io.now() + SHORTAGE_MS
            return


def welcome(fd: i32) -> None:
    """Find a place for a new connection; when all are taken, the one of the most silent visitor, or none."""
    global present
    place = free_place()
    if place == MOST_VISITORS:
        acceptor.refuse(fd)
        return
    visitor = addr(visitors[place])
    if not visitor.arrive(fd):
        acceptor.refuse(fd)
        return
    present += 1
    if epoll.add(waiter, fd, visitor.events, u32(place), visitor.generation) < 0:
        dismiss(visitor)


def free_place() -> i64:
    """A place for a visitor; MOST_VISITORS when there is none."""
    silent = i64(MOST_VISITORS)
    for place in range(MOST_VISITORS):
        visitor = addr(visitors[place])
        if not visitor.present:
            return place
        if visitor.is_silent() and (silent == MOST_VISITORS or visitor.deadline < visitors[silent].deadline):
            silent = place
    if silent < MOST_VISITORS:
        dismiss(addr(visitors[silent]))
    return silent


def dismiss(visitor: Visitor) -> None:
    """Close a connection; the epoll forgets it by itself."""
    global present
    visitor.depart()
    present -= 1


def settle(place: u32, outcome: u32) -> None:
    """A visitor has made a step: go on as it says."""
    visitor = addr(visitors[place])
    if outcome == UPGRADING:
        outcome = upgrade(visitor)
    if outcome == ENDED:
        dismiss(visitor)
        return
    wanted = visitor.wanted()
    if wanted != visitor.events:
        visitor.events = wanted
        epoll.modify(waiter, visitor.fd, wanted, place, visitor.generation)


def upgrade(visitor: Visitor) -> u32:
    """A visitor asks for a terminal: hand the connection to a new worker, or refuse."""
    if not visitor.talk.request.is_trusted:
        return visitor.refuse(403)
    if crew.is_full():
        crew.report_refusal()
        return visitor.refuse(503)
    hired = crew.hire()
    if hired == 0:
        work(visitor)
    if hired < 0:
        return visitor.refuse(503)
    # Closing alone does not make the epoll forget it: the worker has it open as well (epoll(7), questions and answers 6).
    epoll.remove(waiter, visitor.fd)
    return ENDED


def work(visitor: Visitor) -> None:
    """In the worker: let go of everything that is the parent's, and serve this one client; does not return."""
    sys.close(listening)
    sys.close(waiter)
    sys.close(caught)
    for place in range(MOST_VISITORS):
        other = addr(visitors[place])
        if other.present and other.fd != visitor.fd:
            sys.close(other.fd)
    talk = visitor.talk
    sys.exit_group(worker.run(visitor.fd, bytes_at(talk.out, talk.out_size), visitor.inlet.data()))


def patience() -> i64:
    """Milliseconds until the next deadline; -1 when there is none."""
    earliest = accept_again
    if stop_deadline < earliest:
        earliest = stop_deadline
    if present > 0:
        for place in range(MOST_VISITORS):
            if visitors[place].present and visitors[place].deadline < earliest:
                earliest = visitors[place].deadline
    if earliest == io.FOREVER:
        return -1
    return earliest - io.now() + 1 if earliest > io.now() else 0


def keep_time() -> None:
    """Act on the deadlines that have passed."""
    global accept_again, stop_deadline
    now = io.now()
    if now >= accept_again:
        accept_again = io.FOREVER
        epoll.modify(waiter, listening, epoll.EPOLLIN, LISTENING, 0)
    if now >= stop_deadline:
        stop_deadline = io.FOREVER
        crew.signal_all(signals.SIGKILL)
    if present > 0:
        for place in range(MOST_VISITORS):
            if visitors[place].present and now >= visitors[place].deadline:
                settle(u32(place), visitors[place].expire())
