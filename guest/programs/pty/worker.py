"""A worker: the process between one WebSocket and one shell on its own terminal, from the handshake's answer to the end of both.

It ends when the socket is closed and the shell has been waited for. Whichever side ends first takes the other with it: when the
shell ends, what it has written is still sent, then a close frame; when the client leaves, the terminal is hung up, and a shell
that outlives its SIGHUP is killed.
"""

from guest.lang import array, i32, i64, u32
from guest.programs.pty import shell
from guest.programs.pty.link import Link
from guest.programs.pty.log import Line
from guest.rt import epoll, frames, io, limits, process, signals, sys
from guest.rt.abi import EAGAIN, EINTR, SHUT_WR
from guest.rt.pty import Pty

SIGNALS = 0  # what an event is of
SOCKET = 1
TERMINAL = 2
EVENTS = 4
NEVER = io.FOREVER

COLUMNS = 80  # until the client says how large it is
ROWS = 24
GRACE_MS = 2000  # for a shell to end after its terminal was hung up
DRAIN_MS = 500  # for output to come after the shell has ended: there is none if something else holds the terminal open
INTERNAL_ERROR = 1011

link: Link
pty: Pty
waiter: i32  # the epoll
caught: i32  # the signalfd
socket: i32
watched: array[u32, 3]  # the events that the epoll reports of each
shell_pid: i64
shell_ended: bool
shell_status: i64
shell_deadline: i64  # when it is killed
drain_deadline: i64
client_deadline: i64  # of a silent client: ping it, or give it up; of a closing one: leave
pinged: bool
silenced: bool  # all is said, and our half of the connection is shut


def watch(which: u32, fd: i32, events: u32) -> None:
    """Have the epoll report these events; with none it forgets the descriptor, whose hang-up would be reported for ever."""
    if watched[which] == events:
        return
    if events == 0:
        epoll.remove(waiter, fd)
    elif watched[which] == 0:
        epoll.add(waiter, fd, events, which, 0)
    else:
        epoll.modify(waiter, fd, events, which, 0)
    watched[which] = events


def begin(client: i32) -> i64:
    """Open what a worker needs, and start the shell; 0 or minus an errno. The signals are blocked already."""
    global waiter, caught, socket, shell_pid
    socket = client
    watched_signals = (
        signals.bit(signals.SIGCHLD) | signals.bit(signals.SIGTERM) | signals.bit(signals.SIGINT)
    )
    opened = signals.open_signalfd(watched_signals)
    if opened < 0:
        return opened
    caught = i32(opened)
    opened = epoll.create()
    if opened < 0:
        return opened
    waiter = i32(opened)
    watch(SIGNALS, caught, epoll.EPOLLIN)
    opened = pty.open()
    if opened < 0:
        return opened
    pty.use_utf8()
    pty.resize(COLUMNS, ROWS)
    shell_pid = shell.start(pty)
    pty.close_slave()
    return shell_pid if shell_pid < 0 else 0


def run(client: i32, answer: bytes, received: bytes) -> i64:
    """Serve a client whose handshake is accepted: send `answer`, and take what was `received` behind its request.

    Returns the exit status: 1 when there was no terminal to be had.
    """
    global shell_ended, drain_deadline, shell_deadline, client_deadline
    io.initialise()
    shell_deadline = NEVER
    drain_deadline = NEVER
    client_deadline = io.now() + limits.ping_ms
    link.put_raw(answer)
    link.inbox[: len(received)] = received
    link.received(len(received))
    failed = begin(client)
    if failed < 0:
        link.close(INTERNAL_ERROR, b"no terminal")
        shell_ended = True
        pump()
        return 1
    announce()
    events = array[epoll.Event, EVENTS]()
    while True:
        pump()
        if socket < 0 and shell_ended:
            break
        attend()
        count = epoll.wait(waiter, events.ptr, EVENTS, patience())
        io.initialise()
        for i in range(count):
            if events[i].key == SIGNALS:
                take_signals()
            elif events[i].key == TERMINAL:
                if pty.master >= 0 and (events[i].events & ~u32(epoll.EPOLLOUT)) != 0:
                    read_terminal()
            elif socket >= 0:
                take_socket_event(events[i].events)
        keep_time()
    sys.close(waiter)
    sys.close(caught)
    return 0


def announce() -> None:
    """Say which shell runs for which worker."""
    line = Line()
    line.say(b"worker ")
    line.number(process.getpid())
    line.say(b": shell ")
    line.number(shell_pid)
    line.write(1)


def pump() -> None:
    """Move what can be moved without waiting: frames to the terminal, the outbox to the socket."""
    take_frames()
    while send_out():
        take_frames()  # those for whose answers there was no room
    if socket >= 0 and link.closing and len(link.pending()) == 0:
        if link.answered:
            leave()
        else:
            fall_silent()


def take_frames() -> None:
    """Do what the received frames say, as far as the terminal takes their input."""
    blocked = False
    while not blocked:
        closing = link.closing
        link.advance()
        if link.closing and not closing:
            begin_closing()
        if link.resized:
            link.resized = False
            pty.resize(link.columns, link.rows)
        elif link.plain > 0:
            taken = pty.write(link.input(), link.plain)
            if taken >= 0:
                link.took_input(taken)
            elif taken == -EAGAIN:
                blocked = True
            elif taken != -EINTR:
                link.took_input(link.plain)  # the terminal is no more, which its events tell as well
        else:
            blocked = True


