"""Programs with a dynamic linker: where everything is put, and that the programs of this machine say what they say natively."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emu import Machine
from emu.binaries import binary_of
from emu.elf import ElfError
from syscalls.elf import Bytes, read

ROOT = Path(__file__).parent.parent.parent


def natively(program: str, *args: str, **env: str) -> tuple[int, bytes]:
    """Runs a program on the bare kernel, without address randomisation where there is setarch(8)."""
    plain = [shutil.which("setarch") or "", "-R"] if shutil.which("setarch") else []
    done = subprocess.run(
        [*plain, program, *args], stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=60, check=False, cwd="/"
    )  # fmt: skip
    return done.returncode, done.stdout


def emulated(
    program: str, *args: str, options: tuple[str, ...] = ("--root", "/"), **env: str
) -> tuple[int, bytes]:
    """Runs it with the whole machine as its root."""
    settings = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
    done = subprocess.run(
        [sys.executable, "-m", "emu", "run", *options, *settings, program, "--", *args],
        stdin=subprocess.DEVNULL, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120, check=False,
    )  # fmt: skip
    assert done.stderr == b"", done.stderr
    return done.returncode, done.stdout


def found(name: str) -> str:
    """The path of a program; the test is skipped where it is not installed."""
    path = shutil.which(name, path="/bin:/usr/bin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.mark.parametrize(
    "command",
    [
        "cat /etc/passwd",
        "ls -la /etc",
        "head -3 /etc/passwd",
        "sort -r /etc/passwd",
        "date -u +%Y-%m",
        "uname -srm",
        "wc /etc/passwd",
        "stat -c %s:%a:%F /etc/passwd /etc /dev/null",
        "find /etc/apt -type f",
        "sha256sum /bin/ls",
        "ls /nothing",
    ],
)
def test_programs_say_what_they_say_natively(command: str) -> None:
    name, *args = command.split(" ")
    native = subprocess.run(
        [found(name), *args], stdin=subprocess.DEVNULL, capture_output=True, env={}, cwd="/", check=False
    )
    done = subprocess.run(
        [sys.executable, "-m", "emu", "run", "--root", "/", found(name), "--", *args],
        stdin=subprocess.DEVNULL, capture_output=True, env={"PYTHONPATH": str(ROOT)}, cwd="/", timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (native.returncode, native.stdout, native.stderr)


@pytest.mark.parametrize(
    "script",
    [
        "echo $((6*7)); exit 3",
        "ls /etc | sort -r | head -2; for i in 1 2 3; do echo $i; done | wc -l",
        "(exit 5); echo $?; (kill -9 $$) 2>/dev/null; echo no",
        "sleep 0.05 & wait; echo $(cat /etc/hostname | tr a-z A-Z)",
        "exec ls -d /etc /usr",
        "exec /nothing",
        "cat <<END\nhere $HOME\nEND",
        "trap 'echo caught' USR1; kill -USR1 $$; echo after",
    ],
)
def test_the_shell_says_what_it_says_natively(script: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere"}
    path = found("sh")
    native = subprocess.run(
        [path, "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        cwd="/",
        check=False,
    )
    options = [word for name in environment for word in ("--env", f"{name}={environment[name]}")]
    done = subprocess.run(
        [sys.executable, "-m", "emu", "run", "--root", "/", *options, path, "--", "-c", script],
        stdin=subprocess.DEVNULL, capture_output=True, env={"PYTHONPATH": str(ROOT)}, cwd="/", timeout=120, check=False,
    )  # fmt: skip
    code = native.returncode if native.returncode >= 0 else 128 - native.returncode
    assert done.stdout == native.stdout, done.stderr
    assert done.returncode == code


def auxiliary(text: bytes) -> dict[str, str]:
    """What LD_SHOW_AUXV prints."""
    lines = [line.split(":", 1) for line in text.decode().splitlines() if line.startswith("AT_")]
    return {name.strip(): value.strip() for name, value in lines}


def test_the_auxiliary_vector_is_the_one_that_linux_gives() -> None:
    if not shutil.which("setarch"):
        pytest.skip("setarch is not installed")
    path = found("true")
    native = auxiliary(natively(path, LD_SHOW_AUXV="1")[1])
    own = auxiliary(emulated(path, LD_SHOW_AUXV="1")[1])
    if not own or not native:
        pytest.skip("the C library does not show it, or addresses cannot be kept from being random")
    assert own.keys() <= native.keys()
    assert "AT_SYSINFO_EHDR" not in own, "there is no vDSO"
    differing = {name for name in own if own[name] != native[name]}
    assert differing <= {
        "AT_HWCAP", "AT_HWCAP2", "AT_MINSIGSTKSZ", "AT_UID", "AT_EUID", "AT_GID", "AT_EGID", "AT_RANDOM",
        "AT_BASE",  # the vDSO may lie above it
    }  # fmt: skip


def test_mappings_are_those_of_the_files() -> None:
    path = found("cat")
    lines = emulated(path, "/proc/self/maps")[1].decode().splitlines()
    names = [line.split(None, 5)[5] if len(line.split(None, 5)) > 5 else "" for line in lines]
    assert os.path.realpath(path) in names
    assert any("/ld-linux" in name or "/ld-musl" in name for name in names)
    status = os.stat(path)
    assert f" {status.st_ino} " in lines[0] + " "
    assert lines[0].startswith("555555554000-")
    assert names[-1] == "[stack]"


def test_a_missing_interpreter_is_one_clear_line() -> None:
    path = found("true")
    done = subprocess.run(
        [sys.executable, "-m", "emu", "run", path],
        capture_output=True,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 126
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"emu: {path}: needs the interpreter /")
    assert line.endswith("--root shows it those of a directory (--root / this machine's)")


def test_nothing_stays_open(tmp_path: Path) -> None:
    path = found("true")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ElfError, match="interpreter"), Machine(path):
        pass
    with Machine(path, root="/") as machine:
        assert machine.run() == 0
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"text" * 100])
def test_a_broken_interpreter(tmp_path: Path, content: bytes) -> None:
    root = tmp_path / "root"
    data = Path(found("true")).read_bytes()
    place = read(Bytes(data), "true").interpreter
    assert place is not None
    target = root / os.fsdecode(place).lstrip("/")
    target.parent.mkdir(parents=True)
    target.write_bytes(content)
    target.chmod(0o755)
    with (
        pytest.raises(ElfError, match=r"its interpreter .* cannot be used"),
        Machine(found("true"), root=str(root)),
    ):
        pass
    target.chmod(0o644)
    with (
        pytest.raises(ElfError, match="cannot be used: Permission denied"),
        Machine(found("true"), root=str(root)),
    ):
        pass


def test_places_in_libraries() -> None:
    said: list[str] = []
    with Machine(
        found("sh"), ["sh", "-c", "kill -SEGV $$"], root="/", trace=True, say=said.append
    ) as machine:
        assert machine.run() == 139
        records = machine.trace
    assert "_exit" not in {record.get("function") for record in records}
    functions = {record.get("function") for record in records if record.get("name") == "kill"}
    assert functions <= {"kill", "__kill"}
    (report,) = [text for text in said if "killed by SIGSEGV" in text]
    assert "[libc.so" in report


def test_places_in_libraries_of_all_processes() -> None:
    script = "cat /etc/hostname >/dev/null; (exit 3); exec cat /dev/null"
    env = {"PATH": "/usr/bin:/bin"}
    with Machine(found("sh"), ["sh", "-c", script], root="/", env=env, trace=True) as machine:
        assert machine.run() == 0
        ends = [record for record in machine.trace if record.get("name") == "exit_group"]
    assert len(ends) == 3
    if {record.get("function", "") for record in ends} != {"_exit"}:
        pytest.skip("the C library names it otherwise")


def test_a_binary_is_read_once_and_only_while_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "program"
    shutil.copy(found("true"), path)
    status = path.stat()
    file = status.st_dev, status.st_ino
    binary = binary_of(os.fsencode(path), file)
    assert binary is not None
    assert binary_of(os.fsencode(path), file) is binary
    assert binary_of(os.fsencode(path), (0, 0)) is None
    assert binary_of(os.fsencode(tmp_path / "nothing"), file) is None
    path.write_bytes(b"another one")
    assert binary.data == b"", "what was there when it was mapped is gone"
    other = binary_of(os.fsencode(path), file)
    assert other is not None
    assert other.data == b"another one"
    assert other.address_of(0) is None
    assert other.symbols.chain(0) == ()


def test_a_script_begins_with_its_interpreter(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_bytes(
        b"#!/bin/sh -u\necho $0 $# $-; cat /proc/self/comm; tr '\\0' ' ' </proc/$$/cmdline; exit 4\n"
    )
    path.chmod(0o755)
    found("sh")
    said = []
    for start in (
        [],
        [sys.executable, "-m", "emu", "run", "--root", "/", "--rw", str(tmp_path), "--env", "PATH"],
    ):
        done = subprocess.run(
            [*start, str(path), *(["--"] if start else []), "a", "b c"], stdin=subprocess.DEVNULL, capture_output=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
        assert done.returncode == 4, done.stderr
        said.append(done.stdout)
    assert said[0] == said[1]
    with (
        pytest.raises(ElfError, match="needs the interpreter /bin/sh, which is not among the guest's files"),
        Machine(str(path)),
    ):
        pass
    path.write_bytes(b"#!/etc/passwd\n")
    with (
        pytest.raises(ElfError, match="its interpreter /etc/passwd cannot be used: Permission denied"),
        Machine(path, root="/"),
    ):
        pass
