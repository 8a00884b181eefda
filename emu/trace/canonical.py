"""A record with symbols in the place of what differs from run to run, as the declared types of its call say."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import syscalls.calls  # noqa: F401  fills the table
from emu.trace.regions import Locate
from emu.trace.symbol import Symbol, Text
from emu.trace.volatile_members import Context, member, members, number, pointer
from syscalls import (
    numbers,
    types_execute,
    types_files,
    types_ioctl,
    types_net,
    types_options,
    types_poll,
    types_prctl,
    types_threads,
    types_volatile,
)
from syscalls.args import Arg, CString, FdNumber, InBytes, InStruct, OutBytes, OutStruct, Pointer
from syscalls.outcomes import HexOutcome, Outcome
from syscalls.structs import Timespec, Timeval
from syscalls.table import Syscall, lookup

Data = Any


class Canonical(NamedTuple):
    """A call without what differs from run to run. `args`, `fds` and `result` hold symbols."""

    name: str
    args: dict[str, Data]
    fds: dict[str, Data]
    result: Data
    error: str | None
    finished: bool


Rule = Callable[[Data, str, Context], Data]


def canonical(record: dict[str, Any], locate: Locate = lambda address: None, cwd: str = "") -> Canonical:
    """A syscall record with symbols. `locate` knows regions; paths under the directory `cwd` are shown as if from `.`."""
    context = Context(record, record.get("objects") or {}, locate, cwd)
    entry = entry_of(record)
    args = {}
    for name, data in record["args"].items():
        arg = entry.args.get(name)
        args[name] = _rule(type(arg))(data, name, context) if arg is not None else data
    fds = {name: _described(text) for name, text in (record.get("fds") or {}).items()}
    result = record["result"]
    if result is not None and "error" not in record:
        result = _result(entry.outcome, result, context)
    error = record.get("error")
    if error == "ERESTART_RESTARTBLOCK":  # to the program the same: EINTR where a handler runs
        result, error = -514, "ERESTARTNOHAND"
    return Canonical(record["name"], args, fds, result, error, not record.get("unfinished"))


def canonical_event(record: dict[str, Any]) -> dict[str, Data]:
    """The same for a record that is no call: times and places are left out."""
    shown: dict[str, Data] = {}
    for name, data in record.items():
        if name in ("tid", "parent", "sender"):
            shown[name] = Symbol("pid", data, data)
        elif name in ("address", "handler"):
            shown[name] = Symbol("addr", None, data) if data else data
        elif name not in ("time", "pid", "pc", "function", "file", "line", "sequence", "reason"):
            shown[name] = data
    return shown


def entry_of(record: dict[str, Any]) -> Syscall:
    """The table's entry for a record; for a call that this emu names differently, one that is only its name."""
    entry = lookup(record["number"])
    return entry if entry.name == record["name"] else lookup(getattr(numbers, record["name"], -1))


# By type of argument


def _structure(data: Data, name: str, context: Context) -> Data:
    """What shows as a number although it is no number could not be read: an address."""
    return pointer(data, context) if type(data) is int else members(data, context)


def _plain(data: Data, name: str, context: Context) -> Data:
    return data


def _address(data: Data, name: str, context: Context) -> Data:
    return pointer(data, context)


def _whole(kind: str) -> Rule:
    """All that the call has filled in is of this kind."""

    def rule(data: Data, name: str, context: Context) -> Data:
        if type(data) is int or data is None:
            return pointer(data, context)
        return Symbol(kind, None, data)

    return rule


def _pid(data: Data, name: str, context: Context) -> Data:
    if type(data) is int and data < -1:  # a process group
        return Text(("-", Symbol("pid", -data, -data)))
    return number("pid")(data, context)


def _pids(data: Data, name: str, context: Context) -> Data:
    """A pointer to the id of a thread."""
    if isinstance(data, list):
        return [number("pid")(item, context) for item in data]
    return _structure(data, name, context)


def _descriptor(data: Data, name: str, context: Context) -> Data:
    return _fd(data, context.objects.get(name), context)


def _fd(data: Data, number: Data, context: Context) -> Data:
    if type(data) is not int or data < 0:
        return data
    if type(number) is int:
        return Symbol("fd", number, data)
    return Symbol("closed", None, data)


def _descriptors(data: Data, name: str, context: Context) -> Data:
    """A set of them: poll's array, select's sets, what pipe and socketpair fill in."""
    objects = context.objects.get(name)
    if not isinstance(objects, dict):
        objects = {}
    if isinstance(data, dict) and data.keys() == {"fd", "events", "revents"}:
        return {**data, "fd": _fd(data["fd"], objects.get(str(data["fd"])), context)}
    if isinstance(data, dict):  # select's: given and left
        return {key: _descriptors(value, name, context) for key, value in data.items()}
    if isinstance(data, list):
        return [
            _fd(item, objects.get(str(item)), context)
            if type(item) is int
            else _descriptors(item, name, context)
            for item in data
        ]
    return pointer(data, context)


