"""The parent's view of its workers: at most 15, forked for a WebSocket each, reaped when they end."""

from guest.lang import array, i64
from guest.programs.pty.log import Line
from guest.rt import process, signals, sys

MOST_WORKERS = 15

pids: array[i64, 15]  # 0: a free place
count: i64


def is_full() -> bool:
    """Whether no place is free."""
    return count == MOST_WORKERS


def hire() -> i64:
    """Fork a worker: 0 in the worker, which is to return from here into its own life; else its pid, or minus an errno."""
    global count
    parent = process.getpid()
    pid = process.fork()
    if pid == 0:
        process.die_with_parent(signals.SIGTERM)
        if process.getppid() != parent:
            sys.exit_group(0)
    if pid <= 0:
        return pid
    place = i64(0)
    while pids[place] != 0:
        place += 1
    pids[place] = pid
    count += 1
    report(pid, b" begins")
    return pid


def reap() -> None:
    """Take leave of all workers that have ended: one SIGCHLD may stand for several."""
    global count
    while True:
        pid, word = process.reap(-1)
        if pid <= 0:
            return
        for place in range(MOST_WORKERS):
            if pids[place] == pid:
                pids[place] = 0
                count -= 1
                status = process.exit_status(word)
                if status == 0:
                    report(pid, b" ends")
                else:
                    report_failure(pid, status)


def signal_all(signal: i64) -> None:
    """Send a signal to every worker."""
    for place in range(MOST_WORKERS):
        if pids[place] != 0:
            process.kill(pids[place], signal)


def report(pid: i64, what: bytes) -> None:
    """Say what a worker does, and how many there are now."""
    line = Line()
    line.say(b"worker ")
    line.number(pid)
    line.say(what)
    line.say(b" (")
    line.number(count)
    line.say(b" of ")
    line.number(MOST_WORKERS)
    line.say(b")")
    line.write(1)


def report_refusal() -> None:
    """Say that a client came for whom there is no place."""
    line = Line()
    line.say(b"no worker is free")
    line.write(1)


def report_failure(pid: i64, status: i64) -> None:
    """Say that a worker did not end well."""
    what = Line()
    what.say(b" ends with status ")
    what.number(status)
    report(pid, what.text[: what.size])
