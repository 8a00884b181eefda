"""The program at the terminal: which it is, its environment, and its start in a session of its own."""

from guest.lang import array, i32, i64, null, ptr, u8
from guest.programs.pty.log import Line
from guest.rt import process, signals, sys
from guest.rt.cstring import cstring, environment
from guest.rt.errors import error_name, error_text
from guest.rt.pty import Pty

DEFAULT_SHELL = b"/bin/sh\0"
DEFAULTS = array[bytes, 3](
    [b"HOME=/\0", b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\0", b"SHELL=/bin/sh\0"]
)
TERM = b"TERM=xterm-256color\0"
MOST_VARIABLES = 512
COMMAND_NOT_FOUND = 127

argv: ptr[ptr[u8]]
own_argv: array[ptr[u8], 2]
envp: array[ptr[u8], 513]
variables: i64


def variable_name(entry: bytes) -> bytes:
    """The name in `NAME=value`."""
    at = i64(0)
    while at < len(entry) and entry[at] != 0x3D:
        at += 1
    return entry[:at]


def is_about_a_terminal(entry: bytes) -> bool:
    """Whether a variable describes the terminal that the server itself was started from."""
    name = variable_name(entry)
    return name == b"TERM" or name == b"COLUMNS" or name == b"LINES" or name == b"TERMCAP"


def choose(given: ptr[ptr[u8]], parent_envp: ptr[ptr[u8]]) -> None:
    """Take the program and its arguments from the command line, or $SHELL, or /bin/sh; and make its environment."""
    global argv, variables
    argv = given
    if given == null:
        own_argv[0] = DEFAULT_SHELL.ptr
        shell = environment(parent_envp, b"SHELL")
        if len(shell) > 0:
            own_argv[0] = shell.ptr  # ends with its NUL, as the environment's strings do
        argv = own_argv.ptr
    at = i64(0)
    while parent_envp[at] != null:
        if not is_about_a_terminal(cstring(parent_envp[at])):
            add_variable(parent_envp[at])
        at += 1
    add_variable(TERM.ptr)
    for preset in DEFAULTS:
        if len(environment(parent_envp, variable_name(preset))) == 0:
            add_variable(preset.ptr)


def add_variable(entry: ptr[u8]) -> None:
    """Add `NAME=value` to the environment; there is room for 512."""
    global variables
    if variables < MOST_VARIABLES:
        envp[variables] = entry
        variables += 1


def start(pty: Pty) -> i64:
    """Fork the shell on the terminal; its pid, or minus an errno."""
    pid = process.fork()
    if pid == 0:
        become(pty)
    return pid


def become(pty: Pty) -> None:
    """In the child: lead a session at the terminal and be the shell; does not return."""
    process.setsid()
    pty.control()
    for fd in range(3):
        process.dup2(pty.slave, i32(fd))
    signals.restore_defaults()  # all other descriptors are closed on exec
    failed = process.execve(argv[0], argv, envp.ptr)
    line = Line()
    line.say(b"pty_server: ")
    line.say(cstring(argv[0]))
    line.say(b": ")
    line.say(error_name(-failed))
    line.say(b" (")
    line.say(error_text(-failed))
    line.say(b")")
    line.write(2)
    sys.exit_group(COMMAND_NOT_FOUND)
