"""Argument types: how a register becomes a C value, and how that value is shown in a trace.

A handler's parameters are annotated with these (through `typing.Annotated`, so that mypy sees an int). A handler always
receives the plain C value: a descriptor number, a flag word, a guest address. Reading memory is the handler's own
affair, in the order in which Linux does it; the types read memory only to show it.

What a type shows is *data*: plain values that JSON can hold, bytes, or `Cut`. NULL is None; a pointer that cannot be
read shows as its number, and never breaks the trace.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from syscalls.data import UNUSED, Cut, Data, Deferred, json_text, jsonable
from syscalls.outcomes import FdOutcome, HexOutcome, OctalOutcome, ReadyOutcome
from syscalls.structs import Layout
from syscalls.text import strace_text
from syscalls.wait import Result as _Result

if TYPE_CHECKING:
    from syscalls.process import Thread

PAYLOAD_LIMIT = 1024
"""How many bytes of a buffer a record keeps, unless the process says otherwise."""

PATH_MAX = 4096
"""How many bytes of a path it keeps: a longer one is none (limits.h)."""

_USUAL_PATH = 256

STRUCT_LIMIT = 64
"""How many elements of an array of structures (iovec, pollfd, epoll_event) a record keeps."""


class _DataCache(dict[int, Data]):
    """Value to data, computed once; bounded, because a guest chooses the values."""

    def __init__(self, make: Callable[[int], Data]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, value: int) -> Data:
        data = self._make(value)
        if len(self) < 4096:
            self[value] = data
        return data


class Arg:
    """An argument whose value is the register itself: u64.

    `conversion` is an expression over `{0}`, the register as an unsigned 64-bit number. `phase` says when there is
    something to capture from memory: "value" never, "in" before the handler runs, "out" after it returned. `uses` names
    the parameters (or "result") whose values `capture` gets after the argument's own.
    """

    conversion: ClassVar[str] = "{0}"
    phase: ClassVar[str] = "value"
    uses: tuple[str, ...] = ()
    holds_fds: ClassVar[bool] = False
    """Whether `capture` gives `Holding` data, and `text` takes a second argument: number to text of the open ones."""
    holds_bytes: ClassVar[bool] = False
    """Whether text that this shows (when it shows text and no structure) is bytes, not names."""
    holds_strings: ClassVar[bool] = False
    """Whether the text in a list that this shows is bytes."""
    is_cut: ClassVar[bool] = True
    """Whether long strings in the text may be cut; names of files never are."""
    is_given: ClassVar[bool] = False
    """For the phase "out": whether the call reads the memory, too. `given` captures before the call, `merged` joins both."""
    label: ClassVar[str] = ""
    """What stands before the text: `flags=`."""
    place: ClassVar[int] = 0
    """Where the text stands among others that have a place, when that is not the order of the registers."""
    data_form: ClassVar[str] = ""
    """For plain values: an expression over `{}`, the C value, that gives the same as `data`, only quicker."""

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        """The data to show; only called in the phases "in" and "out". Must not raise."""
        raise NotImplementedError

    def given(self, thread: "Thread", value: int, *used: int) -> Data:
        """What memory holds before the call, for `merged`. `used` without the result. Must not raise."""
        raise NotImplementedError

    def merged(self, given: Data, filled: Data) -> Data:
        """The data of what `given` and `capture` have captured; `filled` is None when the call did not return."""
        raise NotImplementedError

    def data(self, value: int) -> Data:
        """The data to show for a plain value."""
        return value

    def text(self, data: Data) -> str:
        """The data as strace prints it."""
        return strace_text(data)

    def text_among(self, data: Data, args: Mapping[str, Data]) -> str:
        """The same, for a type whose text depends on other arguments; `args` is the call's data by name."""
        return self.text(data)

    def aside(self, data: Data, result: int) -> str:
        """What stands in parentheses behind the result of a call that has succeeded: `[{fd=4, revents=POLLIN}]`."""
        return ""

    def data_cache(self) -> dict[int, Data] | None:
        """For plain values that do not show as the number itself: value to data, as JSON has it."""
        if type(self).data is Arg.data or self.data_form:
            return None
        return _DataCache(lambda value: jsonable(self.data(value)))


class Signed32(Arg):
    """int."""

    # The usual small number is told by one comparison; the rest takes three operations on long integers.
    conversion = "({0} if {0} < 0x80000000 else (({0} & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000)"


class Unsigned32(Arg):
    """unsigned int, mode_t, uid_t."""

    conversion = "{} & 0xFFFFFFFF"


class Signed64(Arg):
    """long, off_t, ssize_t."""

    conversion = "(({} ^ 0x8000000000000000) - 0x8000000000000000)"


class Unsigned64(Arg):
    """unsigned long, size_t."""


class FdNumber(Signed32):
    """A descriptor: the record also says what it stands on."""


class DirFdNumber(FdNumber):
    """A directory descriptor or AT_FDCWD."""

    def data(self, value: int) -> Data:
        return "AT_FDCWD" if value == -100 else value

    def text(self, data: Data) -> str:
        return str(data)


class Unused(Arg):
    """A register that the call does not look at on x86_64."""

    data_form = "''"

    def data(self, value: int) -> Data:
        return UNUSED

    def text(self, data: Data) -> str:
        return UNUSED


class Used(Arg):
    """An argument that the call looks at only when some bit of the flags in another one is set; UNUSED otherwise."""

    phase = "in"

    def __init__(self, arg: Arg, flags: str, bits: int) -> None:
        self.arg = arg
        self.bits = bits
        self.uses = (flags,)
        self.conversion = arg.conversion  # type: ignore[misc]

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        return self.arg.data(value) if used[0] & self.bits else UNUSED

    def text(self, data: Data) -> str:
        return self.arg.text(data) if data != UNUSED else UNUSED


