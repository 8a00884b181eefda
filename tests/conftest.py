"""What every test may use: guests that run natively and emulated, and must say the same; a headless Chromium."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.wait import WebDriverWait

from guest.compiler import build

# The same examples in every run, and no verdict from a clock: what fails once fails again, on any machine.
settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")

ROOT = Path(__file__).parent.parent
SLOW = (
    "tests/emu/plugin", "tests/emu/viewer", "tests/emu/trace/test_strace_native.py", "tests/test_tutorial.py",
    "tests/server/test_limits.py", "tests/syscalls/test_signalfd.py",
    "tests/guest/programs/test_pty_server",
)  # fmt: skip
"""What takes long as a whole: left out while working (`python3 tools/dev.py quick`)."""

GUESTS = ROOT / "tests" / "guests"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is slow as a whole, before anything is chosen by its marks."""
    for item in items:
        if item.path.is_relative_to(ROOT) and item.path.relative_to(ROOT).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Outcome:
    """What one run of a guest left behind. `status` is a shell's: 128+N when signal N ended it."""

    status: int
    stdout: bytes
    stderr: bytes


@pytest.fixture(scope="session")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compiles `tests/guests/NAME.py` (or a bundled program) once a session; returns the ELF's path."""
    folder = tmp_path_factory.mktemp("elf")
    built: dict[str, Path] = {}

    def compiled(name: str) -> Path:
        if name not in built:
            source = GUESTS / f"{name}.py"
            target = folder / f"{name.replace('/', '_')}.elf"
            target.write_bytes(build(str(source) if source.exists() else name))
            target.chmod(0o755)
            built[name] = target
        return built[name]

    return compiled


def run_native(path: Path, args: Sequence[str] = (), stdin: bytes = b"", timeout: float = 20) -> Outcome:
    """Runs the ELF on the bare kernel in an empty environment."""
    done = subprocess.run(
        [str(path), *args], input=stdin, capture_output=True, timeout=timeout, env={}, cwd="/tmp", check=False
    )
    return Outcome(
        done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout, done.stderr
    )


def run_emulated(
    path: Path,
    args: Sequence[str] = (),
    stdin: bytes = b"",
    timeout: float = 60,
    options: Sequence[str] = (),
) -> Outcome:
    """Runs the ELF under `emu run`."""
    done = subprocess.run(
        [sys.executable, "-m", "emu", "run", *options, str(path), "--", *args],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def same(elf: Callable[[str], Path]) -> Callable[..., Outcome]:
    """Runs a guest natively and emulated, asserts that both say the same, returns the native outcome."""

    def compare(name: str, *args: str, stdin: bytes = b"", status: int | None = 0) -> Outcome:
        path = elf(name)
        native = run_native(path, args, stdin)
        emulated = run_emulated(path, args, stdin)
        assert emulated.stdout.decode("latin-1") == native.stdout.decode("latin-1"), emulated.stderr.decode(
            "latin-1"
        )
        assert emulated.status == native.status, emulated.stderr.decode("latin-1")
        if status is not None:
            assert native.status == status, native.stdout.decode("latin-1") + native.stderr.decode("latin-1")
        return native

    return compare


@pytest.fixture
def native(elf: Callable[[str], Path]) -> Callable[..., Outcome]:
    """Runs a guest on the bare kernel."""

    def run(name: str, *args: str, stdin: bytes = b"") -> Outcome:
        return run_native(elf(name), args, stdin)

    return run


@pytest.fixture
def emulated(elf: Callable[[str], Path]) -> Callable[..., Outcome]:
    """Runs a guest by `emu run`; `options` stand before the program."""

    def run(name: str, *args: str, stdin: bytes = b"", options: Sequence[str] = ()) -> Outcome:
        return run_emulated(elf(name), args, stdin, options=options)

    return run


SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # what a page asks the network for fails, and is seen
    "--window-size=1280,800",
)
PATIENCE = 60
"""Seconds for what takes less than one on a quiet machine."""


class Tab:
    """One page at a time."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.server: str | None = None

    def open(self, page: Path) -> None:
        """Opens the page from disk and waits until it says that it is ready, or that it cannot be."""
        self.driver.get("about:blank")
        self._logs()
        self.driver.get(page.as_uri())
        done = "return document.documentElement.dataset.ready || !(document.getElementById('failure')?.hidden ?? true)"
        self.until(done)

    def visit(self, url: str) -> None:
        """Opens a page of a server; nothing but what this server has may be asked for."""
        self.driver.get("about:blank")
        self._logs()
        self.server = url
        self.driver.get(url)

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
    """The browser, started once; it runs without a network, but for servers at 127.0.0.1."""
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
    """A tab of the browser in the usual size. A page that complains, or asks for anything but itself or its server, fails the test."""
    tab = Tab(chromium)
    tab.emulate(1280, 800)
    yield tab
    complaints, requests = tab.trouble()
    assert not complaints
    if tab.server is None:
        assert len(requests) == 1, requests
        assert requests[0].startswith("file:///")
    else:
        assert not [url for url in requests if not url.startswith((tab.server, "data:"))]