def send_out() -> bool:
    """Send from the outbox once; False when there is nothing, or the client takes nothing."""
    out = link.pending()
    if socket < 0 or len(out) == 0:
        return False
    count = sys.send(socket, out.ptr, len(out), 0)
    if count > 0:
        link.sent(count)
    elif count != -EAGAIN and count != -EINTR:
        leave()
    return count > 0 or count == -EINTR


def attend() -> None:
    """Ask the epoll for what can be used now: so each side waits for the other."""
    if socket >= 0:
        events = u32(epoll.EPOLLRDHUP)
        if link.closing or link.make_room() > 0:
            events |= epoll.EPOLLIN
        if len(link.pending()) > 0:
            events |= epoll.EPOLLOUT
        watch(SOCKET, socket, events)
    if pty.master >= 0:
        wanted = u32(0)
        if link.output_room() > 0:
            wanted |= epoll.EPOLLIN
        if link.plain > 0:
            wanted |= epoll.EPOLLOUT
        watch(TERMINAL, pty.master, wanted)


def patience() -> i64:
    """Milliseconds until the next deadline; -1 when there is none."""
    earliest = client_deadline
    if shell_deadline < earliest:
        earliest = shell_deadline
    if drain_deadline < earliest:
        earliest = drain_deadline
    if earliest == NEVER:
        return -1
    return earliest - io.now() + 1 if earliest > io.now() else 0


def keep_time() -> None:
    """Act on the deadlines that have passed."""
    global shell_deadline, drain_deadline, client_deadline, pinged
    now = io.now()
    if now >= drain_deadline:
        if socket >= 0 and link.output_room() == 0 and not link.closing:
            drain_deadline = now + DRAIN_MS  # the client takes its time
        else:
            output_ended()
    if now >= shell_deadline:
        shell_deadline = NEVER
        process.kill(shell_pid, signals.SIGKILL)
    if socket >= 0 and now >= client_deadline:
        if link.closing or pinged:
            leave()
        else:
            # Without room it is we who do not listen, as the terminal takes no input, and the client may stay silent. But one that
            # has gone answers with a reset: the end of its stream may be stuck behind what we do not receive.
            pinged = link.make_room() > 0
            client_deadline = now + limits.ping_ms
            link.ping()


def take_signals() -> None:
    """Read the signals that have come."""
    global shell_ended, shell_status, shell_deadline, drain_deadline
    signal = signals.take(caught)
    while signal != 0:
        if signal == signals.SIGCHLD:
            ended, word = process.reap(shell_pid)
            if ended == shell_pid:
                shell_ended = True
                shell_status = process.exit_status(word)
                shell_deadline = NEVER
                drain_deadline = io.now() + DRAIN_MS
                if pty.master < 0:
                    output_ended()
        else:
            finish(frames.GOING_AWAY, b"the server stops")
        signal = signals.take(caught)


def read_terminal() -> None:
    """Make a frame of the output that is there."""
    global drain_deadline
    room = link.output_room()
    if room == 0:
        return  # a hang-up, seen because there is input to write as well
    count = pty.read(link.output(), room)
    if count > 0:
        link.put_output(count)
        if shell_ended:
            drain_deadline = io.now() + DRAIN_MS
    elif count != -EAGAIN and count != -EINTR:
        hang_up()  # EIO: nobody has the other side open any more
        if shell_ended:
            output_ended()


def output_ended() -> None:
    """All is read that the shell has written, and it has ended: say so."""
    global drain_deadline
    drain_deadline = NEVER
    reason = Line()
    reason.say(b"exit status ")
    reason.number(shell_status)
    finish(frames.NORMAL, reason.text[: reason.size])


def take_socket_event(events: u32) -> None:
    """The client's socket is readable, or broken."""
    global client_deadline, pinged
    if (events & (epoll.EPOLLIN | epoll.EPOLLERR | epoll.EPOLLHUP)) == 0:
        if (events & epoll.EPOLLRDHUP) != 0:
            leave()  # it has left bytes that the terminal does not take
        return
    count = sys.recv(socket, link.tail(), link.make_room(), 0)
    if count > 0:
        link.received(count)
        if not link.closing:
            pinged = False
            client_deadline = io.now() + limits.ping_ms
    elif count != -EAGAIN and count != -EINTR:
        leave()


def finish(code: u32, reason: bytes) -> None:
    """Begin the end: a close frame for the client, a hang-up for the shell."""
    if not link.closing:
        link.close(code, reason)
        begin_closing()


def begin_closing() -> None:
    """Our close frame is on its way: from now on there is a limit to everything."""
    global client_deadline
    client_deadline = io.now() + limits.linger_ms
    hang_up()


def fall_silent() -> None:
    """Everything is sent: shut our half, and wait for the client to close its own."""
    global silenced
    if not silenced:
        silenced = True
        sys.shutdown(socket, SHUT_WR)


def leave() -> None:
    """The client is gone, or done with."""
    global socket, client_deadline
    watch(SOCKET, socket, 0)
    sys.close(socket)
    socket = -1
    client_deadline = NEVER
    link.closing = True
    link.plain = 0
    hang_up()


def hang_up() -> None:
    """Close the terminal; a shell that still runs has a little time to end."""
    global shell_deadline
    if pty.master < 0:
        return
    watch(TERMINAL, pty.master, 0)
    pty.close()
    if not shell_ended:
        shell_deadline = io.now() + GRACE_MS