def _message(data: Data, name: str, context: Context) -> Data:
    """A message; descriptors that it carries (SCM_RIGHTS) are renamed."""
    if isinstance(data, list):
        return [_message(item, name, context) for item in data]
    if not isinstance(data, dict):
        return _structure(data, name, context)
    if data.get("cmsg_type") == "SCM_RIGHTS" and isinstance(data.get("cmsg_data"), list):
        return {**data, "cmsg_data": _descriptors(data["cmsg_data"], name, context)}
    return {
        key: _message(value, name, context) if isinstance(value, dict | list) else member(key, value, context)
        for key, value in data.items()
    }


def _handed_back(data: Data) -> Data:
    return Symbol("data", data, data) if type(data) is int else data


def _event(data: Data, name: str, context: Context) -> Data:
    if isinstance(data, list):
        return [_event(item, name, context) for item in data]
    if isinstance(data, dict) and "data" in data:
        return {**data, "data": _handed_back(data["data"])}
    return _structure(data, name, context)


def _given(data: Data, name: str, context: Context) -> Data:
    """A structure that the call reads: as any, but a time that is not a relative one in whole milliseconds is renamed."""
    if isinstance(data, dict) and data.keys() == {"it_interval", "it_value"}:
        return {member: _given(value, name, context) for member, value in data.items()}
    if not isinstance(data, dict) or data.keys() not in (set(Timespec.fields), set(Timeval.fields)):
        return _structure(data, name, context)
    rest = data.get("tv_nsec", data.get("tv_usec"))
    if (
        type(rest) is not int
        or rest % (1_000_000 if "tv_nsec" in data else 1000)
        or "TIMER_ABSTIME" in str(context.record["args"].get("flags"))
    ):
        return Symbol("time", None, data)
    return data


_TIMES = frozenset({"timespec", "timeval", "itimerspec", "itimerval", "tms", "rusage", "time_t"})
_HOST = frozenset({"sysinfo", "rlimit", "cpu", "node", "timezone"})


def _filled(data: Data, name: str, context: Context) -> Data:
    """A structure that the call fills in: clocks and facts of the host say nothing about the program."""
    arg = entry_of(context.record).args[name]
    layout = getattr(arg, "layout", None)
    if layout is not None and not (type(data) is int or data is None):
        if layout.name in _TIMES:
            return Symbol("time", None, data)
        if layout.name in _HOST:
            return Symbol("machine", None, data)
    if isinstance(data, list) and layout is types_threads.U64Word:  # a pointer or a size
        return [pointer(item, context) if type(item) is int and item > 0xFFFF else item for item in data]
    return _structure(data, name, context)


def _timeout(data: Data, name: str, context: Context) -> Data:
    return Symbol("time", None, data) if type(data) is int and data > 0 else data


def _futex_timeout(data: Data, name: str, context: Context) -> Data:
    return Symbol("time", None, data) if isinstance(data, dict | str) and data else data


_IDS = frozenset({"TIOCGPGRP", "TIOCSPGRP", "TIOCGSID", "FIOGETOWN", "SIOCGPGRP", "FIOSETOWN", "SIOCSPGRP"})


def _ioctl(data: Data, name: str, context: Context) -> Data:
    request = str(context.record["args"].get("request"))
    if request in _IDS and isinstance(data, list):
        return [number("pid")(item, context) for item in data]
    if request == "TIOCGPTN" and isinstance(data, list):
        return Symbol("machine", None, data)
    return _structure(data, name, context)


def _fcntl(data: Data, name: str, context: Context) -> Data:
    if context.record["args"].get("cmd") == "F_SETOWN":
        return _pid(data, name, context)
    return _either(data, name, context)


def _either(data: Data, name: str, context: Context) -> Data:
    """A number or an address, as the operation says."""
    return pointer(data, context) if type(data) is int and data > 0xFFFFFF else members(data, context)


_IN_PROC = re.compile(r"(?<=/proc/)\d+(?=/|$)|(?<=/task/)\d+(?=/|$)")


def _path(data: Data, name: str, context: Context) -> Data:
    if not isinstance(data, str):
        return _structure(data, name, context)
    cwd = context.cwd
    if cwd and (data == cwd or data.startswith(cwd + "/")):
        data = "." + data[len(cwd) :]
    return _with_symbols(data, _IN_PROC, "pid")


_RANDOM = frozenset({"/dev/urandom", "/dev/random"})


def _is_random(context: Context) -> bool:
    text = (context.record.get("fds") or {}).get("fd")
    return isinstance(text, str) and text in _RANDOM


def _vector(data: Data, name: str, context: Context) -> Data:
    if isinstance(data, list) and _is_random(context):
        return Symbol("random", None, data)
    return _structure(data, name, context)


_PROGRAMS = frozenset({"SO_ATTACH_FILTER", "SO_ATTACH_BPF", "SO_ATTACH_REUSEPORT_CBPF"})


