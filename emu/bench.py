"""The inside of a run: what the dispatcher tells and what handlers ask; faults, signals, threads, clocks, ends."""

import errno
import importlib
import os
from _random import Random  # the generator alone: the module around it costs 5 ms at start-up
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from emu.cpu import Cpu, Stop, StopKind
from emu.delivery import Delivery
from emu.dispatch import Dispatcher
from emu.fatal import Fatal
from emu.host import Host
from emu.job import Job
from emu.limits import ExitStatus, Limits
from emu.memory import AddressSpace
from emu.pages import READ
from emu.places import Places
from emu.processes import Processes, space_of
from emu.sched import SLICE, Task
from emu.sigframe import Trap
from emu.timekeeper import Timekeeper
from emu.timers import Timers
from syscalls import siginfo, signals
from syscalls.fds import FdTable
from syscalls.flags.signals import Signal
from syscalls.history import Version
from syscalls.process import PARENT_PID, PID, Fork, Network, Process, System, Thread
from syscalls.siginfo import SigInfo
from syscalls.table import TABLE, Syscall
from syscalls.wait import Executed, SignalReturn

_LARGEST_ERROR = 4096
_FAULT_COST = SLICE // 16  # blocks: a delivered fault takes about as long
_LEFT_OVER_AFTER = 1_000_000_000  # nanoseconds


