"""A page of hostile data: nothing in a trace becomes markup or script, asks for a file, or stops the page."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.trace.export.output import ExportError
from emu.viewer import html, html_sources

EVIL = [
    "</script><script>window.broken = 1</script>",
    "<!--<script>",
    "]]></style><img src=x onerror='window.broken = 1'>",
    "\u2028window.broken = 1\u2029",
    "\0\x01\x1f\x7f\x80\xff",
    "\ud800 lone \udfff",
    "${window.broken = 1} `${window.broken = 1}`",
    "__proto__",
    "constructor",
    "toString",
    "\u202e txt.exe",
    "<!-- emu: script -->",
    "a" * 100_000,
]


def hostile(sequence: int, text: str) -> dict[str, Any]:
    args = {"fd": 3, "buf": text, text: text, "deep": {text: [text, {"bytes": text, "size": 2**63}]}}
    return {
        "event": "syscall", "sequence": sequence, "time": sequence, "duration": 1, "blocked": 0, "pid": 1, "tid": 1, "number": 1,
        "name": "write" if sequence % 2 else text, "registers": [2**64 - 1] * 6, "args": args, "fds": {"fd": text, text: text},
        "objects": {"fd": 1}, "result": -(2**63), "error": text, "pc": 2**64 - 1, "function": text, "file": text, "line": 1,
        "stack": [{"pc": 1, "function": text, "file": text, "line": 2}], text: text,
    }  # fmt: skip


def test_nothing_breaks_out(tab: Any, page_of: Callable[..., Path]) -> None:
    records = [hostile(sequence, text) for sequence, text in enumerate(EVIL)]
    records += [{"event": text, "time": 99, text: text, "tid": 7} for text in EVIL]
    page = page_of(records)
    tab.open(page)
    assert tab.text("#failure") == ""
    assert tab.js("return page.list.shown.length") == len(records)
    for row in range(len(records)):
        tab.wait_for("await page.choose(given[0])", row)
        tab.wait_for(
            "const found = page.stories.objects(page.selected)[0]; if (found) page.actions.life(found[0])"
        )
    tab.js(
        "page.summary(); document.querySelectorAll('.tabs button').forEach((tab) => tab.click()); document.querySelector('#summary').close()"
    )
    for words in [
        "where='args.__proto__ == 1'",
        "where='constructor'",
        "trace=constructor",
        "__proto__=1",
        "fd=1 status=toString",
        "signal=__proto__",
    ]:
        tab.wait_for("await page.filter(given[0])", words)
        assert tab.text("#filter-error"), words
    assert tab.js("return window.broken") is None
    assert tab.js(
        "return document.scripts.length <= 8 && !document.querySelector('img, iframe, object, embed, link')"
    )


def test_hostile_names_in_the_header(tab: Any, tmp_path: Path) -> None:
    trace = tmp_path / "<" / "script><b>.jsonl"
    trace.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "format": "emu trace",
        "version": 1,
        "program": "/" + EVIL[0],
        "argv": EVIL[:-1],
        "seed": 2**70,
        "started": -5,
    }
    trace.write_text(json.dumps(header) + "\n")
    html.write(str(trace), str(tmp_path / "out.html"))
    tab.open(tmp_path / "out.html")
    assert tab.text("#failure") == ""
    assert tab.js("return window.broken") is None
    assert "window.broken" in tab.js("return document.title")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "</script><b>.jsonl".replace("/", "_")
    path.write_text(json.dumps({"format": "emu trace", "version": 1}) + "\n")
    return path


def test_page_asks_for_nothing(page_of: Callable[..., Path]) -> None:
    text = page_of([hostile(1, EVIL[0])]).read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy[1].startswith("default-src &#x27;none&#x27;; script-src &#x27;sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r"\b(https?|wss?|ftp):", text)
    assert not re.search(
        r"\b(eval|Function|importScripts|fetch|XMLHttpRequest|WebSocket|innerHTML|outerHTML|insertAdjacentHTML|document\.write)\b *[(=.]",
        text,
    )


def test_policy_stops_scripts_that_are_not_the_page(
    chromium: Any, tab: Any, page_of: Callable[..., Path]
) -> None:
    tab.open(page_of([]))
    tab.js(
        "const added = document.createElement('script'); added.textContent = 'window.broken = 1'; document.body.append(added)"
    )
    tab.js("const image = new Image(); image.src = 'http://127.0.0.1:9/x'; document.body.append(image)")
    assert tab.js("return window.broken") is None
    complaints, _ = tab.trouble()
    assert len(complaints) == 2
    assert all("Content Security Policy" in complaint for complaint in complaints)
    tab.open(page_of([]))  # with nothing to complain of


def test_only_source_files_are_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "secret.key").write_text("secret\n")
    (tmp_path / "a.c").write_text("1\n2\n3\n")
    (tmp_path / "big.c").write_bytes(b"x" * (html_sources.LARGEST + 1))
    os.mkfifo(tmp_path / "pipe.c")
    (tmp_path / "folder.c").mkdir()
    names = [
        "secret",
        "secret.key",
        "/etc/passwd",
        "a.c",
        "big.c",
        "pipe.c",
        "folder.c",
        "no.c",
        "a.c\0",
        "x" * 5000 + ".c",
    ]
    found = html_sources.lines([(name, 2) for name in names], [tmp_path])
    assert found == {"a.c": {"1": "1", "2": "2", "3": "3", "4": ""}}


def test_large_numbers_stay_exact(tab: Any, page_of: Callable[..., Path]) -> None:
    record = hostile(1, "x") | {
        "args": {"fd": 3, "value": 2**64 - 1, "list": [2**53 + 1]},
        "result": 2**63 - 1,
    }
    record.pop("error")
    tab.open(page_of([record]))
    tab.wait_for("await page.filter(\"where='ret == 9223372036854775807 and ret != 9223372036854775806'\")")
    assert tab.js("return page.list.shown.length") == 1
    tab.wait_for("await page.choose(0)")
    assert "18446744073709551615" in tab.text("#detail")
    assert "9007199254740993" in tab.text("#detail")


def test_trace_is_not_overwritten(trace: Path) -> None:
    before = trace.read_bytes()
    with pytest.raises(ExportError, match="that is the trace itself"):
        html.write(str(trace), str(trace))
    with pytest.raises(ExportError, match="cannot be written"):
        html.write(str(trace), str(trace.parent / "no such folder" / "out.html"))
    assert trace.read_bytes() == before
    assert list(trace.parent.glob(".*")) == []
