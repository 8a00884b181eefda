"""A headless Chromium for tests of pages that open from disk, with everything it complains of and asks for; saved traces, and the terminal viewer on them."""

import asyncio
import importlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.wait import WebDriverWait
from websockets.sync.client import connect

from emu.machine import Machine
from emu.viewer import html

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from emu.viewer.app import Viewer

ROOT = Path(__file__).parents[3]

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # what a page asks the network for fails, and is seen
    "--window-size=1280,800",
)
PATIENCE = 60
"""Seconds for what takes less than one on a quiet machine."""


class Tab:
    """One page at a time."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path) -> None:
        """Opens the page from disk and waits until it says that it is ready, or that it cannot be."""
        self.driver.get("about:blank")
        self._logs()
        self.driver.get(page.as_uri())
        done = "return document.documentElement.dataset.ready || !(document.getElementById('failure')?.hidden ?? true)"
        self.until(done)

    def js(self, script: str, *arguments: Any) -> Any:
        """The value of `return ...` in the page."""
        return self.driver.execute_script(script, *arguments)

    def wait_for(self, script: str, *arguments: Any) -> Any:
        """As `js`, but the script may await."""
        found = self.driver.execute_async_script(
            "const given = [...arguments], done = given.pop();"
            f"(async (...given) => {{ {script} }})(...given).then((value) => done([value]), (error) => done(String(error.stack)));",
            *arguments,
        )
        assert isinstance(found, list), found
        return found[0]

    def until(self, script: str) -> Any:
        """Waits until the script returns something true."""
        return WebDriverWait(self.driver, PATIENCE, 0.02).until(lambda driver: driver.execute_script(script))

    def press(self, *keys: str) -> None:
        """Presses keys, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def text(self, selector: str) -> str:
        """What is written in the first element of a CSS selector."""
        return str(self.js("return document.querySelector(arguments[0])?.textContent ?? ''", selector))

    def emulate(self, width: int, height: int, scheme: str = "light") -> None:
        """The size of the window, and whether the person likes it dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def _logs(self) -> tuple[list[str], list[str]]:
        complaints = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return complaints, [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def trouble(self) -> tuple[list[str], list[str]]:
        """What stands on the console, and what was requested, since the page was opened."""
        return self._logs()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """The browser, started once; it runs without a network."""
    names = ("chromium", "chromedriver")
    found = [shutil.which(name) for name in names]
    if None in found:
        missing = " and ".join(name for name, path in zip(names, found, strict=True) if path is None)
        why = f"{missing} not found: install Debian's packages chromium and chromium-driver (.ci/run does)"
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    options = webdriver.ChromeOptions()
    options.binary_location = str(found[0])
    profile = tmp_path_factory.mktemp("chromium")
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # A path is given for the driver, so that Selenium does not look for one on the network.
    driver = webdriver.Chrome(options=options, service=Service(executable_path=str(found[1])))
    driver.set_script_timeout(PATIENCE)
    driver.set_page_load_timeout(PATIENCE)
    yield driver
    driver.quit()


@pytest.fixture
def tab(chromium: webdriver.Chrome) -> Iterator[Tab]:
    """A tab of the browser in the usual size. A page that complains, or asks for anything but itself, fails the test."""
    tab = Tab(chromium)
    tab.emulate(1280, 800)
    yield tab
    complaints, requests = tab.trouble()
    assert not complaints
    assert len(requests) == 1, requests
    assert requests[0].startswith("file:///")


@pytest.fixture(scope="session")
def traced(elf: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The saved trace of a guest of `tests/guests`, run once."""
    folder = tmp_path_factory.mktemp("traces")

    def trace(name: str) -> Path:
        target = folder / f"{name}.jsonl"
        if not target.exists():
            with open(os.devnull, "r+b") as nothing:
                null = nothing.fileno()
                machine = Machine(elf(name), stdin=null, stdout=null, stderr=null)
                machine.trace_to_file(str(target))
                machine.run()
        return target

    return trace


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., Path]:
    """Writes the page of a trace: of a file, or of records that are given."""

    def page(source: Path | list[dict[str, Any]], **options: Any) -> Path:
        if not isinstance(source, Path):
            records, source = source, tmp_path / "trace.jsonl"
            write_trace(source, records)
        target = tmp_path / "page.html"
        html.write(str(source), str(target), **options)
        return target

    return page


def write_trace(path: Path, records: list[dict[str, Any]], **header: Any) -> None:
    """Saves records as a trace."""
    first = {
        "format": "emu trace",
        "version": 1,
        "program": "/srv/guest",
        "argv": ["guest"],
        "pid": 1000,
    } | header
    path.write_text("".join(json.dumps(line) + "\n" for line in (first, *records)))


@pytest.fixture(scope="session")
def server_trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The saved trace of the bundled server with two workers: two requests, one WebSocket with an echo, the end by SIGINT."""
    target = tmp_path_factory.mktemp("server") / "server.jsonl"
    command = [
        sys.executable,
        "-m",
        "emu",
        "trace",
        "--payload",
        "4096",
        "-o",
        str(target),
        "server.elf",
        "--",
        "2",
        "127.0.0.1",
        "0",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment
    ) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        port = int(re.findall(rb":(\d+)/", said)[0])
        for path in ("/", "/nothing"):
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
                while client.recv(65536):
                    pass
        with connect(f"ws://127.0.0.1:{port}/ws", open_timeout=PATIENCE) as session:
            session.send("how are you?")
            assert session.recv(PATIENCE) == "how are you?"
        server.send_signal(signal.SIGINT)
        server.wait(PATIENCE)
    return target


Scenario = Callable[["Viewer", "Pilot[None]"], Awaitable[None]]


@pytest.fixture
def look() -> Callable[..., Any]:
    """Opens a trace in the terminal viewer, waits until it is read, and plays a scenario with its keys and mouse."""
    app, document = (importlib.import_module(f"emu.viewer.{name}") for name in ("app", "document"))

    def play(path: Path, scenario: Scenario, size: tuple[int, int] = (140, 40), **options: Any) -> Any:
        async def run() -> Any:
            viewer = app.Viewer(document.Document(path, follow=options.get("follow", False)), **options)
            async with viewer.run_test(size=size) as pilot:
                await until(lambda: viewer.is_read and not viewer.is_busy)
                await pilot.pause()
                await scenario(viewer, pilot)
            return viewer

        return asyncio.run(run())

    return play


async def until(holds: Callable[[], object]) -> None:
    """Waits until something holds, which it does at once on a quiet machine."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.01)
