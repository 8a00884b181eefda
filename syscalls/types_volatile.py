"""Argument types of what differs from run to run: process ids, time-outs, random bytes, processors, the time itself.

They show as the plain numbers that they are; the types exist so that whoever compares two runs can tell such a value
from one that the program chose (`emu.trace.alias`).
"""

from typing import Annotated

from syscalls.args import OutBytes, Signed32
from syscalls.outcomes import Outcome
from syscalls.structs import Layout
from syscalls.types_threads import OutValue
from syscalls.wait import Result


class ProcessId(Signed32):
    """pid_t: a process, thread or process group; 0 and negative numbers mean what the call says."""


class Milliseconds(Signed32):
    """A time-out in milliseconds; negative: for ever."""


class RandomBytes(OutBytes):
    """A buffer that the call fills with random bytes."""


class ProcessIdOutcome(Outcome):
    """A pid_t, 0 or more."""


class RegisterOutcome(Outcome):
    """What a register held before: a number, or an address."""


class TimeOutcome(Outcome):
    """A time: seconds since the epoch, clock ticks."""


class HostOutcome(Outcome):
    """A number that follows from the machine, or from who has started the program."""


Cpu = Layout("cpu", ("I", "cpu"))
Node = Layout("node", ("I", "node"))
TimeT = Layout("time_t", ("q", "time"))

Pid = Annotated[int, ProcessId()]
Timeout = Annotated[int, Milliseconds()]
OutRandom = Annotated[int, RandomBytes()]
OutCpu = Annotated[int, OutValue(Cpu)]
OutNode = Annotated[int, OutValue(Node)]
OutTime = Annotated[int, OutValue(TimeT)]
PidResult = Annotated[Result, ProcessIdOutcome()]
RegisterResult = Annotated[Result, RegisterOutcome()]
TimeResult = Annotated[Result, TimeOutcome()]
HostResult = Annotated[Result, HostOutcome()]
