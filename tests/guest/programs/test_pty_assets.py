"""The page's foreign files are the published ones, as fixtures/xterm/README.md says."""

import hashlib
import re
from pathlib import Path

ASSETS = Path(__file__).parents[3] / "fixtures" / "xterm"


def test_foreign_files_are_unchanged() -> None:
    rows = re.findall(
        r"^\| (\S+) \| .* \| ([0-9a-f]{64}) \|$", (ASSETS / "README.md").read_text(), re.MULTILINE
    )
    assert {name for name, _ in rows} == {"xterm.js", "xterm.css", "addon-fit.js"}
    for name, digest in rows:
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest


def test_nothing_is_loaded_from_elsewhere() -> None:
    for name in ("terminal.html", "terminal.js", "terminal.css"):
        assert not re.search(r"\b(https?|wss?)://", (ASSETS / name).read_text())
