"""Random scripts for part `fuzz`: calls that make sense, with arguments that often do not, in processes, threads and handlers; all from a seed."""

from __future__ import annotations

import random
import struct

import syscalls.calls  # noqa: F401  fills the table
from syscalls import numbers
from syscalls.table import TABLE

from . import scripted
from .fuzz_code import random_code, spoiled_elf
from .scripted import (
    IMAGE,
    LEAVE,
    OWN_PID,
    OWN_TID,
    SCRIPT,
    SIZE,
    THREAD,
    Argument,
    Script,
    long,
    result,
    word,
)

DESCRIPTORS = 48
"""Guest descriptors from 0 on that arguments mention: what set-up has opened, and what the calls open."""
ENDERS = frozenset(
    ("exit", "exit_group", "rt_sigreturn", "vfork", "execve", "execveat", "pause", "clone", "clone3", "fork")
)
"""Calls that end or turn a script: made on purpose, not by chance."""
THREAD_FLAGS = (0x50F00, 0x50F00, 0x50F00, 0x10F00, 0x50B00, 0x50D00)
PATHS = (
    b".", b"..", b"/", b"/tmp", b"/tmp/a", b"/tmp/b", b"/tmp/dir", b"/tmp/dir/x", b"/tmp/link", b"/tmp/fifo", b"/tmp/sock", b"a", b"dir/../a",
    b"/proc/self/fd/3", b"/proc/self/fd", b"/proc/self/maps", b"/proc/self/exe", b"/proc/self/root/tmp", b"/proc/self/cwd", b"/proc/1001/stat",
    b"/proc/self/task", b"/proc/stat", b"/proc/self/status", b"/dev/null", b"/dev/zero", b"/dev/full", b"/dev/urandom", b"/dev/ptmx",
    b"/dev/pts/0", b"/dev/tty", b"/dev/shm/s", b"/sys/devices/system/cpu/online", b"", b"/" + b"n" * 255, b"x/" * 2047, b"/tmp/script",
    b"/tmp/elf", b"\xff\xfe", b"/../../etc/passwd", b"/etc/passwd", b"user.x", b"/proc/self/environ", b"/proc/self/mem",
)  # fmt: skip
SMALL = (0, 1, 2, 3, 4, 8, 16, 64, 100, 255, 256, 4095, 4096, 4097, 65536)
WILD = (
    0, 1, 0xFFF, 0x7FFFFFFFF000, 0x7FFFFFFFEFFF, 0x800000000000, 1 << 63, (1 << 64) - 1, (1 << 64) - 4096, (1 << 63) - 1, 0xFFFFFFFF,
    0x80000000, 0x7FFFFFFF, (1 << 64) - 100, 0x400000, 0x555555554000, 0x7F0000000000,
)  # fmt: skip
OPEN_FLAGS = (0, 1, 2, 0x42, 0x241, 0x80000, 0x90000, 0x200000, 0x10000, 0x410000, 0x800, 0x442, 0x20000)
IOCTLS = (
    0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5407, 0x5409, 0x540A, 0x540B, 0x540C, 0x540D, 0x540E, 0x540F, 0x5410, 0x5411, 0x5412, 0x5413, 0x5414,
    0x541B, 0x541C, 0x5420, 0x5421, 0x5422, 0x5424, 0x5427, 0x5428, 0x5429, 0x5430, 0x80045430, 0x40045431, 0x5432, 0x5437, 0x5441, 0x5450, 0x5451,
    0x5452, 0x8901, 0x8902, 0x8903, 0x8904, 0x8905, 0x8906, 0x8910, 0x8912, 0x8913, 0x8933, 0x660B, 0x6601, 0x6602, 0x40086602, 0x1260, 0x4004667F,
    0x800454D2, 0xAE00, 0xC0185879, 0x40049409,
)  # fmt: skip