class Bench:
    """One program and the processes that it makes, on one CPU, from the first instruction to the last one's end.

    Fulfils `syscalls.process.Bench` for handlers and `emu.dispatch.Owner` for the dispatcher.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        *,
        net: str,
        seed: int,
        say: Callable[[str], None],
        kernel: Version | None = None,
    ) -> None:
        self.name = name
        self.exit_status: ExitStatus | None = None
        self.crash_report: str | None = None
        self.timed_out = False
        self.stop_wanted = False
        self.posted: deque[int] = deque()
        self.limits = limits
        self.say = say
        self._noted: set[str] = set()
        self._random = Random(seed)
        self._started = self._finished = False
        self.host = Host()
        self.cpu = Cpu(_not_running, tsc=self.host.monotonic_ns)
        self.host.hurry = self.cpu.exhaust
        memory = AddressSpace(self.cpu, limits.memory)
        self.dispatcher = Dispatcher(self.cpu, self.host, self)
        self.scheduler = self.dispatcher.scheduler
        fds = FdTable(limits.descriptors, self.forget_fd)
        self.dispatcher.calls.kernel = kernel
        system = System(network=Network(net), kernel=kernel)
        self.process = Process(
            PID, memory, fds, self, system, group=PID, session=system.session, places=Places(b""),
            started_ns=self.host.monotonic_ns(),
        )  # fmt: skip
        system.processes[PID] = self.process
        self.job = Job(self)
        self.processes = Processes(self)
        self.fatal = Fatal(self)
        self.delivery = Delivery(self.cpu, self.fatal.die_of, self._delivered)

    @property
    def memory(self) -> AddressSpace:
        """The address space of the first process."""
        return space_of(self.process)

    def first_thread(self, entry: int, stack_pointer: int, files: Any) -> None:
        """Makes the main thread of the first process."""
        process, context = self.process, self.start_at(entry, stack_pointer)
        task = self.processes.new_thread(process, process.name, context, process.fds, files)
        self.scheduler.ready.append(task)

    def start_at(self, entry: int, stack_pointer: int) -> Any:
        """The registers of a program that begins."""
        context = self.cpu.fresh.copy()
        context["rip"], context["rsp"] = entry, stack_pointer
        return context

    def run(self) -> None:
        """Runs the guest to its end."""
        self._started = True
        if self.limits.time is None:
            return self._run()
        self.dispatcher.time_limit = self.host.monotonic_ns() + int(self.limits.time * 1e9)
        with Timekeeper(self.limits.time, self.cpu.exhaust):
            return self._run()

    def _run(self) -> None:
        dispatcher, cpu = self.dispatcher, self.cpu
        if dispatcher.task is None and not dispatcher.switch():
            return
        while True:
            if self.processes.doomed:
                self.bury()
            task = dispatcher.task
            if task is None:
                if dispatcher.ending or not dispatcher.switch():
                    return
                continue
            if dispatcher.ending:
                return
            if not self._deliver(task):
                continue
            stop = cpu.run(cpu.budget or SLICE)
            if stop.kind is StopKind.BUDGET:
                address = space_of(self._on_cpu().thread).take_bus_error()
                if address is not None:
                    self.fatal.fault(Stop(StopKind.MEMORY, address=address, access=READ))
                else:
                    dispatcher.preempt()
            elif stop.kind is not StopKind.REQUEST:
                self.fatal.fault(stop)
                self._charge()

    def _charge(self) -> None:
        """A fault uses up a part of the turn: a thread that faults again and again, without a block between, has no longer turns than others."""
        left = self.cpu.budget - _FAULT_COST
        self.cpu.refill(left if left > 0 else SLICE)
        if left <= 0:
            self.dispatcher.preempt()

    def _deliver(self, task: Task) -> bool:
        """Lets the thread on the CPU see to its signals; False when another one has the turn now."""
        if task.returning is not None:
            self.delivery.go_back(task)
        process = task.thread.process
        while task.signalled or task.restart is not None:
            self.delivery.deliver(task)
            if process.exiting:
                return False
            if process.stopped:
                self.dispatcher.hold_current()
                return False
        return True

    def _on_cpu(self) -> Task:
        task = self.dispatcher.task
        assert task is not None
        return task

    def finish(self) -> None:
        """Lets go of everything that a process lets go of when it ends; its memory stays for a look."""
        if self._finished:
            return
        self._finished = True
        self.dispatcher.ending = True
        self.dispatcher.finish()
        self.processes.end_all(Signal.SIGKILL)
        self.bury()
        self.dispatcher.timers.clear()
        for kept in (self.process.system.terminals, self.process.system.ipc):
            if kept is not None:
                kept.close()
        if self.dispatcher.sink is not None:
            self.dispatcher.sink.close()

    def close(self) -> None:
        """Frees the rest, the memory included."""
        self.finish()
        self.host.close()
        self.cpu.close()
        self.memory.close()

    # Ends

    def bury(self) -> None:
        """Ends the processes that are to end."""
        if self.processes.doomed:
            self.processes.bury()

    def process_ended(self, process: Process, code: int | None, signal: int | None) -> None:
        """A process has ended: the run's status is the first one's; with the last one the run ends."""
        if process is self.process and self._started:
            self.exit_status = ExitStatus(code, signal)
        if not process.system.living():
            self.dispatcher.ending = True
            self.cpu.stop()
        elif process is self.process and not self.dispatcher.ending:
            self.arm_timer("left over", self.host.monotonic_ns() + _LEFT_OVER_AFTER, self._left_over)

    def _left_over(self) -> None:
        count = len(self.process.system.living())
        self.note_once(
            "left over",
            f"the program has ended; {count} of its processes go on, and the bench with them (Ctrl-C ends it)",
        )

    def thread_exits(self, task: Task, status: int, group: bool) -> None:
        """A thread has called exit, or exit_group."""
        thread = task.thread
        process = thread.process
        self.processes.let_go(thread)
        self.processes.thread_gone(thread)
        if group or not process.threads:
            self.processes.doom(
                process, status
            )  # the last thread's, since Linux 6.0 also when it is not the leader's
        self.event("thread_end", process, tid=thread.tid, status=status)

    def signals_came(self) -> None:
        """The host module reports a signal of the bench, or a call from another host thread."""
        if self.stop_wanted:
            self.processes.end_all(Signal.SIGKILL)
        while self.posted:
            info = siginfo.from_user(self.posted.popleft(), PARENT_PID, self.process.uid)
            self.send_signal(self._survivor(), info)
        for number in self.host.caught():
            self.job.signal_came(number)

    def _survivor(self) -> Process:
        """The first process, or the oldest one that is left."""
        return self.process if self.process.wait_status is None else self.process.system.living()[0]

    def time_is_up(self) -> None:
        """The run's time limit has passed."""
        self.timed_out = True
        self.note(f"the time limit of {self.limits.time} s is over: the guest is killed")
        self.processes.end_all(Signal.SIGKILL)

    def missing(self, entry: Syscall, pc: int) -> None:
        """A call that nobody implements, or that is refused."""
        process = self.dispatcher.turn.process or self.process
        place = process.places.text(pc)
        refusal = entry.refusal
        what = (
            f"is refused: {errno.errorcode[refusal.error]}, {refusal.why}"
            if refusal
            else "is not implemented: ENOSYS"
        )
        where = f"(at {pc:#x}{' ' + place if place else ''})"
        self.note_once(f"missing {entry.number}", f"system call {entry.name} {what} {where}")

    def deadlock(self) -> None:
        """All threads wait, and nothing can wake them."""
        if "deadlock" in self._noted or any(process.stopped for process in self.process.system.living()):
            return  # told already; or somebody may continue what is stopped
        lines = ["all threads wait for each other, and nothing outside can wake them:"]
        for task in self.scheduler.parked:
            calls = task.context.last_calls()
            name = _call_name(calls[-1][0]) if calls else "?"
            place = task.thread.process.places.text(task.context["rip"])
            lines.append(f"  thread {task.thread.tid} in {name} at {task.context['rip']:#x} {place}".rstrip())
        self.note_once("deadlock", "\n".join(lines))

    # What handlers may ask (syscalls.process.Bench)

    def spawn_thread(
        self,
        parent: Thread,
        *,
        stack: int,
        tls: int | None,
        own_fds: bool = False,
        own_files: bool = False,
    ) -> Thread:
        """A runnable thread with the parent's registers, 0 in rax; raises EAGAIN at the limit."""
        process = parent.process
        if sum(len(other.threads) for other in process.system.processes.values()) >= self.limits.threads:
            self.note_once(
                "threads",
                f"the limit of {self.limits.threads} threads is reached: clone answers EAGAIN (--threads raises it)",
            )
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        context = self.processes.context_of(parent, stack, tls)
        fds = parent.fds.fork() if own_fds else parent.fds
        files = parent.files.fork() if own_files else parent.files
        child = self.processes.new_thread(process, parent.name, context, fds, files)
        self.scheduler.ready.append(child)
        unusual = {"files": "copied"} if own_fds else {}
        self.event("thread_start", process, tid=child.thread.tid, parent=parent.tid, **unusual)
        return child.thread

    def fork(self, parent: Thread, wanted: Fork) -> Thread:
        """A new process; see `syscalls.process.Bench`."""
        return self.processes.fork(parent, wanted)

    def is_waiting(self, thread: Thread) -> bool:
        """Whether a thread is parked."""
        task: Task = thread.context
        return task.parked

    def unshare_fds(self, thread: Thread) -> None:
        """A descriptor table of the thread's own."""
        self.processes.unshare_fds(thread)

    def unshare_files(self, thread: Thread) -> None:
        """A working directory and a umask of the thread's own."""
        self.processes.unshare_files(thread)

    def execute(self, thread: Thread, program: Any, envp: list[bytes]) -> Executed | int:
        """Another program in the place of this one; see `syscalls.process.Bench`."""
        if self.dispatcher.sink is not None:
            self.dispatcher.sink.flush()  # what is held is placed by the program that has made the calls
        executed: Executed | int = importlib.import_module("emu.executing").execute(
            self, thread, program, envp
        )
        return executed

    def stop_process(self, process: Process, signal: int) -> None:
        """Stops all threads of a process."""
        self.processes.stop(process, signal)
        self.job.process_stopped()

    def continue_process(self, process: Process) -> None:
        """Lets them go on."""
        self.processes.go_on(process)

    def segment_base(self, thread: Thread, register: str) -> int:
        """The base of "fs" or "gs"."""
        holder = self.cpu if thread.context is self.dispatcher.task else thread.context.context
        return int(holder[f"{register}_base"])

    def set_segment_base(self, thread: Thread, register: str, base: int) -> None:
        """Sets the base of "fs" or "gs"."""
        holder = self.cpu if thread.context is self.dispatcher.task else thread.context.context
        holder[f"{register}_base"] = base

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC."""
        return self.host.monotonic_ns()

    def realtime_ns(self) -> int:
        """CLOCK_REALTIME."""
        return self.host.realtime_ns()

    def cpu_time_ns(self, process: Process) -> int:
        """Processor time that a process has used."""
        dispatcher = self.dispatcher
        return process.cpu_time_ns + (
            dispatcher.turn.lasted_ns() if process is dispatcher.turn.process else 0
        )

    def arm_timer(
        self,
        key: Hashable,
        deadline: int,
        fire: Callable[[], None],
        *,
        processor: Process | None = None,
    ) -> None:
        """Calls `fire` when the deadline has come, on the monotonic clock or in a process's processor time."""
        dispatcher = self.dispatcher
        if processor is None:
            dispatcher.timers.arm(key, deadline, fire)
        else:
            dispatcher.processor_timers.setdefault(processor, Timers()).arm(key, deadline, fire)

    def disarm_timer(self, key: Hashable) -> None:
        """Ends `arm_timer`."""
        self.dispatcher.timers.disarm(key)
        for timers in self.dispatcher.processor_timers.values():
            timers.disarm(key)

    def random(self, count: int) -> bytes:
        """Random bytes that follow from the seed."""
        return self._random.getrandbits(count * 8).to_bytes(count, "little") if count else b""

    def note(self, text: str) -> None:
        """Tells the user something."""
        self.say(f"emu: {text}")

    def note_once(self, key: str, text: str) -> None:
        """Tells the user something, once a run."""
        if key not in self._noted:
            self._noted.add(key)
            self.note(text)

    def forget_fd(self, host_fd: int) -> None:
        """Ends the watch over a host descriptor that is about to be closed."""
        self.host.forget(host_fd)

    def send_signal(self, target: Thread | Process, info: SigInfo) -> None:
        """Generates a signal for a thread or the process."""
        outcome = signals.post(target, info)
        if isinstance(outcome, Thread):
            self.interrupt(outcome)
        elif outcome is not None:
            self.fatal.die_of(target, info)

    def force_signal(self, thread: Thread, info: SigInfo, *, fatal: bool) -> None:
        """A signal that cannot wait, for the thread on the CPU."""
        if fatal:
            self.fatal.die_of(thread, info)
        elif self.delivery.raise_fault(thread.context, info, Trap()):
            self.cpu.stop()

    def guard_calls(self, judge: Callable[[Thread, int, int, tuple[int, ...]], Any]) -> None:
        """Asks before each call of a thread with `seccomp`."""
        self.dispatcher.calls.guard(judge)

    def interrupt(self, thread: Thread) -> None:
        """Makes a thread look at its pending signals."""
        task: Task = thread.context
        task.signalled = True
        if task.parked:  # also when the CPU still holds its registers
            self.scheduler.interrupt(task)
        elif task is self.dispatcher.task:
            self.cpu.stop()

    def stack_pointer(self, thread: Thread) -> int:
        """The rsp of a thread that makes a system call."""
        return (
            self.cpu["rsp"] if thread.context is self.dispatcher.task else int(thread.context.context["rsp"])
        )

    def signal_return(self, thread: Thread) -> SignalReturn:
        """rt_sigreturn(2) of the thread on the CPU."""
        task: Task = thread.context
        result = self.delivery.find_return(task, self.cpu["rsp"])
        if result is None:
            self.delivery.force(task)
        value = result or 0
        return SignalReturn(value - (1 << 64) if value > -_LARGEST_ERROR + (1 << 64) else value)

    def _delivered(self, thread: Thread, info: SigInfo, handler: int) -> None:
        if not siginfo.is_fault(info):  # whose event has told it
            sender = {"sender": info.sender} if info.sender else {}
            self.event(
                "signal", thread.process, tid=thread.tid, signal=info.signal, code=info.code, handler=handler, **sender
            )  # fmt: skip

    def event(self, event: str, process: Process, **values: Any) -> None:
        """Tells the trace something beside the calls (docs/trace-format.md)."""
        sink = self.dispatcher.sink
        if sink is not None:
            sink.event({"event": event, "time": self.dispatcher.now(), "pid": process.pid, **values})


def _call_name(number: int) -> str:
    entry = TABLE.get(number)
    return entry.name if entry is not None else f"system call {number}"


def _not_running(*_: int) -> int:
    raise AssertionError("a system call outside a run")