class Pointer(Arg):
    """An address that is shown as a number only."""

    data_form = "{} or None"

    def data(self, value: int) -> Data:
        return value or None

    def text(self, data: Data) -> str:
        return "NULL" if data is None else hex(data)


class Raw(Pointer):
    """A register of a call that is not declared: whether it is an address, a number or left over is not known."""

    data_form = "{}"

    def data(self, value: int) -> Data:
        return value

    def text(self, data: Data) -> str:
        return hex(data) if data else "0"


class Flags(Arg):
    """A word of flags, or one of several names, from a `syscalls.flags` set."""

    def __init__(self, names: type[Any], signed: bool = True) -> None:
        self.names = names

    conversion = Signed32.conversion

    def data(self, value: int) -> Data:
        return self.names.text(value)

    def text(self, data: Data) -> str:
        return str(data)


class Flags64(Flags):
    """A 64-bit word of flags (clone, madvise's size_t cousins)."""

    conversion = "{}"


class Octal(Unsigned32):
    """mode_t, shown in octal."""

    def data(self, value: int) -> Data:
        return f"0{value:o}".rjust(3, "0")

    def text(self, data: Data) -> str:
        return str(data)


class CString(Arg):
    """A NUL-terminated path or name, read before the call."""

    holds_bytes = True
    is_cut = False
    phase = "in"

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        memory = thread.memory
        for limit in (_USUAL_PATH, PATH_MAX):
            size = memory.readable(value, limit)
            head = memory.read(value, size) if size else b""
            end = head.find(b"\0")
            if end >= 0:
                return head[:end]
            if size < limit:  # it runs off the end of readable memory
                return value
        return Cut(head, size)

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


def payload(thread: "Thread", address: int, size: int) -> Data:
    """The first bytes of a buffer as data: bytes, `Cut`, None for NULL, the address when it cannot be read."""
    if not address:
        return None
    limit = thread.process.payload_limit
    if size <= limit:
        try:
            return thread.memory.read(address, size)
        except OSError:
            return address
    try:
        return Cut(thread.memory.read(address, limit), size)
    except OSError:
        return address


class InBytes(Arg):
    """A buffer that the call reads; its size is another parameter."""

    holds_bytes = True
    phase = "in"

    def __init__(self, size: str) -> None:
        self.uses = (size,)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        (size,) = used
        if value and size <= thread.process.payload_limit:  # as `payload` does, without another call
            try:
                return thread.memory.read(value, size)
            except OSError:
                return value
        return payload(thread, value, size)

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class OutBytes(Arg):
    """A buffer that the call fills; the result (or another parameter) says how much of it. Not shown on failure."""

    holds_bytes = True
    phase = "out"

    def __init__(self, size: str = "result") -> None:
        self.uses = (size, "result")

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        size = used[0]
        if used[1] < 0:
            return value or None
        if value and size <= thread.process.payload_limit:  # as `payload` does, without another call
            try:
                return thread.memory.read(value, size)
            except OSError:
                return value
        return payload(thread, value, size)

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class Received(OutBytes):
    """A buffer whose result may be larger than the buffer (recv(2), MSG_TRUNC); `room` names the parameter with its size."""

    def __init__(self, room: str) -> None:
        super().__init__()
        self.uses = ("result", "result", room)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        size, result, room = used
        return OutBytes.capture(self, thread, value, size if size < room else room, result)


class PathOut(OutBytes):
    """A path that the call fills in, with its NUL."""

    is_cut = False

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        data = super().capture(thread, value, *used)
        return data.rstrip(b"\0") if isinstance(data, bytes) else data


class Struct(Deferred):
    """One structure, as its bytes until somebody wants to read it."""

    __slots__ = ("layout", "raw")

    def __init__(self, layout: Layout, raw: bytes) -> None:
        self.layout = layout
        self.raw = raw

    def data(self) -> Data:
        return self.layout.show(self.raw)

    def json(self) -> str:
        layout = self.layout
        if layout.json_template:
            return layout.json_template % layout.unpack(self.raw)
        return json_text(layout.show(self.raw))


class InStruct(Arg):
    """A pointer to one structure that the call reads."""

    phase = "in"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        try:
            return Struct(self.layout, thread.memory.read(value, self.layout.size))
        except OSError:
            return value

    def text(self, data: Data) -> str:
        layout = self.layout
        if layout.brief and isinstance(data, dict):
            return "{" + ", ".join([f"{name}={strace_text(data[name])}" for name in layout.brief]) + ", ...}"
        return hex(data) if isinstance(data, int) else strace_text(data)


class OutStruct(InStruct):
    """A pointer to one structure that the call fills; not shown on failure."""

    phase = "out"
    uses: tuple[str, ...] = ("result",)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[0] < 0:
            return value or None
        return super().capture(thread, value)


Fd = Annotated[int, FdNumber()]
DirFd = Annotated[int, DirFdNumber()]
Int = Annotated[int, Signed32()]
UInt = Annotated[int, Unsigned32()]
Long = Annotated[int, Signed64()]
Size = Annotated[int, Unsigned64()]
Address = Annotated[int, Pointer()]
Undeclared = Annotated[int, Raw()]
Path = Annotated[int, CString()]
Mode = Annotated[int, Octal()]

Result = _Result
AddressResult = Annotated[_Result, HexOutcome()]
FdResult = Annotated[_Result, FdOutcome()]
ModeResult = Annotated[_Result, OctalOutcome()]
ReadyResult = Annotated[_Result, ReadyOutcome()]
