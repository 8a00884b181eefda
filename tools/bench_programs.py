"""The figures of servers that people use: redis-server under redis-benchmark and nginx under ab, emulated beside native in the same rounds."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench_loops import Effort
from bench_report import Row, Series
from bench_run import MeasureError, emu_command
from bench_servers import client, parse_ab

SEARCHED = "/usr/bin:/usr/sbin"
START_LIMIT = 30.0  # seconds until the server must answer a connection
END_LIMIT = 10.0  # seconds after it was asked to end until it is killed
NGINX_AT_ONCE = 8

CONF = """
user root;
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  scgi_temp_path {folder}/scgi;
  uwsgi_temp_path {folder}/uwsgi;
  sendfile on;
  keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, folder: Path, stop: int) -> Iterator[None]:
    """A server as long as the block runs, from when it takes a connection; ended by the signal `stop`."""
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=folder
        )
    try:
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if process.poll() is not None or time.monotonic() > deadline:
                    last = (folder / "said").read_text(errors="replace").strip().splitlines()[-1:]
                    raise MeasureError(f"{command[0]} does not listen: {last or 'no message'}") from None
                time.sleep(0.05)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(END_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def both(
    command: Sequence[str], load: Callable[[int], float], port: int, folder: Path, rounds: int, stop: int
) -> tuple[dict[str, list[float]], list[str]]:
    """What `load(port)` gives for a server, emulated and native in turns, and notes on what failed."""
    around = [
        *emu_command(),
        "run",
        "--root",
        "/",
        "--rw",
        str(folder),
        "--user",
        f"{os.getuid()}:{os.getgid()}",
    ]
    commands = {"emu": [*around, command[0], "--", *command[1:]], "native": list(command)}
    found: dict[str, list[float]] = {name: [] for name in commands}
    notes = []
    for _ in range(rounds):
        for name in list(found):
            try:
                with running(commands[name], port, folder, stop):
                    load(port)  # to warm up
                    found[name].append(load(port))
            except MeasureError as error:
                notes.append(f"{name} left out: {error}")
                del found[name]
    return found, notes


def parse_redis(text: str) -> float:
    """Requests a second from redis-benchmark's CSV; MeasureError when it has none."""
    rates = re.findall(r'^"(?:SET|GET)","([\d.]+)"', text, re.MULTILINE)
    if len(rates) != 1 or not float(rates[0]):
        raise MeasureError(f"redis-benchmark gave no figure: {text.strip()[-100:]!r}")
    return float(rates[0])


def redis_rows(folder: Path, effort: Effort) -> list[Row]:
    """redis-benchmark: SET and GET, 10 connections, no pipelining."""
    rows = []
    for word in ("SET",) if effort.brief else ("SET", "GET"):
        row = Row("programs", f"redis-server under `emu run`: {word}/s, 10 connections", "emu")
        rows.append(row)
        if missing := absent("redis-server", "redis-benchmark"):
            row.failure = missing
            continue
        port = free_port()
        command = [
            str(shutil.which("redis-server", path=SEARCHED)), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
            "--save", "", "--maxclients", "100",
        ]  # fmt: skip

        def load(port: int, word: str = word) -> float:
            words = [
                "redis-benchmark",
                "-p",
                str(port),
                "-n",
                "20000",
                "-c",
                "10",
                "-P",
                "1",
                "-t",
                word.lower(),
            ]
            return parse_redis(client([*words, "--csv"], 10.0))

        found, row.notes = both(command, load, port, folder, effort.rounds, signal.SIGTERM)
        row.series = {name: Series(name, "/s", tuple(values)) for name, values in found.items()}
        row.relative("native", 1 / 15, least=True)
    return rows


def nginx_rows(folder: Path, effort: Effort) -> list[Row]:
    """ab against nginx with two workers: a small file, one connection a request, and kept connections."""
    rows = []
    for keep in (False, True):
        words = "connections kept" if keep else "one connection each"
        row = Row(
            "programs",
            f"nginx under `emu run`: requests/s, {NGINX_AT_ONCE} at once, {words}, 2 workers",
            "emu",
        )
        rows.append(row)
        if missing := absent("nginx", "ab"):
            row.failure = missing
            continue
        port = free_port()
        (folder / "index.html").write_text("<h1>hello</h1>\n")
        (folder / "nginx.conf").write_text(CONF.format(folder=folder, port=port))
        folder.chmod(0o755)
        command = [
            str(shutil.which("nginx", path=SEARCHED)), "-p", str(folder), "-c", str(folder / "nginx.conf"),
        ]  # fmt: skip

        def load(port: int, keep: bool = keep) -> float:
            limits = ["-n", "5000", *(["-k"] if keep else [])]
            url = f"http://127.0.0.1:{port}/index.html"
            return parse_ab(client(["ab", "-q", "-c", str(NGINX_AT_ONCE), *limits, url], 10.0))

        found, row.notes = both(command, load, port, folder, effort.rounds, signal.SIGQUIT)
        row.series = {name: Series(name, "/s", tuple(values)) for name, values in found.items()}
        row.relative("native", 1 / 8, least=True)
    return rows


def absent(*programs: str) -> str:
    """Which of these are not installed, in words; empty when all are."""
    missing = [name for name in programs if shutil.which(name, path=SEARCHED) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def program_rows(_: object, folder: Path, effort: Effort) -> list[Row]:
    """Redis and nginx."""
    return [*redis_rows(folder, effort), *nginx_rows(folder, effort)]
