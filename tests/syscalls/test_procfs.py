"""The guest's /proc and /sys: in the kernel's formats, true for the guest, and enough for the tools that read them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emu.cpuid import cpuid

REPOSITORY = Path(__file__).parent.parent.parent

Shown = Callable[..., str]


@pytest.fixture
def shown(elf: Callable[[str], Path]) -> Shown:
    """What an emulated guest finds in files and directories (those end in a slash)."""

    def show(*paths: str) -> str:
        command = [sys.executable, "-m", "emu", "run", str(elf("proc_shows")), "--", *paths]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(command, capture_output=True, timeout=60, env=environment, check=True)
        assert done.stderr == b""
        return done.stdout.decode("utf-8", "replace")  # auxv is binary

    return show


def shell(script: str) -> str:
    """What a shell of this machine prints in the emulator, with the machine's files."""
    options = ["--root", "/", "--env", "PATH=/usr/bin:/bin", "--env", "TERM=dumb"]
    done = subprocess.run(
        [sys.executable, "-m", "emu", "run", *options, "/bin/sh", "--", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def needs(*programs: str) -> pytest.MarkDecorator:
    """For tests with programs that not every machine has."""
    missing = [program for program in ("sh", *programs) if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")


NATIVE = ("stat", "statm", "status", "limits", "loadavg", "uptime", "meminfo")


def shape(name: str, text: str) -> list[str]:
    """What must be the same as in the kernel's file: the names of lines and their units, or the number of fields."""
    if name in ("status", "meminfo"):
        return [re.sub(r"[\d,]+", "1", line) for line in text.splitlines()]
    if name == "limits":
        return [line[:26] + line[68:] for line in text.splitlines()]
    return [str(len(text.split()))]


@pytest.mark.parametrize("name", NATIVE)
def test_formats_are_the_kernel_s(shown: Shown, name: str) -> None:
    place = f"/proc/{name}" if name in ("loadavg", "uptime", "meminfo") else f"/proc/self/{name}"
    guest, kernel = shape(name, shown(place)), shape(name, Path(place).read_text())
    if name == "status":
        own = {line.partition(":")[0] for line in kernel}
        assert {line.partition(":")[0] for line in guest} <= own
    elif name == "meminfo":
        assert [line.partition(":")[0] for line in guest[:5]] == [
            line.partition(":")[0] for line in kernel[:5]
        ]
    else:
        assert guest == kernel


def test_a_process_alone(shown: Shown) -> None:
    fields = shown("/proc/self/stat").split()
    assert fields[:8] == ["1000", "(proc_shows.elf)", "R", "999", "1000", "999", "0", "-1"]
    assert int(fields[22]) // 4096 == int(shown("/proc/self/statm").split()[0])
    listed = shown("/proc/").split()
    assert [name for name in listed if name.isdigit()] == ["1000"]
    assert shown("/proc/self/task/").split() == [".", "..", "1000"]
    assert shown("/proc/self/fd/").split() == [".", "..", "0", "1", "2", "3"]


def test_every_file_can_be_read(shown: Shown) -> None:
    files = [
        name
        for name in shown("/proc/self/").split()
        if name not in ("cwd", "root", "exe", "fd", "fdinfo", "task")
    ]
    texts = shown(*[f"/proc/self/{name}" for name in files if not name.startswith(".")])
    assert not re.search("(open|read): -E", texts)
    files = [
        name for name in shown("/proc/").split() if name.isalpha() and name not in ("self", "sys", "tty")
    ]
    texts = shown(*[f"/proc/{name}" for name in files])
    assert not re.search("(open|read): -E", texts)


_FEATURES = {
    "fpu": (1, 3, 0), "tsc": (1, 3, 4), "cx8": (1, 3, 8), "sep": (1, 3, 11), "cmov": (1, 3, 15), "clflush": (1, 3, 19),
    "mmx": (1, 3, 23), "fxsr": (1, 3, 24), "sse": (1, 3, 25), "sse2": (1, 3, 26), "pni": (1, 2, 0),
    "pclmulqdq": (1, 2, 1), "ssse3": (1, 2, 9), "fma": (1, 2, 12), "cx16": (1, 2, 13), "sse4_1": (1, 2, 19),
    "sse4_2": (1, 2, 20), "movbe": (1, 2, 22), "popcnt": (1, 2, 23), "aes": (1, 2, 25), "avx": (1, 2, 28),
    "rdrand": (1, 2, 30), "fsgsbase": (7, 1, 0), "avx2": (7, 1, 5), "erms": (7, 1, 9), "adx": (7, 1, 19),
    "syscall": (0x80000001, 3, 11), "nx": (0x80000001, 3, 20), "rdtscp": (0x80000001, 3, 27), "lm": (0x80000001, 3, 29),
    "lahf_lm": (0x80000001, 2, 0), "abm": (0x80000001, 2, 5), "sse4a": (0x80000001, 2, 6), "3dnowprefetch": (0x80000001, 2, 8),
    "topoext": (0x80000001, 2, 22), "mmxext": (0x80000001, 3, 22), "bmi1": (7, 1, 3), "bmi2": (7, 1, 8), "clflushopt": (7, 1, 23),
    "rdpid": (7, 2, 22), "xsave": (1, 2, 26), "rdseed": (7, 1, 18), "sha_ni": (7, 1, 29),
}  # fmt: skip
"""Name in cpuinfo to leaf, register (eax, ebx, ecx, edx) and bit."""


def test_cpuinfo_says_what_cpuid_says(shown: Shown) -> None:
    text = shown("/proc/cpuinfo")
    flags = next(line for line in text.splitlines() if line.startswith("flags")).split()
    for name, (leaf, register, bit) in _FEATURES.items():
        assert (name in flags) == bool(cpuid(leaf, 0)[register] >> bit & 1), name
    assert "model name\t: emu virtual processor\n" in text
    assert text.count("processor\t: ") == 1
    assert shown("/sys/devices/system/cpu/online") == "0\n"


def test_random_numbers_follow_from_the_seed(shown: Shown) -> None:
    first = shown("/proc/sys/kernel/random/uuid")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n", first)
    assert shown("/proc/sys/kernel/random/uuid") == first


@needs("ps", "sleep")
def test_ps_sees_the_guest_s_processes() -> None:
    lines = shell("sleep 5 & ps -eo pid,ppid,pgid,sid,stat,args; kill $!").splitlines()
    assert lines[0].split() == ["PID", "PPID", "PGID", "SID", "STAT", "COMMAND"]
    rows = [line.split(None, 5) for line in lines[1:]]
    assert [row[:4] for row in rows] == [
        ["1000", "999", "1000", "999"], ["1001", "1000", "1000", "999"], ["1002", "1000", "1000", "999"],
    ]  # fmt: skip
    assert rows[1][5] == "sleep 5"
    assert [row[4][0] for row in rows] == ["S", "S", "R"]


@needs("ps")
def test_ps_with_all_its_columns() -> None:
    lines = shell(
        "ps aux; ps -ef; ps -eLf; ps axjf; ps -eo lstart,etime,time,wchan,nlwp,rss,vsz,tty,user,group"
    ).splitlines()
    assert sum(line.split()[:2] == ["USER", "PID"] for line in lines) == 1
    assert sum("ps aux" in line for line in lines) >= 2


@needs("top", "free", "uptime", "vmstat")
def test_screens_of_procps() -> None:
    text = shell("top -b -n2 -d0.1; free; uptime; vmstat")
    assert re.search(r"^Tasks: +2 total, +1 running, +1 sleeping, +0 stopped, +0 zombie$", text, re.MULTILINE)
    assert re.search(r"^%Cpu\(s\): +[\d.]+ us", text, re.MULTILINE)
    assert re.search(r"^ *1001 \w+ +20 +0 .* R .* top$", text, re.MULTILINE)
    assert re.search(r"^Mem: +4194304 ", text, re.MULTILINE)
    assert "load average: 0.00, 0.00, 0.00" in text


@needs("cat", "readlink")
def test_the_shell_sees_its_children() -> None:
    script = (
        "cat /proc/$$/comm /proc/self/comm; cd /etc; readlink /proc/$$/cwd /proc/self/exe; ls -d /proc/[0-9]*"
    )
    lines = shell(script).split()
    assert lines[:2] == ["sh", "cat"]
    assert lines[2] == "/etc"
    assert lines[3] == os.path.realpath(shutil.which("readlink") or "")
    assert lines[4:] == ["/proc/1000"]  # the shell made the names before it made a process


@needs("df", "find", "id", "stat")
def test_mounts_and_names_of_users() -> None:
    text = shell(
        "df /tmp /proc | tail -n 2; cat /proc/mounts; stat -f -c %T /proc /sys /tmp; ls -ld /etc/passwd"
    )
    assert re.search(r"^proc /proc proc ", text, re.MULTILINE)
    assert "tmpfs /tmp tmpfs rw,relatime 0 0" in text
    assert "proc\nsysfs\ntmpfs\n" in text
    assert " root root " in text
