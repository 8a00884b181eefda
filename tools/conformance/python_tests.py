"""The tests of Python's standard library as a measure: which are run, what each came to, and which are left out with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PYTHON = Path("/usr/bin/python3.11")
LIBRARY = Path("/usr/lib/python3.11/test")
"""Where Debian's libpython3.11-testsuite puts them."""
ENVIRONMENT = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}

LEFT_OUT = {
    "*VSOCK*": "sockets to a hypervisor: wait for ever on a machine that has one",
    "test_fcntl_64_bit": "F_NOTIFY is refused (docs/syscalls.md)",
    "test_get_and_set_scheduler_and_param": "asks for the scheduler of the parent, which is outside of the bench",
    "test_no_leaking": "skips itself where a shell allows more than 1,026 descriptors",
    "*test_sethostname": "changes the name of the machine",
    "testHostnameRes": "looks the machine up by its address in the network, which the bench does not reach",
    "testSockName": "the same",
    "testInterfaceNameIndex": "AF_NETLINK is not offered",
    "*scopeid_symbolic": "the same",
}
"""Names of tests, as `-m test --ignore` takes them, and why they are not compared."""


@dataclass(frozen=True)
class Slice:
    """Some modules, run by one interpreter; `only` are patterns of the tests that are taken, all when empty."""

    name: str
    modules: tuple[str, ...]
    only: tuple[str, ...] = ()
    short: bool = False

    def command(self, folder: Path) -> list[str]:
        """How they are run, with their files in a folder."""
        words = [str(PYTHON), "-m", "test", "-v", "--tempdir", str(folder)]
        for pattern in LEFT_OUT:
            words += ["--ignore", pattern]
        for pattern in self.only:
            words += ["--match", pattern]
        return words + list(self.modules)


SLICES = (
    Slice("readiness", ("test_epoll", "test_select", "test_poll")),
    Slice("terminals", ("test_pty", "test_openpty", "test_fcntl")),
    Slice("descriptors", ("test_file", "test_thread", "test_resource")),
    Slice("memory", ("test_mmap",), short=True),
    Slice("files", ("test_os",), only=("*Stat*", "*Dir*", "*Link*", "*FileTests*", "*Memfd*", "*EventFD*", "*Pidfd*", "*Spawn*")),
    Slice("posix", ("test_posix",), only=("*PosixTester*", "*Groups*")),
    Slice("children", ("test_fork1", "test_wait3", "test_wait4", "test_popen")),
    Slice("subprocess", ("test_subprocess",), only=("*POSIXProcessTestCase.test_[a-k]*",)),
    Slice("threads", ("test_threading",), only=("*LockTests*", "*EventTests*", "*Barrier*", "*Condition*", "*ThreadTests.test_[a-i]*")),
    Slice("signals", ("test_signal", "test_threadsignals"), only=("*Wakeup*", "*Pending*", "*Posix*", "*Pidfd*", "*ThreadSignals*", "*itimer_real*")),
    Slice("sockets", ("test_socket",), only=("*TCP*", "*UDP*", "*Unix*", "*GeneralModule*", "*SocketPair*", "*Sendmsg*", "*Recvmsg*SCM*")),
)  # fmt: skip

_RESULT = re.compile(r"(ok|FAIL|ERROR|expected failure|unexpected success|skipped\b.*)$")
_TEST = re.compile(r"^\w+ \((test\.[\w.]+)\)")


def missing(slice_: Slice) -> str:
    """What is not installed here, empty when all is there."""
    if not PYTHON.exists():
        return PYTHON.name
    there = all((LIBRARY / f"{name}.py").exists() for name in slice_.modules)
    return "" if there else "libpython3.11-testsuite"


def results(output: bytes) -> dict[str, str]:
    """What each test came to: "ok", "FAIL", "ERROR", "skipped"... Its own words may stand between its name and that."""
    found: dict[str, str] = {}
    name = ""
    for line in output.decode("utf-8", "replace").splitlines():
        if start := _TEST.match(line):
            name = start[1]
        if (
            name
            and (end := _RESULT.search(line))
            and (line[: end.start()].endswith("... ") or not end.start())
        ):
            found[name] = end[1].split()[0]
            name = ""
    return found


def changes(want: Mapping[str, str], got: Mapping[str, str]) -> Iterator[str]:
    """The tests that came to something else."""
    for name in sorted(want.keys() | got.keys()):
        native, emulated = want.get(name, "not run"), got.get(name, "not run")
        if native != emulated:
            yield f"{name.removeprefix('test.')}: natively {native}, emulated {emulated}"


def difference(want: Mapping[str, str], got: Mapping[str, str]) -> str:
    """The tests that came to something else, in words; also when there was none."""
    return "; ".join(changes(want, got)) or ("" if want else "no test was run natively")
