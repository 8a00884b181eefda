"""The table of system calls: `@syscall` on an annotated function declares one, completely.

Number (by the function's name), conversion of the registers, trace text, JSON and documentation come from the
signature. The code for the hot path is generated from it once, when the table is first used: `call` converts only what
must be converted, `before` and `after` exist only where memory must be captured, `members` makes a record's arguments
without looking at any type.
"""

import errno
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints, overload

from syscalls import numbers
from syscalls.args import Arg, FdNumber, Undeclared
from syscalls.data import Data, Holding, jsonable, plain
from syscalls.describe import NOTHING, describe
from syscalls.outcomes import Outcome
from syscalls.refused import REFUSED, Refusal
from syscalls.wait import Result

if TYPE_CHECKING:
    from syscalls.process import Thread

TABLE: dict[int, "Syscall"] = {}
"""Every implemented call by number."""


class Record(NamedTuple):
    """One system call that has happened: what the trace is made from. Made as a plain tuple on the hot path.

    Times are nanoseconds since the start of the run. `before` and `after` hold what `Syscall.before` and
    `Syscall.after` captured. `result` is None for a call that was still in progress when the run ended. `extra` is what
    few records have: "woken_by", "stack" (return addresses, innermost first).
    """

    sequence: int
    time: int
    duration: int
    blocked: int
    thread: "Thread"
    syscall: "Syscall"
    registers: tuple[int, int, int, int, int, int]
    result: int | None
    pc: int
    before: tuple[Data, ...]
    after: tuple[Data, ...]
    extra: dict[str, Any] | None = None


class Syscall:
    """One declared call.

    `call(thread, r0, ..., r5)` runs the handler on converted registers. `before(thread, r0, ..., r5)` and
    `after(thread, r0, ..., r5, result)` capture what memory held, or are None where there is nothing to capture.
    `members(registers, before, after)` gives the record's `args`, `fds` and `objects` members (`syscalls.args.jsonable`).
    """

    name: str
    number: int
    args: dict[str, Arg]
    outcome: Outcome
    call: Callable[..., Result]
    before: Callable[..., tuple[Data, ...]] | None
    after: Callable[..., tuple[Data, ...]] | None
    members: Callable[..., tuple[dict[str, Data], dict[str, Data] | None, dict[str, Data] | None]]

    def __init__(self, handler: Callable[..., Result], support: str) -> None:
        self.handler = handler
        self.name = handler.__name__.strip("_")
        self.number = getattr(numbers, self.name)
        self.family = handler.__module__.rpartition(".")[2]
        self.support = support
        self.is_absent = False
        """Whether it is refused, or nobody implements it."""
        self.refusal: Refusal | None = None

    def __getattr__(self, name: str) -> Any:
        # Start-up time: signatures are read and code is generated for the calls that a guest really makes.
        if name in ("args", "outcome"):
            self.args, self.outcome = _signature(self.handler)
        elif name in ("call", "before", "after", "members"):
            setattr(self, name, getattr(_Generator(self), name)())
        else:
            raise AttributeError(name)
        return self.__dict__[name]

    @property
    def doc(self) -> str:
        """The handler's docstring."""
        return inspect.getdoc(self.handler) or ""

    def decode(self, record: Record) -> dict[str, Data]:
        """The arguments by name, as data."""
        captured = {"in": list(record.before), "out": list(record.after)}
        given = list(record.before)[-sum(arg.is_given for arg in self.args.values()) :]
        shown: dict[str, Data] = {}
        for index, (name, arg) in enumerate(self.args.items()):
            if arg.phase == "value":
                shown[name] = arg.data(convert(arg, record.registers[index]))
            elif arg.is_given:
                filled = captured["out"].pop(0) if captured["out"] else None
                shown[name] = plain(arg.merged(given.pop(0), filled))
            elif captured[arg.phase]:
                data = captured[arg.phase].pop(0)
                shown[name] = plain(data)
            else:  # not returned: nothing was filled
                shown[name] = record.registers[index] or None
        return shown


