"""The pytest plugin: the fixture `emu`, the mark of the same name, and what a failing test leaves behind (docs/pytest.md).

Only this file is loaded into every session of pytest; the rest comes with the first test that uses the fixture.
"""

import importlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emu.plugin.guests import Guests

_GUESTS: pytest.StashKey[Any] = pytest.StashKey()
_FAILED: pytest.StashKey[bool] = pytest.StashKey()

_UPDATED = "emu golden trace"
"""The property of a report that names a golden trace which its test has rewritten."""

_MARK = (
    "emu(seed=0, timeout=30, net='loopback', allow_leaks=False, allow_faults=False, allow_unknown=False): "
    "how the guests of a test run, and what does not fail it"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini values."""
    group = parser.getgroup("emu", "guests under emulation")
    group.addoption(
        "--emu-update", action="store_true", help="rewrite golden traces instead of comparing with them"
    )
    group.addoption(
        "--emu-seed", type=int, metavar="N", help="seed of the tests whose mark gives none (default: 0)"
    )
    parser.addini("emu_timeout", "seconds that a guest may run, unless its mark says otherwise", default="30")
    parser.addini("emu_golden", "folder of golden traces, beside the test file", default="golden")
    parser.addini(
        "emu_failures", "folder for the traces of failing tests, in the root folder", default=".emu-failures"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declares the mark."""
    config.addinivalue_line("markers", _MARK)


@pytest.fixture
def emu(request: pytest.FixtureRequest) -> "Iterator[Guests]":
    """Starts guests: `emu.start("server.elf", "4")`, `emu.run(source="...")`; they end with the test."""
    node = request.node
    guests: Any = importlib.import_module("emu.plugin.guests")
    golden: Any = importlib.import_module("emu.plugin.golden")
    settings: Any = importlib.import_module("emu.plugin.settings")
    config = request.config
    defaults: dict[str, Any] = {}
    try:
        defaults["timeout"] = float(config.getini("emu_timeout"))
    except ValueError:
        pytest.fail(
            f"emu_timeout is a number of seconds, not {config.getini('emu_timeout')!r}", pytrace=False
        )
    if config.getoption("--emu-seed") is not None:
        defaults["seed"] = config.getoption("--emu-seed")
    marks = [(mark.args, mark.kwargs) for mark in node.iter_markers("emu")]
    chosen, why = settings.understood(marks, **defaults)
    if why:
        pytest.fail(f"@pytest.mark.emu: {why}", pytrace=False)
    folder = node.path.parent
    node.stash[_GUESTS] = made = guests.Guests(
        chosen,
        folder,
        golden.Golden(folder / config.getini("emu_golden"), update=config.getoption("--emu-update")),
        failures_folder(config) / guests.folder_name(node.nodeid),
    )
    made.ends_with_test = not _is_used_by_fixtures(node)
    yield made
    try:
        if node.stash.get(_FAILED, False):
            made.end_quietly()
            made.save_again()
        else:
            _judge(made)
    finally:
        made.close()


def _is_used_by_fixtures(node: Any) -> bool:
    """Whether another fixture of the test uses `emu`: its teardown may still talk to a guest."""
    known = getattr(getattr(node, "_fixtureinfo", None), "name2fixturedefs", {})
    return any("emu" in definition.argnames for definitions in known.values() for definition in definitions)


def _judge(guests: "Guests") -> None:
    """Ends the guests; fails the test for what they did that it did not allow."""
    complaint = guests.judge()
    if complaint:
        pytest.fail(complaint, pytrace=False)


def failures_folder(config: pytest.Config) -> Path:
    """Where the traces of failing tests are kept."""
    return config.rootpath / str(config.getini("emu_failures"))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Ends the guests with the test function, so that what they did wrong fails the test itself.

    Where a fixture uses them, too, they end with `emu`: after the teardown of that fixture.
    """
    __tracebackhide__ = True
    result = yield
    guests = pyfuncitem.stash.get(_GUESTS, None)
    if guests is not None and guests.ends_with_test:
        _judge(guests)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keeps the traces of a failing test."""
    report = yield
    guests = item.stash.get(_GUESTS, None)
    if guests is not None and report.when == "call":
        report.user_properties += [(_UPDATED, str(path)) for path in guests.updated()]
    if report.failed and guests is not None and guests.guests:
        item.stash[_FAILED] = True
        if guests.ends_with_test:
            guests.end_quietly()
        report.sections.append(("emu", guests.report(item.config.invocation_params.dir, report.longreprtext)))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Says which golden traces were rewritten; reports come from other processes, too."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    paths = sorted(
        {value for report in reports for name, value in report.user_properties if name == _UPDATED}
    )
    if paths:
        terminalreporter.section("golden traces that were rewritten")
        for path in paths:
            terminalreporter.line(os.path.relpath(path, config.invocation_params.dir))
