"""Runs of pytest on test files that use the plugin: in this process, or in one of their own."""

import importlib
import re
from collections.abc import Callable

import pytest

# pytester forgets what a run inside this process has imported: half of a package must not be loaded twice.
for module in (
    "emu.plugin.guests",
    "emu.postmortem",
    "emu.trace.jsonl",
    "emu.trace.kept",
    "guest.compiler.driver",
):
    importlib.import_module(module)

PRELUDE = '''
import errno
import socket

import pytest

REQUEST = b"GET /healthz HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n"

HEAD = """
from guest.lang import array, addr, asm, i64, ptr, syscall, u8, u64
from guest.rt.start import _start
from syscalls import numbers


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
"""


def body(text):
    """A guest whose main function is this."""
    return HEAD + "".join(f"    {line}\\n" for line in text.strip().splitlines())


def ask(guest):
    """One request to the bundled server."""
    with guest.connect() as client:
        client.sendall(REQUEST)
        assert client.recv(1000).endswith(b"ok\\n")


'''


class Run:
    """What a run of pytest said; ports, durations and addresses are masked."""

    def __init__(self, result: pytest.RunResult) -> None:
        self.result = result
        self.text = _masked(result.stdout.str())

    def outcomes(self, **expected: int) -> None:
        """So many tests passed, failed..."""
        assert (
            self.result.parseoutcomes() == expected
            or {name: count for name, count in self.result.parseoutcomes().items() if name != "warnings"}
            == expected
        ), self.text


def _masked(text: str) -> str:
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"waited \d+\.\d+ s", "waited TIME", text)
    text = re.sub(r"after \d+ system calls", "after N system calls", text)
    text = re.sub(r"took \d+\.\d+ s", "took TIME", text)
    return re.sub(r"0x[0-9a-f]{5,}", "ADDRESS", text)


@pytest.fixture
def tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Writes `test_it.py` (a prelude is put before the text) and runs pytest on it; `apart`: in a process of its own."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)

    def run(text: str, *options: str, apart: bool = False) -> Run:
        pytester.makepyfile(test_it=PRELUDE + text)
        words = ("-p", "no:cacheprovider", "-q", *options)
        if apart:
            return Run(pytester.runpytest_subprocess(*words, timeout=60))
        return Run(pytester.runpytest_inprocess(*words))

    return run
