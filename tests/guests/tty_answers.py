"""A leader that answers each interrupt on its terminal at once: no answer may go with what the key throws away."""

from process_tools import ended
from pty_tools import change_local, open_master, open_slave, put, wait_input
from say import result
from signal_tools import install
from tty_tools import lead

from guest.lang import array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open
from syscalls.flags.signals import SigAction, Signal
from syscalls.flags.terminals import LocalMode

ROUNDS = 100

the_slave: i64


def answer(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    put(the_slave, b"!")


def answers(master: i64, slave: i64) -> i64:
    """Answers until a line comes."""
    global the_slave
    the_slave = slave
    install(Signal.SIGINT, answer, SigAction.SA_RESTART, 0)
    put(slave, b"!")
    room = array[u8, 64]()
    syscall(numbers.read, slave, room.ptr, 64)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    change_local(slave, LocalMode.ECHO, 0)
    leader = lead(master, slave, answers)
    room = array[u8, 64]()
    got = syscall(numbers.read, master, room.ptr, 64)
    for _ in range(ROUNDS):
        put(master, b"half a line\x03")
        if wait_input(master, 2000) == 0:
            break
        got += syscall(numbers.read, master, room.ptr, 64)
    result(b"answers", got)
    put(master, b"end\n")
    ended(b"leader", leader)
    return 0
