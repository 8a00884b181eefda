"""The processes of a run, from birth to burial: fork, exec, stops and ends (kernel/fork.c, fs/exec.c, kernel/exit.c).

What other processes see of it is told in `syscalls.children`; here are the threads, the memory and the descriptors.
"""

import errno
import os
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from emu.memory import AddressSpace
from emu.sched import Task
from syscalls import children, futexes, signals
from syscalls.fds import FdTable
from syscalls.flags.signals import Signal
from syscalls.process import PID, Fork, Process, SignalAction, Thread
from syscalls.terminals import session_ends
from syscalls.wait import WaitQueue

if TYPE_CHECKING:
    from emu.bench import Bench

_SIG_IGN = 1


def space_of(owner: Process | Thread) -> AddressSpace:
    """The memory of a guest's process or thread as the bench knows it."""
    return cast(AddressSpace, owner.memory)


class _Shared:
    """How many threads or processes use an object; the last one lets go of it."""

    def __init__(self) -> None:
        self._users: Counter[int] = Counter()

    def take(self, thing: Any) -> None:
        self._users[id(thing)] += 1

    def drop(self, thing: Any) -> bool:
        """One user less; True when it was the last."""
        left = self._users[id(thing)] = self._users[id(thing)] - 1
        if not left:
            del self._users[id(thing)]
        return not left

    def is_shared(self, thing: Any) -> bool:
        return self._users[id(thing)] > 1