class Fuzz:
    """One script in the making. `chance` is all that it follows from."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.script = Script()
        self.names = sorted(name for name in numbers.NAMES.values() if name not in ENDERS)
        self.known = [entry for entry in TABLE.values() if entry.name not in ENDERS]
        self.pids: list[int] = []
        self.opened: list[int] = []
        self.page = self.script.room(4096, 4096)
        self.objects = [self.script.put(data) for data in self._objects()]
        self.spare = self.script.room(8192)

    def made(self) -> bytes:
        """The whole script."""
        chance, script = self.chance, self.script
        self._watchdog()
        self._files()
        self._descriptors()
        for _ in range(chance.randint(1, 4)):
            way = chance.random()
            if way < 0.45:
                self._process()
            elif way < 0.6:
                self._thread()
            elif way < 0.7:
                self._code()
            elif way < 0.8:
                self._exec()
            else:
                self._calls(chance.randint(5, 60))
        script.end()
        return script.bytes()

    # Set-up

    def _objects(self) -> list[bytes]:
        chance = self.chance
        at = self.page
        return [
            struct.pack("<QQ", 0, chance.randint(0, 20_000_000)),  # timespec
            struct.pack("<QQQQ", 0, 1_000_000, 0, 1_000_000),  # itimerspec
            struct.pack("<QQQQ", at, 64, at + 4000, 200),  # iovecs
            struct.pack("<QQQQ", at, 1 << 62, chance.choice(WILD), 100),
            struct.pack("<QIIQQQQII", 0, 0, 0, at + 64, 1, at + 256, 64, 0, 0),  # msghdr
            bytes.fromhex("02001389 7f000001") + bytes(8),  # sockaddr_in
            bytes.fromhex("02000000 00000000") + bytes(8),
            bytes.fromhex("0a001389 00000000") + bytes(15) + b"\1" + bytes(4),
            struct.pack("<H108s", 1, b"/tmp/sock"),
            struct.pack("<H108s", 1, b"\0name"),
            struct.pack("<H108s", 1, b"a" * 108),
            b"".join(struct.pack("<iHH", chance.randint(-1, DESCRIPTORS), 7, 0) for _ in range(8)),  # pollfds
            struct.pack("<IQ", chance.choice((1, 5, 0x80000001, 0x40000001)), 7),  # epoll_event
            struct.pack("<Q", 1 << chance.randint(0, 63)),  # sigset
            struct.pack("<Q", (1 << 64) - 1),
            struct.pack("<iiiiii", 10, 0, -1, 0, 0, 0) + bytes(104),  # siginfo
            struct.pack("<QiiQ", at, 0, 0, 2048),  # stack_t
            struct.pack("<QQ", chance.choice((0, 1, 100, 1 << 20)), 1 << 62),  # rlimit
            struct.pack("<hhiqqi", chance.randint(0, 2), 0, 0, 0, 10, 0) + bytes(8),  # flock
            struct.pack("<Qii", 0, 10, chance.randint(0, 4)) + bytes(48),  # sigevent
            struct.pack("<11Q", *(chance.choice((0, 0, 0x100, 17, at)) for _ in range(11))),  # clone_args
            struct.pack("<Qii", 20, 1, 1) + struct.pack("<iiii", *(chance.randint(0, 20) for _ in range(4))),  # SCM_RIGHTS
            struct.pack("<IiQ", 24, 0, 0) + bytes(16),
            chance.randbytes(256),
            b"\xff" * 256,
            bytes(512),
        ]  # fmt: skip

    def _watchdog(self) -> None:
        """A timer that interrupts whatever waits, and handlers for some signals."""
        script, chance = self.script, self.chance
        for number in (14, *chance.sample(range(1, 32), 6), chance.randint(32, 64)):
            where: Argument = long(
                chance.choice((scripted.HANDLER, scripted.HANDLER, scripted.FORKING, scripted.SPOILING))
            )
            if number == 14:
                where = long(scripted.HANDLER)
            elif chance.random() < 0.15:
                where = chance.choice(WILD)
            flags = 0x4000000 | chance.choice(
                (0, 4, 4, 0x08000000, 0x10000000, 0x40000000, 0x80000000, 0x88000004)
            )
            if number == 14:
                flags = 0x4000004
            action = script.room(32)
            script.step(scripted.STORE, 0, action, where, 8)
            script.step(scripted.STORE, 0, action + 8, flags, 8)
            script.step(scripted.STORE, 0, action + 16, long(scripted.RESTORER), 8)
            script.step(scripted.STORE, 0, action + 24, chance.choice((0, 0, (1 << 64) - 1, 1 << 9)), 8)
            script.call("rt_sigaction", number, action, 0, 8)
        stack = chance.choice((2048, 2048, 4096, 65536))
        if chance.random() < 0.5:
            script.call("sigaltstack", script.put(struct.pack("<QiiQ", script.room(stack), 0, 0, stack)), 0)
        self.every = script.put(struct.pack("<QQQQ", 0, 15000, 0, 15000))
        script.call("setitimer", 0, self.every, 0)

    def _files(self) -> None:
        script, chance = self.script, self.chance
        script.call("chdir", b"/tmp")
        fd = script.call("open", b"/tmp/a", 0x42, 0o644)
        script.call("write", result(fd), self.page, 4096)
        script.call("mkdir", b"/tmp/dir", 0o755)
        script.call(
            "symlink", chance.choice((b"a", b"link", b"/", b"../../..", b"/proc/self/fd/3")), b"/tmp/link"
        )
        script.call("mknod", b"/tmp/fifo", 0o10644, 0)
        head = chance.choice(
            (
                b"#!/tmp/script\n",
                b"#!/proc/self/exe x\n",
                b"#!",
                b"#!/tmp\n",
                b"#! " + b"y" * 300,
                b"#!/tmp/elf\n",
                b"\x7fELF",
            )
        )
        for name, data in ((b"/tmp/script", head), (b"/tmp/elf", spoiled_elf(chance))):
            fd = script.call("open", name, 0x241, 0o755)
            script.call("write", result(fd), script.put(data), len(data))
            script.call("close", result(fd))

    def _descriptors(self) -> None:
        script, chance = self.script, self.chance
        pair = script.room(8)
        makers: list[tuple[str, tuple[Argument, ...]]] = [
            ("open", (b"/tmp/dir", 0x10000, 0)), ("pipe2", (pair, chance.choice((0, 0x800)))), ("socketpair", (1, chance.choice((1, 2, 5)), 0, pair)),
            ("socket", (2, 1, 0)), ("socket", (2, 2, 0)), ("socket", (10, 1, 0)), ("socket", (1, 2, 0)), ("eventfd2", (1, 0x800)),
            ("epoll_create1", (0,)), ("timerfd_create", (1, 0)), ("signalfd4", (-1, self.objects[13], 8, 0)), ("inotify_init1", (0,)),
            ("memfd_create", (b"m", 2)), ("pidfd_open", (OWN_PID, 0)), ("open", (b"/dev/ptmx", 2, 0)), ("open", (b"/dev/zero", 2, 0)),
            ("open", (b"/tmp/fifo", 0x802, 0)), ("open", (b"/proc/self/maps", 0, 0)), ("open", (b"/tmp/a", 2, 0)), ("open", (b"/", 0x200000, 0)),
            ("socket", (1, 1, 0)), ("open", (b"/proc", 0x10000, 0)), ("open", (b"/dev/tty", 2, 0)),
        ]  # fmt: skip
        chance.shuffle(makers)
        for name, arguments in makers[: chance.randint(6, len(makers))]:
            step = script.call(name, *arguments)
            if name not in ("pipe2", "socketpair"):
                self.opened.append(step)
        unlock = script.put(bytes(4))
        for step in self.opened:
            if chance.random() < 0.2:
                script.call("ioctl", result(step), 0x40045431, unlock)
            if chance.random() < 0.2:
                script.call("bind", result(step), chance.choice(self.objects[5:10]), 16)
            if chance.random() < 0.2:
                script.call("listen", result(step), 4)

    # What happens

    def _calls(self, count: int) -> None:
        for _ in range(count):
            way = self.chance.random()
            if way < 0.85:
                self._typed()
            elif way < 0.93:
                self._raw()
            else:
                self._special()

    def _typed(self) -> None:
        """A call whose arguments are mostly of the kinds that it declares."""
        entry = self.chance.choice(self.known)
        arguments = [self._argument(entry.name, name, kind) for name, kind in entry.args.items()]
        if entry.name in ("kill", "rt_sigqueueinfo", "pidfd_send_signal", "tkill", "tgkill"):
            fatal = self.chance.random() < 0.7
            place = 2 if entry.name == "tgkill" else 1
            arguments[place] = self.chance.choice(
                (0, 10, 12, 14, 17, 18, 35) if fatal else (9, 11, 19, 15, 20)
            )
        step = self.script.call(entry.name, *arguments)
        if entry.outcome.is_fd:
            self.opened.append(step)

    def _raw(self) -> None:
        """Any call with anything."""
        name = self.chance.choice(self.names)
        self.script.call(name, *(self._anything() for _ in range(6)))

    def _special(self) -> None:
        """Things that need a form."""
        script, chance = self.script, self.chance
        way = chance.randrange(7)
        if way == 0:
            address = chance.choice(
                (0x40000000, 0x40001000, 0x40200000, IMAGE - 4096, scripted.PLACES + 4096, 0x7FFFFFFDE000)
            )
            script.call(
                "mmap", address, chance.choice((4096, 8192, 65536, 1 << 21)), chance.randrange(8), 0x32, -1, 0
            )
        elif way == 1 and self.opened:
            fd = result(chance.choice(self.opened))
            script.call(
                "mmap",
                0x48000000,
                chance.choice((4096, 65536)),
                chance.choice((1, 3, 5)),
                chance.choice((0x11, 0x12)),
                fd,
                0,
            )
            script.step(
                scripted.STORE,
                0,
                chance.choice((0x48000000, 0x48001000, 0x40000000)),
                chance.getrandbits(64),
                8,
            )
        elif way == 2:
            script.call("munmap", chance.choice((0x40000000, 0x48000000, self.page)), 4096)
        elif way == 3:
            script.step(
                scripted.STORE,
                0,
                self.page + chance.randrange(4000),
                self._anything(),
                chance.choice((1, 4, 8)),
            )
        elif way == 4:
            script.call("mprotect", chance.choice((0x40000000, 0x48000000)), 4096, chance.randrange(8))
        elif way == 5 and self.opened:
            script.call(
                "ioctl",
                result(chance.choice(self.opened)),
                chance.choice(IOCTLS),
                chance.choice(self.objects),
            )
        else:
            script.call("rt_sigreturn")

    def _process(self) -> None:
        """A child by fork, vfork or clone that makes calls, perhaps with children of its own; the parent waits, or does not."""
        script, chance = self.script, self.chance
        how = chance.choice(("fork", "fork", "fork", "clone", "vfork"))
        # With CLONE_VM on one stack the parent has to wait (CLONE_VFORK).
        flags = chance.choice((17, 17, 0, 0x4111, 0x400 | 17, 0x200 | 17))
        made = script.call(how, *((flags,) if how == "clone" else ()))
        jump = script.goto_if(result(made), 0)
        self.pids.append(made)
        if chance.random() < 0.3:
            self._calls(chance.randint(1, 15))
        if chance.random() < 0.3:
            script.call("kill", result(made), chance.choice((9, 10, 15, 19, 18)))
        if chance.random() < 0.7:
            script.call(
                "wait4",
                chance.choice((-1, result(made))),
                self.spare,
                chance.choice((0, 1, 2, 0x40000000)),
                0,
            )
        over = script.goto_if(0, 0)
        script.land(jump)
        if chance.random() < 0.9:
            script.call("setitimer", 0, self.every, 0)
        if chance.random() < 0.3:
            script.call("setsid")
        self._calls(chance.randint(1, 40))
        if chance.random() < 0.25 and len(script.steps) < 1500:
            self._process()
        if chance.random() < 0.2:
            self._exec()
        script.end(chance.randrange(256))
        script.land(over)

    def _thread(self) -> None:
        """A thread with steps of its own beside ours."""
        script, chance = self.script, self.chance
        made = script.step(THREAD, 0, chance.randrange(16), chance.choice(THREAD_FLAGS))
        self._calls(chance.randint(1, 20))
        over = script.goto_if(0, 0)
        script.land(made)
        self._calls(chance.randint(1, 40))
        script.step(LEAVE, 0)
        script.land(over)

    def _code(self) -> None:
        """Bytes taken for code, in a child."""
        script, chance = self.script, self.chance
        made = script.call("fork")
        over = script.goto_if(result(made), 0)
        script.call("wait4", -1, 0, 1, 0)
        skip = script.goto_if(0, 0)
        script.land(over)
        script.step(scripted.ENTER, 0, script.put(random_code(chance)), chance.choice((0, self.page)))
        script.end()
        script.land(skip)

    def _exec(self) -> None:
        """execve of a program, a script, a directory, a spoiled ELF."""
        script, chance = self.script, self.chance
        vector = script.room(48)
        script.step(scripted.STORE, 0, vector, script.text(chance.choice((b"x", b"", b"y" * 5000))), 8)
        path = chance.choice(
            (
                b"/tmp/script",
                b"/tmp/elf",
                b"/tmp/elf",
                b"/tmp",
                b"/proc/self/exe",
                b"/tmp/a",
                b"/tmp/fifo",
                b"/dev/null",
                b"",
            )
        )
        script.call("execve", path, chance.choice((vector, 0, *WILD[:3])), chance.choice((0, vector)))
        if self.opened:
            script.call("execveat", result(chance.choice(self.opened)), b"", vector, 0, 0x1000)

    # Arguments

    def _fd(self) -> Argument:
        way = self.chance.random()
        if self.opened and way < 0.6:
            return result(self.chance.choice(self.opened))
        if way < 0.9:
            return self.chance.randrange(3, DESCRIPTORS)
        if way < 0.94:
            return word(self.page)
        return self.chance.choice((-1, -100, 0, 1, 2, 1023, 1024, 1 << 31, (1 << 31) - 1))

    def _pointer(self) -> Argument:
        way = self.chance.random()
        if way < 0.7:
            return self.chance.choice(self.objects)
        if way < 0.8:
            return self.page + self.chance.randrange(4096)
        if way < 0.85:
            return SCRIPT + SIZE - self.chance.randrange(16)
        if way < 0.9:
            return 0
        return self.chance.choice(WILD)

    def _number(self) -> Argument:
        way = self.chance.random()
        if way < 0.8:
            return self.chance.choice(SMALL)
        if way < 0.9:
            return self.chance.choice(WILD)
        return self.chance.getrandbits(self.chance.choice((8, 16, 32, 64)))

    def _process_id(self) -> Argument:
        way = self.chance.random()
        if self.pids and way < 0.4:
            return result(self.chance.choice(self.pids))
        if way < 0.6:
            return self.chance.choice((OWN_PID, OWN_TID))
        return self.chance.choice((0, -1, 1, 2, 999, 1000, 1001, 1002, -1000, 1 << 31, 4194304, 77777))

    def _anything(self) -> Argument:
        return self.chance.choice((self._fd, self._pointer, self._number, self._process_id))()

    def _argument(self, call: str, name: str, kind: object) -> Argument:
        chance = self.chance
        if chance.random() < 0.06:
            return self._anything()
        kinds = {one.__name__ for one in type(kind).__mro__}
        if "FdNumber" in kinds:
            return chance.choice((-100, self._fd())) if "DirFdNumber" in kinds else self._fd()
        if "ProcessId" in kinds:
            return self._process_id()
        if "CString" in kinds:
            return chance.choice(PATHS)
        if call in ("open", "openat") and name == "flags":
            return chance.choice(OPEN_FLAGS)
        if call == "ioctl" and name == "request":
            return chance.choice(IOCTLS)
        if "Flags" in kinds or "OptionName" in kinds:
            return chance.choice(
                (0, 0, 1, 1 << chance.randrange(32), chance.randrange(64), chance.getrandbits(12))
            )
        if "Octal" in kinds:
            return chance.choice((0, 0o644, 0o755, 0o7777))
        if kinds & {"Signed32", "Unsigned32", "Signed64", "Unsigned64"} and "Pointer" not in kinds:
            return self._number()
        return self._pointer()


def script_of(seed: int) -> bytes:
    """The script of a seed, as the guest reads it."""
    return Fuzz(seed).made()
