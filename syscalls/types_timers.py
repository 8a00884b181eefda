"""Argument types of timers: settings, what a timer sends, and the ids."""

from typing import Annotated

from syscalls.args import Flags, InStruct, OutStruct, Signed32
from syscalls.data import Data
from syscalls.flags.clock import Itimer, SigevNotify, Timer, Timerfd, TimerfdTimer
from syscalls.flags.signals import Signal
from syscalls.structs import Layout, Timespec, Timeval
from syscalls.text import strace_text
from syscalls.types_threads import OutValue


def _pointer(value: int) -> Data:
    return hex(value) if value else None


def _value(data: bytes) -> Data:
    return {"sival_int": int.from_bytes(data[:4], "little", signed=True), "sival_ptr": _pointer(_word(data))}


def _word(data: bytes) -> int:
    return int.from_bytes(data, "little")


Itimerval = Layout("itimerval", ("16s", "it_interval", Timeval.show), ("16s", "it_value", Timeval.show))
Itimerspec = Layout("itimerspec", ("16s", "it_interval", Timespec.show), ("16s", "it_value", Timespec.show))
SigeventLayout = Layout(
    "sigevent",
    ("8s", "sigev_value", _value),
    ("i", "sigev_signo", Signal.text),
    ("i", "sigev_notify", SigevNotify.text),
    ("8s", "sigev_notify_thread_id", lambda data: int.from_bytes(data[:4], "little", signed=True)),
    ("Q", "sigev_notify_attributes", _pointer),
    ("32x", ""),
)
"""sigevent(7): what is behind sigev_notify is a union, of a thread id, or a function and its attributes."""

RawSigevent = Layout(
    "raw_sigevent", ("Q", "value"), ("i", "signo"), ("i", "notify"), ("i", "thread"), ("44x", "")
)
TimerId = Layout("timer_t", ("i", "timer_id"))


class InSigevent(InStruct):
    """A struct sigevent; of the union behind sigev_notify a line shows what sigev_notify says."""

    def __init__(self) -> None:
        super().__init__(SigeventLayout)

    def text(self, data: Data) -> str:
        if not isinstance(data, dict):
            return super().text(data)
        notify = str(data["sigev_notify"])
        names = ["sigev_signo", "sigev_notify"]
        if data["sigev_value"]["sival_ptr"] is not None:
            names.insert(0, "sigev_value")
        if notify == "SIGEV_THREAD_ID":
            names.append("sigev_notify_thread_id")
        parts = [f"{name}={strace_text(data[name])}" for name in names]
        if notify == "SIGEV_THREAD":
            parts.append(f"sigev_notify_attributes={strace_text(data['sigev_notify_attributes'])}")
        return "{" + ", ".join(parts) + "}"


ItimerNumber = Annotated[int, Flags(Itimer)]
InItimerval = Annotated[int, InStruct(Itimerval)]
OutItimerval = Annotated[int, OutStruct(Itimerval)]
InItimerspec = Annotated[int, InStruct(Itimerspec)]
OutItimerspec = Annotated[int, OutStruct(Itimerspec)]
InEvent = Annotated[int, InSigevent()]
OutTimerId = Annotated[int, OutValue(TimerId)]
TimerNumber = Annotated[int, Signed32()]
SettimeFlags = Annotated[int, Flags(Timer)]
TimerfdFlags = Annotated[int, Flags(Timerfd)]
TimerfdSettimeFlags = Annotated[int, Flags(TimerfdTimer)]
