"""One system call in the hands of hooks: its arguments by name, to look at and to change, and ways to answer it."""

import errno
import importlib
from collections.abc import Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from syscalls.args import Arg, Flags, InBytes, OutBytes
from syscalls.data import Cut, plain
from syscalls.flags import Map, Prot
from syscalls.process import Thread
from syscalls.table import Syscall, convert

if TYPE_CHECKING:
    from emu.bench import Bench

_WORD = 1 << 64
_LENT_FROM = 0x1_0000_0000
"""Where memory for replaced buffers is looked for: above programs, below the stack and what mmap chooses."""
_PAGE = 4096


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
        return str(self.thread.process.places.text(self.pc))

    def fail(self, error: str | int) -> int:
        """The answer that is this error, by name or number, for `return call.fail("EPIPE")`. Raises ValueError."""
        number = getattr(errno, error, None) if isinstance(error, str) else abs(error)
        if not isinstance(number, int) or not 0 < number < 4096:
            raise ValueError(f"{error!r} is no errno{nearest(str(error), errno.errorcode.values())}")
        self.result = -number
        return -number

    def fill(self, data: bytes, argument: str | None = None) -> int:
        """Stores `data` in the buffer that the call fills, and answers with its length: `return call.fill(b"hello")`.

        `argument` names the buffer where a call has several. Raises ValueError for data that is larger than the guest's buffer.
        """
        names = [name for name, arg in self.syscall.args.items() if isinstance(arg, OutBytes)]
        if not names:
            raise ValueError(
                f"{self.name} fills no buffer of its own: write to the guest's memory with call.memory.write"
            )
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
        if type(arg).given is not Arg.given and self.result is None:  # what the call reads and will overwrite
            used = [self._value(other) for other in arg.uses if other != "result"]
            return plain(arg.given(self.thread, value, *used)) if value else None
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

    def return_lent(self) -> None:
        """The call is over: memory that stood in for the guest's buffers goes."""
        for address, size in self._lent:
            self.memory.unmap(address, size)
        self._lent.clear()


def nearest(name: str, known: Iterable[str]) -> str:
    """`: did you mean 'sendto'?`, or nothing when no name is near."""
    difflib = importlib.import_module("difflib")  # here: it would be a part of every start-up
    found = difflib.get_close_matches(name, list(known), 1)
    return f": did you mean {found[0]!r}?" if found else ""


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
                raise ValueError(f"{word!r} is no such flag{nearest(word, known)}") from None
        value |= constant
    return value
