"""What the argument types of threads, futexes, signals and clocks show."""

import struct
from typing import Any

import pytest

from syscalls.data import plain
from syscalls.flags.signals import Signal
from syscalls.flags.threads import Arch, Clone, Futex, Prctl
from syscalls.types_prctl import PrctlArgument, PrctlOutcome, PrctlWord
from syscalls.types_signals import (
    InSigAction,
    InSigSet,
    KernelSigAction,
    OutSigSet,
    PackedMask,
    signal_set_text,
)
from syscalls.types_threads import (
    ArchArgument,
    ClockId,
    CloneArgsPointer,
    FutexTimeout,
    FutexValue3,
    FutexWord2,
    InCpuMask,
)


class Memory:
    """Guest memory of one page at 0x1000, as far as the types ask for it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, address: int, size: int) -> bytes:
        start = address - 0x1000
        if start < 0 or start + size > len(self.data):
            raise OSError(14, "bad address")
        return self.data[start : start + size]

    def cstring(self, address: int, limit: int = 4096) -> bytes:
        return self.read(address, len(self.data)).partition(b"\0")[0]

    def readable(self, address: int, size: int) -> int:
        return max(0, min(size, len(self.data) - (address - 0x1000))) if address >= 0x1000 else 0


class Thread:
    def __init__(self, data: bytes) -> None:
        self.memory = Memory(data)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "FUTEX_WAIT"),
        (129, "FUTEX_WAKE_PRIVATE"),
        (137 | 256, "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME"),
        (99, "0x63"),
        (99 | 128, "0x63|FUTEX_PRIVATE_FLAG"),
    ],
)
def test_futex_operations(value: int, text: str) -> None:
    assert Futex.text(value) == text


def test_clone_flags_name_the_exit_signal_last() -> None:
    assert Clone.text(0x4111) == "CLONE_VM|CLONE_VFORK|SIGCHLD"
    assert Clone.text(17) == "SIGCHLD"
    assert Clone.text(0) == "0"
    assert Clone.text(1 << 40) == "0x10000000000"


def test_signals_by_name_and_number() -> None:
    assert [Signal.text(n) for n in (1, 32, 34, 64, 65, 0, -1)] == [
        "SIGHUP", "SIGRTMIN", "SIGRT_2", "SIGRT_32", "65", "0", "-1",
    ]  # fmt: skip


def test_signal_sets_as_strace_writes_them() -> None:
    assert signal_set_text(0) == "[]"
    assert signal_set_text(0b11 | 1 << 33) == "[HUP INT RT_2]"
    assert signal_set_text((1 << 64) - 1) == "~[]"
    assert signal_set_text(((1 << 64) - 1) & ~(1 << 8)) == "~[KILL]"


def test_a_signal_set_in_memory() -> None:
    arg = InSigSet()
    thread: Any = Thread(struct.pack("<Q", 2))
    assert arg.capture(thread, 0, 8) is None
    assert arg.capture(thread, 0x1000, 8) == "[INT]"
    assert arg.capture(thread, 0x1000, 4) == 0x1000
    assert arg.capture(thread, 0x9000, 8) == 0x9000
    assert OutSigSet().capture(thread, 0x1000, 0, 1) == "[INT]"
    assert OutSigSet().capture(thread, 0x1000, -22, 8) == 0x1000
    packed: Any = Thread(struct.pack("<QQQ", 0x1010, 8, 2))
    assert PackedMask().text(PackedMask().capture(packed, 0x1000)) == "{sigmask=[INT], sigsetsize=8}"
    assert PackedMask().text(PackedMask().capture(packed, 0x10)) == "0x10"
    assert [arg.text(data) for data in (None, "[INT]", 0x9000)] == ["NULL", "[INT]", "0x9000"]


def test_sigaction() -> None:
    shown = KernelSigAction.show(struct.pack("<4Q", 1, 0x14000000, 0, 0))
    assert shown == {
        "sa_handler": "SIG_IGN",
        "sa_flags": "SA_RESTORER|SA_RESTART",
        "sa_restorer": None,
        "sa_mask": "[]",
    }
    assert (
        InSigAction().text(shown)
        == "{sa_handler=SIG_IGN, sa_mask=[], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=NULL}"
    )
    simple = KernelSigAction.show(struct.pack("<4Q", 0x1234, 0, 0, 2))
    assert InSigAction().text(simple) == "{sa_handler=0x1234, sa_mask=[INT], sa_flags=0}"


def test_futex_fourth_argument_by_operation() -> None:
    arg = FutexTimeout("futex_op")
    thread = Thread(struct.pack("<qq", 1, 5))
    assert arg.capture(thread, 0x1000, 128).data() == {"tv_sec": 1, "tv_nsec": 5}  # type: ignore[arg-type]
    assert arg.capture(thread, 0x9000, 128) == "0x9000"  # type: ignore[arg-type]
    assert arg.capture(thread, 0, 0) is None  # type: ignore[arg-type]
    assert arg.capture(thread, 77, 129) == ""  # type: ignore[arg-type]
    assert arg.capture(thread, 3, 131) == 3  # type: ignore[arg-type]


def test_futex_last_argument_by_operation() -> None:
    arg = FutexValue3("futex_op")
    thread = Thread(b"")
    assert arg.capture(thread, 0xFFFFFFFF, 137) == "FUTEX_BITSET_MATCH_ANY"  # type: ignore[arg-type]
    assert arg.capture(thread, 4, 10) == "0x4"  # type: ignore[arg-type]
    assert (
        arg.capture(thread, 1 << 28 | 2 << 12 | 4 << 24 | 3, 5)  # type: ignore[arg-type]
        == "FUTEX_OP_ADD<<28|0x2<<12|FUTEX_OP_CMP_GT<<24|0x3"
    )
    assert arg.capture(thread, 4, 129) == ""  # type: ignore[arg-type]
    assert FutexWord2("futex_op").capture(thread, 4, 129) == ""  # type: ignore[arg-type]
    assert FutexWord2("futex_op").capture(thread, 4, 131) == 4  # type: ignore[arg-type]


def test_clock_ids() -> None:
    arg = ClockId()
    assert [arg.data(n) for n in (1, 77, -6, -2)] == [
        "CLOCK_MONOTONIC",
        "0x4d",
        "MAKE_PROCESS_CPUCLOCK(0, CPUCLOCK_SCHED)",
        "MAKE_THREAD_CPUCLOCK(0, CPUCLOCK_SCHED)",
    ]
    assert arg.data((~3 << 3) | 3) == "FD_TO_CLOCKID(3)"


def test_prctl_shows_names_as_strings() -> None:
    arg = PrctlArgument("op")
    thread = Thread(b"worker\0")
    assert arg.text(arg.capture(thread, 0x1000, 15, 0)) == '"worker"'  # type: ignore[arg-type]
    assert arg.text(arg.capture(thread, 5, 35, 0)) == "5"  # type: ignore[arg-type]
    assert arg.text_among(5, {"op": "PR_GET_DUMPABLE"}) == ""
    long: Any = Thread(b"a name that is too long\0")
    assert arg.text(arg.capture(long, 0x1000, 15, 0)) == '"a name that is "...'
    assert PrctlWord(2).text_among(7, {"op": "PR_SET_NAME"}) == ""
    assert PrctlWord(2).text_among(7, {"op": "PR_CAP_AMBIENT"}) == "7"


def test_prctl_shows_what_its_values_are_called() -> None:
    arg: Any = PrctlArgument("op")
    thread: Any = Thread(b"\x0f\0\0\0")
    for operation, value, text in (
        ("PR_SET_DUMPABLE", 2, "SUID_DUMP_ROOT"),
        ("PR_SET_DUMPABLE", 5, "0x5"),
        ("PR_SET_PDEATHSIG", 10, "SIGUSR1"),
        ("PR_CAPBSET_READ", 1, "CAP_DAC_OVERRIDE"),
        ("PR_GET_PDEATHSIG", 0x1000, "[SIGTERM]"),
        ("PR_GET_CHILD_SUBREAPER", 0x1000, "[15]"),
        ("PR_GET_PDEATHSIG", 0x9000, "0x9000"),
    ):
        data = arg.capture(thread, value, getattr(Prctl, operation), 0)
        saved = (
            data.encode() if isinstance(data, str) else data
        )  # as a trace gives text of an argument that may be bytes
        assert arg.text_among(saved, {"op": operation}) == text
    assert PrctlOutcome().text(0, {"op": "PR_GET_DUMPABLE"}) == "0 (SUID_DUMP_DISABLE)"
    assert PrctlOutcome().text(0x10, {"op": "PR_GET_SECUREBITS"}) == "0x10 (SECBIT_KEEP_CAPS)"
    assert PrctlOutcome().text(1, {"op": "PR_SET_NAME"}) == "1"


def test_arch_prctl_shows_what_it_stored() -> None:
    arg = ArchArgument("op")
    thread: Any = Thread(struct.pack("<Q", 0x7000))
    assert (
        arg.text_among(arg.capture(thread, 0x1000, 0, Arch.ARCH_GET_FS), {"op": "ARCH_GET_FS"}) == "[0x7000]"
    )
    assert arg.text_among(arg.capture(thread, 0x1000, 0, Arch.ARCH_SET_FS), {"op": "ARCH_SET_FS"}) == "0x1000"


def test_clone3_shows_the_pointers_that_its_flags_ask_for() -> None:
    given = struct.pack("<8Q", Clone.CLONE_SETTLS, 1, 2, 3, 17, 0x5000, 4096, 0x6000)
    thread: Any = Thread(given)
    arg = CloneArgsPointer("size")
    assert (
        arg.text(plain(arg.capture(thread, 0x1000, 64)))
        == "{flags=CLONE_SETTLS, exit_signal=SIGCHLD, stack=0x5000, stack_size=0x1000, tls=0x6000}"
    )


def test_clone3_shows_the_members_that_later_versions_added() -> None:
    given = struct.pack("<11Q", Clone.CLONE_INTO_CGROUP, 0, 0, 0, 17, 0, 0, 0, 0x1058, 2, 7)
    thread: Any = Thread(given + struct.pack("<ii", 31, 41))
    arg = CloneArgsPointer("size")
    text = arg.text(plain(arg.capture(thread, 0x1000, 88)))
    assert text.endswith(", set_tid=[31, 41], set_tid_size=2, cgroup=7}")
    assert "set_tid" not in arg.text(plain(arg.capture(thread, 0x1000, 64)))
    assert arg.capture(thread, 0x9000, 88) == 0x9000


def test_processor_masks() -> None:
    arg = InCpuMask("cpusetsize")
    thread = Thread(b"\x05\0\0\0\0\0\0\0")
    assert arg.text(arg.capture(thread, 0x1000, 8)) == "[0 2]"  # type: ignore[arg-type]
    assert arg.text(arg.capture(thread, 0x9000, 8)) == "0x9000"  # type: ignore[arg-type]
