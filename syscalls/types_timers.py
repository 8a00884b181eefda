"""Argument types of timers: settings, what a timer sends, and the ids."""

import struct
from typing import Annotated

from syscalls.args import Flags, InStruct, OutStruct, Signed32
from syscalls.data import Data
from syscalls.flags.clock import Itimer, SigevNotify, Timer, Timerfd, TimerfdTimer
from syscalls.flags.signals import Signal
from syscalls.process import Thread
from syscalls.structs import Layout, Timespec, Timeval
from syscalls.types_threads import OutValue

_SENDING = (SigevNotify.SIGEV_SIGNAL, SigevNotify.SIGEV_THREAD, SigevNotify.SIGEV_THREAD_ID)


def _pointer(value: int) -> Data:
    return hex(value) if value else None


Itimerval = Layout("itimerval", ("16s", "it_interval", Timeval.show), ("16s", "it_value", Timeval.show))
Itimerspec = Layout("itimerspec", ("16s", "it_interval", Timespec.show), ("16s", "it_value", Timespec.show))
RawSigevent = Layout(
    "sigevent",
    ("Q", "sigev_value"),
    ("i", "sigev_signo"),
    ("i", "sigev_notify"),
    ("i", "sigev_notify_thread_id"),
    ("44x", ""),
)
_FUNCTION = struct.Struct("<16xQQ")  # in place of the thread id, for SIGEV_THREAD
TimerId = Layout("timer_t", ("i", "timer_id"))


class InSigevent(InStruct):
    """A struct sigevent (sigevent(7)); of the union at its end what sigev_notify says."""

    def __init__(self) -> None:
        super().__init__(RawSigevent)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if not value:
            return None
        try:
            raw = thread.memory.read(value, RawSigevent.size)
        except OSError:
            return value
        word, signal, notify, target = RawSigevent.unpack(raw)
        number = (word & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
        shown: dict[str, Data] = {
            "sigev_value": {"sival_int": number, "sival_ptr": _pointer(word)},
            "sigev_signo": Signal.text(signal) if notify in _SENDING else signal,
            "sigev_notify": SigevNotify.text(notify),
        }
        if notify == SigevNotify.SIGEV_THREAD_ID:
            shown["sigev_notify_thread_id"] = target
        elif notify == SigevNotify.SIGEV_THREAD:
            function, attributes = _FUNCTION.unpack_from(raw)
            shown["sigev_notify_function"] = _pointer(function)
            shown["sigev_notify_attributes"] = _pointer(attributes)
        return shown

    def text(self, data: Data) -> str:
        if isinstance(data, dict) and data["sigev_value"]["sival_ptr"] is None:
            data = {name: value for name, value in data.items() if name != "sigev_value"}
        return super().text(data)


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