class Processes:
    """The living processes of one bench, and those that are about to end."""

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench
        self._last_id = bench.process.pid - 1
        self._shared = _Shared()
        self.doomed: list[tuple[Process, int]] = bench.dispatcher.doomed
        """Processes whose end is decided, and how: code, or -signal."""
        self._shared.take(bench.process.memory)

    # Birth

    def new_thread(self, process: Process, name: bytes, context: Any, fds: FdTable, files: Any) -> Task:
        """A thread with these registers, descriptors and files, which it shares with whoever else was given them."""
        self._last_id += 1
        thread = Thread(self._last_id, process, process.memory, fds, self._bench, files, name=name)
        if process.parent is None and not process.threads:
            # exec leaves the flags as they were, and whoever began it all has set none: not even SS_DISABLE.
            thread.altstack = (0, 0, 0)
        task = thread.context = Task(self._bench.scheduler, thread, context)
        process.threads[thread.tid] = thread
        self._shared.take(fds)
        self._shared.take(files)
        return task

    def context_of(self, parent: Thread, stack: int, tls: int | None) -> Any:
        """The registers of a new thread: its maker's, 0 in rax."""
        bench = self._bench
        task: Task = parent.context
        if task is bench.dispatcher.task:
            bench.cpu.save(task.context)
        context = task.context.copy()
        context["rax"] = 0
        if stack:
            context["rsp"] = stack
        if tls is not None:
            context["fs_base"] = tls
        return context

    def fork(self, parent: Thread, wanted: Fork) -> Thread:
        """See `syscalls.process.Bench.fork`."""
        maker, bench = parent.process, self._bench
        system = maker.system
        if len(system.processes) >= bench.limits.processes:
            bench.note_once(
                "processes",
                f"the limit of {bench.limits.processes} processes is reached: fork answers EAGAIN (--processes raises it)",
            )
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        context = self.context_of(parent, wanted.stack, wanted.tls)
        fds = parent.fds if wanted.fds else parent.fds.fork()
        memory = None
        try:
            memory = space_of(maker) if wanted.memory else space_of(maker).fork()
            files = parent.files if wanted.files else parent.files.fork()
        except OSError:
            if not wanted.fds:
                fds.close_all()
            if memory is not None and not wanted.memory:
                memory.close()
            raise
        child = Process(
            self._last_id + 1, memory, fds, bench, system,
            group=maker.group,
            session=maker.session,
            exit_signal=wanted.exit_signal,
            has_execed=False,
            started_ns=bench.monotonic_ns(),
            places=maker.places.of(memory),
            limits=dict(maker.limits),
            settings=dict(maker.settings),
            exe=maker.exe, argv=maker.argv, envp=maker.envp, auxv=maker.auxv, name=parent.name,
            uid=maker.uid, gid=maker.gid, payload_limit=maker.payload_limit,
        )  # fmt: skip
        child.actions = maker.actions if wanted.actions else dict(maker.actions)
        if wanted.clear_actions:
            child.actions = {
                signal: action for signal, action in maker.actions.items() if action.handler == _SIG_IGN
            }
        self._shared.take(memory)
        system.processes[child.pid] = child
        if wanted.sibling:
            child.parent, child.ppid, child.maker = maker.parent, maker.ppid, maker.maker
            child.exit_signal = maker.exit_signal
            if maker.parent is not None:
                maker.parent.children[child.pid] = child
        else:
            children.adopt(maker, child, parent.tid)
        task = self.new_thread(child, parent.name, context, fds, files)
        thread = task.thread
        if wanted.waits:
            child.vfork_done = WaitQueue()
        thread.signal_mask = parent.signal_mask
        if not wanted.memory or not wanted.stack:
            thread.altstack = parent.altstack
        for watcher in list(maker.watchers.values()):
            watcher.watch(child)
        bench.scheduler.ready.append(task)
        unusual = ({"vfork": True} if wanted.waits else {}) | ({"files": "shared"} if wanted.fds else {})
        bench.event("process_start", child, tid=thread.tid, parent=maker.pid, **unusual)
        return thread

    # Another program

    def replace(self, thread: Thread, memory: AddressSpace, context: Any) -> None:
        """The middle of execve(2): the other threads end, memory, descriptors and signals are those of a new program.

        The thread takes the process's id where it was not the first one (de_thread in fs/exec.c).
        """
        process = thread.process
        for other in [other for other in process.threads.values() if other is not thread]:
            self.supersede(other)
        if thread.tid != process.pid:
            del process.threads[thread.tid]
            for child in process.children.values():
                if child.maker == thread.tid:
                    child.maker = process.pid
            thread.tid = process.pid
            process.threads[thread.tid] = thread
        self.let_go(thread)
        self.unshare_fds(thread)
        process.fds = thread.fds
        old, process.memory, thread.memory = space_of(process), memory, memory
        self._shared.take(memory)
        if self._shared.drop(old):
            old.close()
        process.fds.close_on_exec()
        process.actions = {
            signal: SignalAction(action.handler)
            for signal, action in process.actions.items()
            if action.handler == _SIG_IGN
        }
        if process.timers is not None:
            process.timers.forget()
        thread.altstack = (0, thread.altstack[1], 0)
        thread.robust_list = thread.clear_child_tid = 0
        process.has_execed = True
        process.exit_signal = Signal.SIGCHLD
        task: Task = thread.context
        task.context = context
        self.release_maker(process)

    def unshare_fds(self, thread: Thread) -> None:
        """See `syscalls.process.Bench.unshare_fds`."""
        if not self._shared.is_shared(thread.fds):
            return
        own = thread.fds.fork()
        self._shared.drop(thread.fds)
        self._shared.take(own)
        thread.fds = own

    def unshare_files(self, thread: Thread) -> None:
        """See `syscalls.process.Bench.unshare_files`."""
        if not self._shared.is_shared(thread.files):
            return
        own = thread.files.fork()
        self._shared.drop(thread.files)
        self._shared.take(own)
        thread.files = own

    def release_maker(self, process: Process) -> None:
        """Lets the maker of a vfork(2) go on."""
        done, process.vfork_done = process.vfork_done, None
        if done is not None:
            done.wake(len(done.waiters))

    # Stops

    def stop(self, process: Process, signal: int) -> None:
        """See `syscalls.process.Bench.stop_process`; the threads' calls are interrupted as by a signal."""
        if process.stopped or process.exiting:
            return
        children.stopped(process, signal)
        self._bench.event("stopped", process, signal=signal)
        for thread in process.threads.values():
            self._bench.interrupt(thread)

    def go_on(self, process: Process) -> None:
        """See `syscalls.process.Bench.continue_process`."""
        if not process.stopped or process.exiting:
            return
        children.continued(process)
        self._bench.event("continued", process, signal=int(Signal.SIGCONT))
        self._bench.dispatcher.turn.release(process, self._bench.scheduler)

    # Ends

    def doom(self, process: Process, code: int, signal: int = 0) -> None:
        """The process is to end by exit or by a signal, before any of its threads runs again."""
        if process.exiting:
            return
        process.exiting = True
        self.doomed.append((process, -signal if signal else code))
        self._bench.cpu.stop()

    def bury(self) -> None:
        """Ends those that are doomed; not while one of their handlers is on Python's stack. What they held is free, their
        parents are told."""
        while self.doomed:
            process, how = self.doomed.pop(0)
            self._end(process, how)

    def _end(self, process: Process, how: int) -> None:
        bench = self._bench
        for thread in list(process.threads.values()):
            bench.dispatcher.drop(thread.context)
            self.let_go(thread)
            self.thread_gone(thread)
        process.stopped = 0
        if process.timers is not None:
            process.timers.end()
        signals.forget_all(process)
        bench.dispatcher.processor_timers.pop(process, None)
        bench.dispatcher.turn.end_of(process)
        code, signal = (None, -how) if how < 0 else (how, None)
        bench.event("process_end", process, code=code, signal=signal)
        self.release_maker(process)
        if self._shared.drop(process.memory) and process.pid != PID:  # the first one's stays for a look
            if bench.dispatcher.sink is not None:
                process.places.settle()
            space_of(process).close()
        session_ends(process)
        children.ended(process, -how if how < 0 else children.exited_status(how))
        bench.process_ended(process, code, signal)

    def end_all(self, signal: int) -> None:
        """Ends every process, as a signal that nobody can catch would."""
        for process in self._bench.process.system.living():
            self.doom(process, 0, signal)

    def supersede(self, thread: Thread) -> None:
        """Ends a thread because another one of its process executes a program."""
        bench = self._bench
        bench.dispatcher.drop(thread.context)
        self.let_go(thread)
        self.thread_gone(thread)
        bench.event("thread_end", thread.process, tid=thread.tid, status=0)

    def let_go(self, thread: Thread) -> None:
        """Tells those who wait in memory that the thread ends (mm_release in kernel/fork.c)."""
        others = len(thread.process.threads) > 1 or self._shared.is_shared(thread.memory)
        if others or thread.robust_list:
            futexes.thread_ends(thread, others=others)

    def thread_gone(self, thread: Thread) -> None:
        """Takes a thread that has ended out of its process, and lets go of what it shared."""
        process = thread.process
        process.threads.pop(thread.tid, None)
        thread.context.ended = True
        signals.ended(thread)
        if process.threads:
            children.maker_ended(process, thread.tid)
        if self._shared.drop(thread.fds):
            thread.fds.close_all()
        if self._shared.drop(thread.files):
            thread.files.close()
