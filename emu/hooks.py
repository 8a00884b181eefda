"""Hooks: Python functions that see a guest's system calls, before the kernel does and after, and may change them.

A hooked call has an entry of its own in the dispatcher's table, so a call without hooks pays nothing. What a hook does
shows in the trace: the record of a call tells what the guest asked for and what it got, and an event `hook` beside it
tells who stood between.
"""

import functools
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Literal

from emu.hooked_call import Call, nearest
from syscalls import numbers
from syscalls.process import Thread
from syscalls.table import Syscall, lookup
from syscalls.wait import Executed, Exit, SignalReturn, Wait, Wake, Yield

if TYPE_CHECKING:
    from emu.bench import Bench

When = Literal["before", "after"]

Hook = Callable[[Call], object]
"""Called with the `Call`; a number that it returns is the call's result, None changes nothing."""

NEVER_RETURN = frozenset({numbers.exit, numbers.exit_group})

_WORD = 1 << 64

__all__ = ["Call", "Hook", "HookFailed", "Hooks", "When", "number_of"]


class HookFailed(Exception):
    """Carries what a hook raised through the dispatcher, which takes an OSError for an answer to the guest."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


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
            if isinstance(
                answer, Executed | SignalReturn
            ):  # nobody is left there whom a hook could tell something else
                call.result = answer.result
                self._finish(call)
                return answer
            call.result = answer
            return self._finish(call)
        finally:
            if not waits:
                call.return_lent()

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
        serve = self._bench.dispatcher.calls.by_kernel(call.number, call.pc)
        return serve(call.thread, *call.registers)

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
            call.return_lent()

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
    raise ValueError(f"{name!r} is not a system call{nearest(name, numbers.NAMES.values())}")


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
