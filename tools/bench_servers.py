"""The figures of the server: requests and echoes a second under load, and its memory when idle."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench_loops import LOGGING, Effort, choose
from bench_report import Row, Series
from bench_run import TOOLS, MeasureError, Subject, build, count_lines, emu_command

AT_ONCE = 8
ECHO_CONNECTIONS = 4
ECHO_WORKERS = 4
SERVER_SUBJECTS = ("emu-trace", "native", "strace", "emu", "qemu")
"""The first three are those that targets are about."""
START_LIMIT = 15.0  # seconds until the server must have said where it listens
END_LIMIT = 5.0  # seconds after SIGTERM until it is killed
LISTENING = re.compile(rb"http://[\d.]+:(\d+)/")


@contextmanager
def serving(command: Sequence[str], folder: Path) -> Iterator[tuple[int, int]]:
    """A server process for as long as the block runs; gives its pid and the port that it announced on stdout."""
    complaints = folder / "server.err"
    with complaints.open("wb") as stderr:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, cwd=folder,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process.pid, announced_port(process, complaints)
    finally:
        # strace and its guest are two processes: the whole group is asked to end.
        for number, limit in ((signal.SIGTERM, END_LIMIT), (signal.SIGKILL, END_LIMIT)):
            try:
                os.killpg(process.pid, number)
                process.wait(limit)
                break
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                process.wait()
                break
        if process.stdout:
            process.stdout.close()


def announced_port(process: subprocess.Popen[bytes], complaints: Path) -> int:
    """The port in the line that the server prints when it listens; MeasureError when none comes."""
    assert process.stdout
    fd = process.stdout.fileno()
    said = b""
    deadline = time.monotonic() + START_LIMIT
    while (match := LISTENING.search(said)) is None or b"\n" not in said:
        ready, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(fd, 4096) if ready else b""
        if not part:
            last = complaints.read_text(errors="replace").strip().splitlines()[-1:] or ["no message"]
            raise MeasureError(f"the server did not start to listen: {last[0]}")
        said += part
    return int(match[1])


def client(command: Sequence[str], seconds: float) -> str:
    """What a load generator printed; MeasureError when it failed or hung."""
    limit = 4 * seconds + 20
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise MeasureError(f"{Path(command[0]).name} hung for {limit:.0f} s") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise MeasureError(f"{Path(command[0]).name} failed: {last[0]}")
    return done.stdout


def parse_ab(text: str) -> float:
    """Requests a second from ab's report; MeasureError when any request failed or was not answered with 2xx."""
    numbers = dict(re.findall(r"^([A-Z][\w -]+):\s+([\d.]+)", text, re.MULTILINE))
    bad = int(numbers.get("Failed requests", 0)) + int(numbers.get("Non-2xx responses", 0))
    if "Requests per second" not in numbers or not int(numbers.get("Complete requests", 0)):
        raise MeasureError("ab completed no request")
    if bad:
        raise MeasureError(f"{bad} of {numbers['Complete requests']} requests failed")
    return float(numbers["Requests per second"])


def parse_wrk(text: str) -> float:
    """Requests a second from wrk's report; MeasureError when any request failed."""
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", text, re.MULTILINE)
    bad = re.search(r"^\s*Non-2xx or 3xx responses: (\d+)", text, re.MULTILINE)
    errors = re.search(
        r"^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text, re.MULTILINE
    )
    if rate is None or not float(rate[1]):
        raise MeasureError("wrk completed no request")
    if bad or (errors and any(int(number) for number in errors.groups())):
        raise MeasureError(f"requests failed: {(bad or errors or [''])[0].strip()}")
    return float(rate[1])


def http_load(tool: str, seconds: float, keep: bool = False) -> Callable[[int], float]:
    """The load: `GET /`, 8 at once, for so long; a function of the port to requests a second.

    One connection a request, or with `keep` one for each of the 8 clients.
    """

    def load(port: int) -> float:
        url = f"http://127.0.0.1:{port}/"
        whole = max(1, round(seconds))  # both know only whole seconds
        if tool == "wrk":
            once = [] if keep else ["-H", "Connection: close"]
            return parse_wrk(client(["wrk", "-t1", f"-c{AT_ONCE}", f"-d{whole}s", *once, url], seconds))
        # -t implies 50,000 requests at most unless -n follows it.
        limits = ["-t", str(whole), "-n", "500000", *(["-k"] if keep else [])]
        return parse_ab(client(["ab", "-q", "-c", str(AT_ONCE), *limits, url], seconds))

    return load


def echo_load(seconds: float, busy: list[float]) -> Callable[[int], float]:
    """The load: WebSocket echoes on 4 connections; a function of the port to echoes a second. `busy` collects the client's
    own load."""

    def load(port: int) -> float:
        script = str(TOOLS / "bench_websocket.py")
        arguments = ["127.0.0.1", str(port), str(ECHO_CONNECTIONS), str(seconds)]
        found = json.loads(client([sys.executable, script, *arguments], seconds))
        busy.append(found["busy"])
        return float(found["echoes"] / found["seconds"])

    return load