def _refusing(error: int) -> Callable[..., Result]:
    def refused(
        thread: object,
        arg0: Undeclared,
        arg1: Undeclared,
        arg2: Undeclared,
        arg3: Undeclared,
        arg4: Undeclared,
        arg5: Undeclared,
    ) -> Result:
        """A call that no handler is declared for."""
        return -error

    return refused


class Missing(Syscall):
    """A number without a handler: shows its raw arguments, and answers as `syscalls.refused` says, or ENOSYS where nothing is
    said. `name` is `syscall_0x...` for no call at all."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = numbers.NAMES.get(number, f"syscall_{number:#x}")
        self.refusal = REFUSED.get(self.name)
        self.handler = _refusing(self.refusal.error if self.refusal else errno.ENOSYS)
        self.family = self.support = "refused" if self.refusal else "missing"
        self.is_absent = True


_MISSING: dict[int, Missing] = {}


def lookup(number: int) -> Syscall:
    """The entry of any number; a `Missing` for one that TABLE lacks."""
    entry = TABLE.get(number) or _MISSING.get(number)
    if entry is None:
        entry = Missing(number)
        if len(_MISSING) < 1024:  # a guest chooses the numbers
            _MISSING[number] = entry
    return entry


def convert(arg: Arg, register: int) -> int:
    """The C value of an unsigned 64-bit register."""
    return int(eval(arg.conversion.format(register), {}))


_Handler = TypeVar("_Handler", bound=Callable[..., Result])


@overload
def syscall(handler: _Handler) -> _Handler: ...
@overload
def syscall(*, partial: str) -> Callable[[_Handler], _Handler]: ...
def syscall(handler: Callable[..., Result] | None = None, *, partial: str = "") -> Any:
    """Declares the decorated function as the handler of the call of its name.

    The first parameter is the calling thread; the others are the call's arguments, annotated with `syscalls.args`. A name
    that Python reserves is written with a trailing underscore. `partial` says what is missing, for the support table.
    """

    def declare(function: Callable[..., Result]) -> Callable[..., Result]:
        entry = Syscall(function, partial or "full")
        if entry.number in TABLE:
            raise ValueError(f"{entry.name} is declared twice")
        TABLE[entry.number] = entry
        return function

    return declare(handler) if handler is not None else declare


def _signature(handler: Callable[..., Any]) -> tuple[dict[str, Arg], Outcome]:
    hints = get_type_hints(handler, include_extras=True)
    result = hints.pop("return", None)
    outcome = Outcome()
    if get_origin(result) is not None:
        outcome = next((extra for extra in get_args(result)[1:] if isinstance(extra, Outcome)), outcome)
    args: dict[str, Arg] = {}
    for name in list(inspect.signature(handler).parameters)[1:]:
        found = [extra for extra in get_args(hints[name]) if isinstance(extra, Arg)]
        if len(found) != 1:
            raise TypeError(f"{handler.__name__}: parameter {name!r} needs one type of syscalls.args")
        args[name.rstrip("_")] = found[0]
    return args, outcome


_REGISTERS = ", ".join(f"r{index}" for index in range(6))


class _Generator:
    """Writes the functions of one call as Python source and compiles them."""

    def __init__(self, entry: Syscall) -> None:
        self.entry = entry
        self.names = list(entry.args)
        self.scope: dict[str, Any] = {
            "handler": entry.handler,
            "describe": describe,
            "jsonable": jsonable,
            "Holding": Holding,
            "NOTHING": NOTHING,
        }
        for index, arg in enumerate(entry.args.values()):
            self.scope[f"arg{index}"] = arg
            self.scope[f"capture{index}"] = arg.capture
            self.scope[f"given{index}"] = arg.given
            self.scope[f"merged{index}"] = arg.merged
            self.scope[f"cache{index}"] = arg.data_cache()

    def _compile(self, name: str, parameters: str, body: str) -> Callable[..., Any]:
        source = f"def {name}({parameters}):\n    {body}\n"
        exec(compile(source, f"<{self.entry.name}: {name}>", "exec"), self.scope)
        function: Callable[..., Any] = self.scope[name]
        return function

    def _value(self, name: str) -> str:
        if name == "result":
            return "result"
        index = self.names.index(name)
        return "(" + self.entry.args[name].conversion.format(f"r{index}") + ")"

    def _capture(self, index: int, how: str = "capture") -> str:
        name = self.names[index]
        uses = [other for other in self.entry.args[name].uses if how == "capture" or other != "result"]
        used = "".join(f", {self._value(other)}" for other in uses)
        captured = f"{how}{index}(thread, {self._value(name)}{used})"
        if how == "given":  # usually NULL: without a call, then
            captured = f"{captured} if r{index} else None"
        return f"{captured}, "

    def call(self) -> Callable[..., Any]:
        values = "".join(f", {self._value(name)}" for name in self.names)
        return self._compile("call", f"thread, {_REGISTERS}", f"return handler(thread{values})")

    def before(self) -> Callable[..., Any] | None:
        args = list(self.entry.args.values())
        parts = [self._capture(i) for i, arg in enumerate(args) if arg.phase == "in"]
        parts += [
            f"describe(thread, {self._value(self.names[i])}), "
            for i, arg in enumerate(args)
            if isinstance(arg, FdNumber)
        ]
        parts += [self._capture(i, "given") for i, arg in enumerate(args) if arg.is_given]
        if not parts:
            return None
        return self._compile("before", f"thread, {_REGISTERS}", f"return ({''.join(parts)})")

    def after(self) -> Callable[..., Any] | None:
        parts = [self._capture(i) for i, arg in enumerate(self.entry.args.values()) if arg.phase == "out"]
        outcome = self.entry.outcome
        if outcome.is_fd:
            when = outcome.fd_when.format(**{name: self._value(name) for name in self.names})
            parts.append(f"describe(thread, result){f' if {when} else NOTHING' if when else ''}, ")
        if not parts:
            return None
        return self._compile("after", f"thread, {_REGISTERS}, result", f"return ({''.join(parts)})")

    def members(self) -> Callable[..., Any]:
        fields: list[str] = []
        fds: list[str] = []
        objects: list[str] = []
        held: list[str] = []
        counts = {"in": 0, "out": 0}
        args = list(self.entry.args.items())
        fd_at = sum(arg.phase == "in" for _, arg in args)
        given_at = fd_at + sum(isinstance(arg, FdNumber) for _, arg in args)
        for index, (name, arg) in enumerate(args):
            if arg.phase == "value":
                shown = self._value(name)
                if self.scope[f"cache{index}"] is not None:
                    shown = f"cache{index}[{shown}]"
                elif arg.data_form:
                    shown = arg.data_form.format(shown)
            else:
                source = "before" if arg.phase == "in" else "after"
                captured = f"{source}[{counts[arg.phase]}]"
                counts[arg.phase] += 1
                if arg.is_given:
                    held.append(
                        f"both{index} = merged{index}(before[{given_at}], {captured} if after else None) if before else None"
                    )
                    given_at += 1
                    captured, source = f"both{index}", "before"
                shown = f"({captured}.decode('latin-1') if {captured}.__class__ is bytes else jsonable({captured}))"
                if arg.phase == "out" and not arg.is_given:
                    shown = f"({shown} if after else r{index} or None)"
                if arg.holds_fds:
                    is_held = f"{source} and isinstance({captured}, Holding)"
                    held.append(f"held{index} = {captured}.described() if {is_held} else (None, None)")
                    fds.append(f'"{name}": held{index}[0]')
                    objects.append(f'"{name}": held{index}[1]')
            fields.append(f'"{name}": {shown}')
            if isinstance(arg, FdNumber):
                fds.append(f'"{name}": before[{fd_at}].text')
                objects.append(f'"{name}": before[{fd_at}].number')
                fd_at += 1
        lines = [f"{_REGISTERS} = registers", *held, f"args = {{{', '.join(fields)}}}"]
        if self.entry.outcome.is_fd:
            lines.append("if after and after[-1].text:")
            made = ['"result": after[-1].text'], ['"result": after[-1].number']
            lines.append(f"    return args, {_dict(fds + made[0])}, {_dict(objects + made[1])}")
        lines.append(f"return args, {_dict(fds)}, {_dict(objects)}")
        return self._compile("members", "registers, before, after", "\n    ".join(lines))


def _dict(items: list[str]) -> str:
    return "{" + ", ".join(items) + "}" if items else "None"
