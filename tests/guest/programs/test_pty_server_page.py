"""pty_server's page in a real browser: typing, a program that fills the screen, sizes, Ctrl-C, the end; how long an echo takes."""

import os
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

SCREEN = """
const lines = [];
for (let at = 0; at < terminal.buffer.active.length; at++) lines.push(terminal.buffer.active.getLine(at).translateToString(true));
return lines.join("\\n");
"""
ECHO = """
const [text] = given;
const times = [];
for (const character of text) {
  const shown = new Promise((resolve) => {
    const watch = terminal.onWriteParsed(() => { watch.dispose(); resolve(); });
  });
  const begin = performance.now();
  terminal.input(character, true);
  await shown;
  times.push(performance.now() - begin);
}
return times;
"""


class Page:
    """The page of a server, opened."""

    def __init__(self, tab: Any, server: Any) -> None:
        self.tab = tab
        tab.visit(f"http://127.0.0.1:{server.port}/")
        tab.until("return document.documentElement.dataset.state === 'open'")

    def screen(self) -> str:
        """What the terminal shows, with what has scrolled away."""
        return str(self.tab.js(SCREEN))

    def wait_for(self, text: str) -> None:
        """Until a line of the terminal begins so."""
        self.tab.until(
            f"{SCREEN.replace('return lines', 'const all = lines')} return ('\\n' + all).includes({chr(10) + text!r});"
        )

    def type(self, *keys: str) -> None:
        self.tab.press(*keys)


@pytest.fixture
def page(tab: Any, server: Any) -> Page:
    """The page, whose shell has prompted."""
    page = Page(tab, server)
    page.wait_for("$")
    return page


def test_a_session(page: Page, tab: Any, server: Any, tmp_path: Path) -> None:
    page.type("echo $((6*7))", Keys.ENTER)
    page.wait_for("42")
    assert tab.js("return [terminal.cols > 80, terminal.rows > 24]") == [True, True]
    page.type("stty size", Keys.ENTER)
    page.wait_for(tab.js("return `${terminal.rows} ${terminal.cols}`"))

    page.type("sh -c 'echo started; exec sleep 100'", Keys.ENTER)
    page.wait_for("started")
    ActionChains(tab.driver).key_down(Keys.CONTROL).send_keys("c").key_up(Keys.CONTROL).perform()
    page.wait_for("^C")

    tab.emulate(900, 500)
    tab.until("return terminal.rows < 30")
    page.type("clear; stty size", Keys.ENTER)
    page.wait_for(tab.js("return `${terminal.rows} ${terminal.cols}`"))
    page.type("printf '\\033]0;named by the shell\\007'", Keys.ENTER)
    tab.until("return document.title === 'named by the shell'")
    page.type("seq 3000", Keys.ENTER)
    page.wait_for("3000\n$")
    keep(tab, "shell")

    page.type("exit 3", Keys.ENTER)
    tab.until("return document.documentElement.dataset.state === 'closed'")
    assert tab.text("#reason") == "The shell has ended (exit status 3)."
    page.type(Keys.ENTER)
    tab.until("return document.documentElement.dataset.state === 'open'")
    page.type("echo $((6*8))", Keys.ENTER)
    page.wait_for("48")


@pytest.mark.skipif(shutil.which("vi") is None, reason="there is no vi here")
def test_an_editor(page: Page, tab: Any) -> None:
    page.type("vi -n -u NONE notes.txt", Keys.ENTER)
    tab.until("return terminal.buffer.active.type === 'alternate'")
    page.wait_for("~")
    page.type("iwritten in vi", Keys.ESCAPE)
    page.wait_for("written in vi")
    keep(tab, "vi")
    tab.emulate(900, 500)
    tab.until("return terminal.rows < 30")
    page.wait_for("written in vi")
    page.type(":q!", Keys.ENTER)
    tab.until("return terminal.buffer.active.type === 'normal'")


@pytest.mark.skipif(shutil.which("top") is None, reason="there is no top here")
def test_a_program_that_draws_again_and_again(page: Page, tab: Any) -> None:
    page.type("top -d 1", Keys.ENTER)
    page.wait_for("top - ")
    line = "const line = (at) => terminal.buffer.active.getLine(terminal.buffer.active.baseY + at).translateToString(true);"
    tab.until(
        f"{line} window.first ??= line(0); return line(0).startsWith('top') && line(0) !== window.first"
    )
    keep(tab, "top")
    page.type("q")
    tab.until(f"{line} return line(terminal.buffer.active.cursorY) === '$ '")
    page.type("echo $((6*7))", Keys.ENTER)
    page.wait_for("42")


def test_much_output_is_shown_to_its_end(page: Page, tab: Any) -> None:
    page.type("seq 200000", Keys.ENTER)
    page.wait_for("200000\n$")


def test_characters_beyond_ascii(page: Page, tab: Any) -> None:
    tab.js("terminal.input(arguments[0])", "echo 'x''näïve € 😀'\r")
    page.wait_for("xnäïve € 😀")


def test_the_server_stops(page: Page, tab: Any, server: Any) -> None:
    server.stop()
    tab.until("return document.documentElement.dataset.state === 'closed'")
    assert tab.text("#reason") == "The connection is closed (the server stops)."


@pytest.mark.parametrize("shell", [("/bin/sh",), ("/bin/bash", "--norc")], ids=["terminal", "bash"])
def test_an_echo_comes_soon(tab: Any, serve: Any, launcher: str, shell: tuple[str, ...]) -> None:
    """What is typed is shown by the line discipline, or by a shell that edits its line."""
    page = Page(tab, serve(*shell))
    page.wait_for("$")
    times = tab.wait_for(ECHO, "#" + "x" * 50)[1:]
    median = statistics.median(times)
    print(f"{launcher} {shell[0]}: median echo {median:.1f} ms, worst {max(times):.1f} ms")
    assert median < 500, times  # ten times what is aimed at, for a machine that does other things


def keep(tab: Any, name: str) -> None:
    """Saves a screenshot where $EMU_SCREENSHOTS says, for people to look at."""
    folder = os.environ.get("EMU_SCREENSHOTS")
    if folder:
        tab.driver.save_screenshot(str(Path(folder) / f"pty_server-{name}.png"))