def rates(
    subjects: Sequence[Subject],
    elf: Path,
    workers: int,
    load: Callable[[int], float],
    folder: Path,
    effort: Effort,
) -> tuple[dict[str, list[float]], list[str]]:
    """What `load` gives for each subject's server, one value a round, and notes on who failed. A fresh server every time."""
    found: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    notes: list[str] = []
    for _ in range(effort.rounds):
        for subject in subjects:
            if subject.name not in found:
                continue
            out = folder / f"{subject.name}.out"
            out.unlink(missing_ok=True)
            command = [*subject.command(str(elf), out), str(workers), "127.0.0.1", "0"]
            try:
                with serving(command, folder) as (_, port):
                    rate = load(port)
                if subject.name in LOGGING and (lines := count_lines(out)) < rate * effort.seconds:
                    raise MeasureError(f"its log has {lines} lines for {rate * effort.seconds:.0f} requests")
                found[subject.name].append(rate)
            except MeasureError as error:
                notes.append(f"{subject.name} left out: {error}")
                del found[subject.name]
            out.unlink(missing_ok=True)
    return found, notes


def http_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """Requests a second: one connection a request with one and with four workers, then kept connections."""
    elf = build("server", folder)
    rows = []
    for workers, keep in ((1, False), (4, False), (4, True))[: 2 if effort.brief else 3]:
        words = "connections kept" if keep else "one connection each"
        what = f"HTTP requests/s, {AT_ONCE} at once, {words}, {workers} worker{'s' * (workers > 1)}, traced"
        row = Row("http", what, "emu-trace")
        rows.append(row)
        # ab keeps connections only in the manner of HTTP/1.0.
        tool = next((name for name in (("wrk", "ab") if keep else ("ab", "wrk")) if shutil.which(name)), None)
        if tool is None:
            row.failure = "neither ab nor wrk is installed"
            continue
        subjects = choose(installed, *(SERVER_SUBJECTS[:3] if effort.brief else SERVER_SUBJECTS))
        load = http_load(tool, effort.seconds, keep)
        found, row.notes = rates(subjects, elf, workers, load, folder, effort)
        row.series = {name: Series(name, "/s", tuple(values)) for name, values in found.items()}
        if not keep:
            row.relative("native", 0.5, least=True)
            row.relative("strace", 3.0, least=True)
    return rows


def websocket_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """Echoes a second on four connections."""
    elf = build("server", folder)
    row = Row(
        "websocket",
        f"WebSocket echoes/s, {ECHO_CONNECTIONS} connections, traced",
        "emu-trace",
    )
    busy: list[float] = []
    subjects = choose(installed, *(SERVER_SUBJECTS[:3] if effort.brief else SERVER_SUBJECTS))
    found, row.notes = rates(subjects, elf, ECHO_WORKERS, echo_load(effort.seconds, busy), folder, effort)
    row.series = {name: Series(name, "/s", tuple(values)) for name, values in found.items()}
    if busy:
        row.notes.append(f"the client was busy for at most {max(busy):.0%} of the time")
    row.relative("native", 0.4, least=True)
    row.relative("strace", 1.0, least=True, words="above strace -f -o")
    return [row]


def memory_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """Resident memory of the idle server, started as a user starts it: by its bundled name."""
    elf = build("server", folder)  # fills the cache of built programs, too
    elf.unlink()
    arguments = ["4", "127.0.0.1", "0"]
    row = Row("memory", "memory of an idle `emu run server.elf`", "emu")
    commands = {"emu": [*emu_command(), "run", "server.elf", "--", *arguments]}
    resident, proportional = [], []
    with serving(commands["emu"], folder) as (pid, _):
        for _ in range(effort.rounds):
            time.sleep(0.3)
            sizes = memory_of(pid)
            resident.append(sizes["Rss"])
            proportional.append(sizes["Pss"])
    row.series["emu"] = Series("emu", "MiB", tuple(resident))
    row.notes.append(f"its proportional share (Pss) is {proportional[-1]:.1f} MiB")
    elf = build("server", folder)
    for subject in choose(installed, "native", "qemu"):
        with serving([*subject.command(str(elf), folder / "out"), *arguments], folder) as (pid, _):
            time.sleep(0.3)
            row.series[subject.name] = Series(subject.name, "MiB", (memory_of(pid)["Rss"],))
    row.at_most(150.0)
    return [row]


def memory_of(pid: int) -> dict[str, float]:
    """MiB by name (Rss, Pss, ...) from proc(5) smaps_rollup."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(size) / 1024 for name, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