def _option(data: Data, name: str, context: Context) -> Data:
    """The value of a socket option; a filter is given as a pointer to it."""
    if str(context.record["args"].get("optname")) in _PROGRAMS and isinstance(data, str):
        return Symbol("addr", None, data)
    return _structure(data, name, context)


def _filled_bytes(data: Data, name: str, context: Context) -> Data:
    """Random bytes; or what getcwd and readlink tell, with its NUL."""
    if not isinstance(data, int) and _is_random(context):
        return Symbol("random", None, data)
    if isinstance(data, str) and context.cwd and data.startswith(context.cwd):
        return "." + data[len(context.cwd) :]
    return _structure(data, name, context)


def _environment(data: Data, name: str, context: Context) -> Data:
    if not isinstance(data, dict):
        return pointer(data, context)
    return {**data, "address": pointer(data.get("address"), context)}


_RULES: dict[type, Rule] = {
    FdNumber: _descriptor,
    Pointer: _address,
    CString: _path,
    InBytes: _structure,
    OutBytes: _filled_bytes,
    types_files.OutIoVec: _vector,
    types_options.OptionIn: _option,
    types_volatile.RandomBytes: _whole("random"),
    types_volatile.ProcessId: _pid,
    types_volatile.Milliseconds: _timeout,
    types_files.OutPair: _descriptors,
    types_files.PageVector: _whole("machine"),
    types_ioctl.IoctlArgument: _ioctl,
    types_files.FcntlArgument: _fcntl,
    types_poll.PollFds: _descriptors,
    types_poll.FdSetArg: _descriptors,
    types_poll.EpollEventIn: _event,
    types_poll.EpollEventsOut: _event,
    types_net.MsgHdrIn: _message,
    types_net.MsgHdrOut: _message,
    types_net.MsgVectorIn: _message,
    types_net.MsgVectorOut: _message,
    InStruct: _given,
    OutStruct: _filled,
    types_threads.OutTid: _pids,
    types_threads.FutexTimeout: _futex_timeout,
    types_threads.FutexWord2: _address,
    types_threads.FutexValue3: _plain,
    types_prctl.PrctlArgument: _either,
    types_threads.InCpuMask: _whole("machine"),
    types_execute.EnvironmentVector: _environment,
    types_options.OptionName: _plain,
}
"""By declared type; a type without an entry takes that of what it is derived from."""


_chosen: dict[type[Arg], Rule] = {}  # a pure function's results


def _rule(kind: type[Arg]) -> Rule:
    rule = _chosen.get(kind)
    if rule is None:
        known = next((_RULES[base] for base in kind.__mro__ if base in _RULES), None)
        rule = _chosen[kind] = known or (_structure if kind.phase != "value" else _plain)
    return rule


def _result(outcome: Outcome, result: int, context: Context) -> Data:
    if outcome.is_fd and not (outcome.fd_when and "result" not in context.objects):
        return _fd(result, context.objects.get("result"), context)
    if isinstance(outcome, HexOutcome):
        return pointer(result, context)
    if isinstance(outcome, types_volatile.ProcessIdOutcome):
        return number("pid")(result, context)
    if isinstance(outcome, types_volatile.RegisterOutcome):
        if 0 < result <= 0xFFFFFF:  # what the interrupted call had answered, perhaps a pid
            return Symbol("machine", None, result)
        return _either(result, "result", context)
    if isinstance(outcome, types_volatile.TimeOutcome):
        return Symbol("time", None, result)
    if isinstance(outcome, types_volatile.HostOutcome):
        return Symbol("machine", None, result)
    if context.record["args"].get("cmd") == "F_GETOWN":
        return number("pid")(result, context)
    return result


# Texts

_AUTOBOUND_TEXT = re.compile(r"(?<=@)[0-9a-f]{5}\b")
_PORT = re.compile(r"(?<=:)\d+(?=$|<|-)")


def _described(text: Data) -> Data:
    """What a descriptor stood on, or an object of such by number: the texts alone, in a fixed order."""
    if isinstance(text, dict):
        return sorted((_described(value) for value in text.values() if value is not None), key=str)
    if isinstance(text, str) and text.startswith(("TCP", "UDP")):
        return _with_symbols(text, _PORT, "port")
    if isinstance(text, str) and text.startswith("UNIX"):
        return Text(tuple(_parts(text, _AUTOBOUND_TEXT, lambda name: Symbol("autobind", "\0" + name, name))))
    return text


def _with_symbols(text: str, pattern: re.Pattern[str], kind: str) -> Data:
    """A text whose matches are symbols; the plain text when there are none."""
    parts = tuple(_parts(text, pattern, lambda found: Symbol(kind, int(found), int(found))))
    return Text(parts) if len(parts) > 1 else text


def _parts(text: str, pattern: re.Pattern[str], symbol: Callable[[str], Symbol]) -> Iterator[str | Symbol]:
    end = 0
    for match in pattern.finditer(text):
        yield text[end : match.start()]
        yield symbol(match[0])
        end = match.end()
    yield text[end:]
