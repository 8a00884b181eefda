"""Hooks: Python functions that see a guest's system calls, before the kernel does and after, and may change them.

A hooked call has an entry of its own in the dispatcher's table, so a call without hooks pays nothing. What a hook does
shows in the trace: the record of a call tells what the guest asked for and what it got, and an event `hook` beside it
tells who stood between.
"""

import errno
import functools
import importlib
from collections.abc import Callable, Generator, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, Literal

from syscalls import numbers
from syscalls.args import Arg, Cut, Flags, InBytes, OutBytes, plain
from syscalls.flags import Map, Prot
from syscalls.process import Thread
from syscalls.table import Syscall, convert, lookup
from syscalls.wait import Exit, Wait, Wake, Yield

if TYPE_CHECKING:
    from emu.bench import Bench

When = Literal["before", "after"]

Hook = Callable[["Call"], object]
"""Called with the `Call`; a number that it returns is the call's result, None changes nothing."""

NEVER_RETURN = frozenset({numbers.exit, numbers.exit_group})

_WORD = 1 << 64
_LENT_FROM = 0x1_0000_0000
"""Where memory for replaced buffers is looked for: above programs, below the stack and what mmap chooses."""
_PAGE = 4096


class HookFailed(Exception):
    """Carries what a hook raised through the dispatcher, which takes an OSError for an answer to the guest."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Arguments(MutableMapping[str, Any]):
    """The arguments of a call by the names of its man page, decoded when they are looked at.

    Reading gives what the trace would show, with bytes as `bytes` and whole: numbers, names of flags, structures as
    dictionaries; a pointer to what the call has not filled yet is its address, NULL is None. Storing a number changes the
    register. Storing bytes for a buffer that the call reads makes it read those instead (the guest's own buffer stays as it
    is); for one that the call has filled, in a hook after it, it overwrites the guest's buffer. Storing the text of flags
    sets them.
    """

    def __init__(self, call: "Call") -> None:
        self._call = call

    def __getitem__(self, name: str) -> Any:
        return self._call._decoded(name)

    def __setitem__(self, name: str, value: object) -> None:
        self._call._change(name, value)

    def __delitem__(self, name: str) -> None:
        raise TypeError("a system call has all its arguments")

    def __iter__(self) -> Iterator[str]:
        return iter(self._call.syscall.args)

    def __len__(self) -> int:
        return len(self._call.syscall.args)

    def __repr__(self) -> str:
        return repr(dict(self))


class Call:
    """One system call in the hands of hooks.

    `thread` is the calling thread, `name` and `number` the call's, `registers` its six arguments as unsigned 64-bit numbers
    (a list: change them), `args` the same by name. `result` is None before the call, then what the guest will get: a value
    or minus an errno number. `answered` says that a hook stood in for the kernel.
    """

    def __init__(self, bench: "Bench", thread: Thread, syscall: Syscall, registers: tuple[int, ...]) -> None:
        self.thread = thread
        self.syscall = syscall
        self.name = syscall.name
        self.number = syscall.number
        self.registers = list(registers)
        self.args = Arguments(self)
        self.result: int | None = None
        self.answered = False
        self.pc = bench.cpu.pc - 2
        self._bench = bench
        self._lent: list[tuple[int, int]] = []

    @property
    def memory(self) -> Any:
        """The guest's memory: `read(address, size)`, `write(address, data)`, `cstring(address)`, `u32`, `u64`..."""
        return self.thread.memory

    @property
    def error(self) -> str | None:
        """The name of the errno that the guest gets, None when it gets a value (or nothing yet)."""
        if self.result is None or not -4096 < self.result < 0:
            return None
        return errno.errorcode.get(-self.result, str(-self.result))

    @property
    def place(self) -> str:
        """Where in the guest's source the call is made, as far as that is known: `main (server.py:42)`."""
        return self._bench.locate.text(self.pc)

    def fail(self, error: str | int) -> int:
        """The answer that is this error, by name or number, for `return call.fail("EPIPE")`. Raises ValueError."""
        number = getattr(errno, error, None) if isinstance(error, str) else abs(error)
        if not isinstance(number, int) or not 0 < number < 4096:
            raise ValueError(f"{error!r} is no errno{_nearest(str(error), errno.errorcode.values())}")
        self.result = -number
        return -number

    def fill(self, data: bytes, argument: str | None = None) -> int:
        """Stores `data` in the buffer that the call fills, and answers with its length: `return call.fill(b"hello")`.

        `argument` names the buffer where a call has several. Raises ValueError for data that is larger than the guest's buffer.
        """
        names = [name for name, arg in self.syscall.args.items() if isinstance(arg, OutBytes)]
        if argument is None and len(names) != 1:
            raise ValueError(f"{self.name} fills {len(names)} buffers ({', '.join(names)}): name one")
        name = argument or names[0]
        self._store(name, data)
        self.result = len(data)
        return len(data)

    def __repr__(self) -> str:
        args = ", ".join(f"{name}={value!r}" for name, value in self.args.items())
        shown = "" if self.result is None else f" = {self.error or self.result}"
        return f"<{self.name}({args}){shown} in thread {self.thread.tid}>"

    # What `Arguments` does

    def _entry(self, name: str) -> tuple[int, Arg]:
        args = self.syscall.args
        if name not in args:
            raise KeyError(f"{self.name} has no argument {name!r}: it has {', '.join(args) or 'none'}")
        return list(args).index(name), args[name]

    def _value(self, name: str) -> int:
        if name == "result":
            return -1 if self.result is None else self.result
        index, arg = self._entry(name)
        return convert(arg, self.registers[index])

    def _decoded(self, name: str) -> Any:
        _, arg = self._entry(name)
        value = self._value(name)
        if arg.phase == "value":
            return arg.data(value)
        if arg.phase == "out" and (self.result is None or self.result < 0):
            return value or None
        if isinstance(arg, InBytes | OutBytes) and value:
            try:
                return self.memory.read(value, max(self._value(arg.uses[0]), 0))
            except OSError:
                return value
        data = plain(arg.capture(self.thread, value, *[self._value(other) for other in arg.uses]))
        if isinstance(data, Cut):
            return self.memory.read(value, data.size)
        return data

    def _change(self, name: str, value: object) -> None:
        index, arg = self._entry(name)
        if isinstance(value, bytes | bytearray | memoryview):
            if isinstance(arg, OutBytes) and self.result is not None:
                self._store(name, bytes(value))
            elif arg.phase == "in" and arg.holds_bytes:
                data = bytes(value)
                self.registers[index] = self._lend(data if arg.uses else data + b"\0")
                if arg.uses:
                    self.registers[self._entry(arg.uses[0])[0]] = len(data)
            else:
                raise TypeError(f"{name} of {self.name} takes no bytes{self._why_no_bytes(arg)}")
        elif isinstance(value, str) and isinstance(arg, Flags):
            self.registers[index] = _flags(arg, value) % _WORD
        elif value is None:
            self.registers[index] = 0
        elif isinstance(value, int):
            self.registers[index] = int(value) % _WORD
        else:
            raise TypeError(f"{name} of {self.name} cannot be {value!r}")

    def _why_no_bytes(self, arg: Arg) -> str:
        if isinstance(arg, OutBytes):
            return " before the call: return call.fill(data) to answer with data"
        return ": it is no buffer; write to its address with call.memory.write"

    def _store(self, name: str, data: bytes) -> None:
        """Into a buffer that the call fills. Raises ValueError where it does not fit, OSError (EFAULT)."""
        index, arg = self._entry(name)
        if not isinstance(arg, OutBytes):
            raise ValueError(f"{name} of {self.name} is no buffer that the call fills")
        room = self._room(index)
        if len(data) > room:
            raise ValueError(f"{len(data)} bytes do not fit {name} of {self.name}: it has room for {room}")
        self.memory.write(self.registers[index], data)

    def _room(self, index: int) -> int:
        """The size of a buffer: in the kernel's calls it stands behind it."""
        return self.registers[index + 1] if index + 1 < 6 else 0

    def _lend(self, data: bytes) -> int:
        """The address of memory that holds `data` until the call has returned. Raises OSError (ENOMEM)."""
        memory = self.memory
        size = -(-max(len(data), 1) // _PAGE) * _PAGE
        address = _LENT_FROM
        while memory.regions.parts(address, address + size):
            address += size
        flags = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_FIXED
        memory.map(address, size, Prot.PROT_READ | Prot.PROT_WRITE, flags, name="[hook]")
        self._lent.append((address, size))
        memory.write(address, data)
        return address

    def _return_lent(self) -> None:
        for address, size in self._lent:
            self.memory.unmap(address, size)
        self._lent.clear()


class Hooks:
    """The hooks of one machine, and their place in its dispatcher."""

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench
        self._before: dict[int, tuple[Hook, ...]] = {}
        self._after: dict[int, tuple[Hook, ...]] = {}

    def add(self, names: tuple[str | int, ...], function: Hook, when: When) -> None:
        """Enters a hook behind those that are there. Raises ValueError."""
        if when not in ("before", "after"):
            raise ValueError(f'when is "before" or "after", not {when!r}')
        if not callable(function):
            raise TypeError(f"a hook is a function, not {function!r}")
        found = [number_of(name) for name in names]
        if not found:
            raise ValueError("name the call to hook: machine.on('sendto')")
        table = self._before if when == "before" else self._after
        for number in found:
            if when == "after" and number in NEVER_RETURN:
                raise ValueError(f"{lookup(number).name} never returns: nothing comes after it")
        for number in found:
            table[number] = (*table.get(number, ()), function)
            self._bench.dispatcher.calls[number] = functools.partial(self._serve, lookup(number))

    def remove(self, names: tuple[str | int, ...], function: Hook | None) -> None:
        """Takes out a function (None: all) from the calls named (none: from all). Raises ValueError if it was nowhere."""
        numbers_ = [number_of(name) for name in names] or [*self._before, *self._after]
        removed = False
        for table in (self._before, self._after):
            for number in numbers_:
                kept = tuple(hook for hook in table.get(number, ()) if function not in (None, hook))
                removed |= len(kept) != len(table.pop(number, ()))
                if kept:
                    table[number] = kept
        for number in numbers_:
            if number not in self._before and number not in self._after:
                self._bench.dispatcher.calls.pop(number, None)  # the table finds its own again
        if not removed:
            raise ValueError(f"{_name(function)} is not hooked there" if function else "no hook is there")

    # In the guest's way

    def _serve(self, syscall: Syscall, thread: Thread, *registers: int) -> Any:
        """Stands in the dispatcher's table: what a handler may answer."""
        call = Call(self._bench, thread, syscall, registers)
        waits = False
        try:
            answer = self._ask(call)
            waits = isinstance(answer, Generator)
            if waits:
                return self._waiting(call, answer)
            if isinstance(answer, Exit):
                return answer
            if isinstance(answer, Yield):
                call.result = answer.result
                return Yield(self._finish(call))
            call.result = answer
            return self._finish(call)
        finally:
            if not waits:
                call._return_lent()

    def _ask(self, call: Call) -> Any:
        """What the hooks before the call answer, or else the kernel."""
        for hook in self._before.get(call.number, ()):
            given = list(call.registers)
            self._run(hook, call)
            if call.result is not None:
                call.answered = True
                self._tell(call, hook, "answered")
                return call.result
            if call.registers != given:
                self._tell(call, hook, "changed the arguments")
        try:
            return self._kernel(call)
        except OSError as error:
            return _negative(error)

    def _kernel(self, call: Call) -> Any:
        """What answers where no hook does."""
        if call.syscall.support == "missing":
            self._bench.missing(call.syscall, call.pc)
        return call.syscall.call(call.thread, *call.registers)

    def _waiting(self, call: Call, blocking: Generator[Wait, Wake, Any]) -> Generator[Wait, Wake, Any]:
        """A call that waits; what comes after it comes when it has returned."""
        try:
            try:
                answer = yield from blocking
            except OSError as error:
                answer = _negative(error)
            if isinstance(answer, Exit):
                return answer
            call.result = answer
            return self._finish(call)
        finally:
            call._return_lent()

    def _finish(self, call: Call) -> int:
        """After the call: its result, as the hooks leave it."""
        for hook in self._after.get(call.number, ()):
            given = call.result
            self._run(hook, call)
            if call.result is None:
                call.result = given
            if call.result != given:
                self._tell(call, hook, "changed the result")
        assert call.result is not None
        return call.result

    def _run(self, hook: Hook, call: Call) -> None:
        try:
            answer = hook(call)
            if answer is not None:
                call.result = answer  # type: ignore[assignment]
            if call.result is not None:
                call.result = _checked(call.result)
        except Exception as error:
            place = f" at {call.place}" if call.place else ""
            error.add_note(
                f"in the hook {_name(hook)} on {call.name}, which thread {call.thread.tid} called{place}"
            )
            if isinstance(error, OSError):
                error.add_note('To answer the guest with an error: return call.fail("EPIPE")')
            raise HookFailed(error) from None

    def _tell(self, call: Call, hook: Hook, what: str) -> None:
        """Puts the event into the trace."""
        dispatcher = self._bench.dispatcher
        if dispatcher.sink is not None:
            dispatcher.sink.event(
                {
                    "event": "hook",
                    "time": dispatcher.now(),
                    "pid": call.thread.process.pid,
                    "tid": call.thread.tid,
                    "sequence": dispatcher.serving,
                    "name": call.name,
                    "hook": _name(hook),
                    "action": what,
                }
            )


def number_of(name: str | int) -> int:
    """The number of a system call; also of one that emu does not implement. Raises ValueError with the nearest name."""
    if isinstance(name, int):
        return name
    for number, known in numbers.NAMES.items():
        if known == name:
            return number
    raise ValueError(f"{name!r} is not a system call{_nearest(name, numbers.NAMES.values())}")


def _nearest(name: str, known: Any) -> str:
    difflib = importlib.import_module("difflib")  # here: it would be a part of every start-up
    found = difflib.get_close_matches(name, list(known), 1)
    return f": did you mean {found[0]!r}?" if found else ""


def _name(hook: Hook | None) -> str:
    return str(getattr(hook, "__qualname__", None) or type(hook).__name__)


def _checked(result: object) -> int:
    """What the guest can get in rax, signed. Raises TypeError, ValueError."""
    if not isinstance(result, int):
        raise TypeError(f"a hook returns a number (minus an errno for an error) or None, not {result!r}")
    if not -(1 << 63) <= result < _WORD:
        raise ValueError(f"{result} does not fit the register of a result")
    return int(result) - (_WORD if result >> 63 > 0 else 0)


def _negative(error: OSError) -> int:
    if error.errno is None:
        raise error  # not an answer to the guest but a fault of the bench
    return -error.errno


def _flags(arg: Flags, text: str) -> int:
    """The word of flags that the text names. Raises ValueError."""
    value = 0
    for word in filter(None, (part.strip() for part in text.split("|"))):
        constant = getattr(arg.names, word, None)
        if not isinstance(constant, int):
            try:
                constant = int(word, 0)
            except ValueError:
                known = [name for name in dir(arg.names) if name.isupper()]
                raise ValueError(f"{word!r} is no such flag{_nearest(word, known)}") from None
        value |= constant
    return value
