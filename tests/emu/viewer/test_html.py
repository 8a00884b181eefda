"""The HTML page of a trace, in a browser: it opens from disk, shows what is in the trace, and does what its keys say."""

import json
import os
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from emu.trace.export.output import ExportError
from emu.trace.read import Reader
from emu.viewer import html

PageOf = Callable[..., Path]
ROOT = Path(__file__).parents[3]
SHOWN = "return [...document.querySelectorAll('.rows .row')].filter((row) => !row.hidden).length"
TITLE = "#detail h2 b"


def call(sequence: int, name: str = "getpid", **members: Any) -> dict[str, Any]:
    """A record of a call: one a millisecond, by two threads in turn."""
    record = {
        "event": "syscall",
        "sequence": sequence,
        "time": sequence * 1_000_000,
        "duration": 1000,
        "blocked": 0,
    }
    record |= {"pid": 1000, "tid": 1000 + sequence % 2, "number": 39, "name": name, "registers": [0] * 6}
    return record | {"args": {}, "result": 7, "pc": 0x401000} | members


def data(sequence: int, name: str, number: int, payload: Any, **members: Any) -> dict[str, Any]:
    """A record of a call that moves bytes."""
    args = {"fd": 5, "buf": payload, "count": 100}
    fds = {"fds": {"fd": "TCP 127.0.0.1:80<-127.0.0.1:1234"}, "objects": {"fd": 3}}
    return call(sequence, name, number=number, args=args, **fds) | members


@pytest.fixture
def opened(tab: Any, page_of: PageOf) -> Callable[..., Any]:
    """Opens the page of a trace."""

    def opened(source: Any, **options: Any) -> Any:
        tab.open(page_of(source, **options))
        assert tab.text("#failure") == ""
        return tab

    return opened


def test_shows_the_calls_of_a_real_run(opened: Callable[..., Any], traced: Callable[[str], Path]) -> None:
    path = traced("futex_threads")
    records = list(Reader(path))
    tab = opened(path)
    assert tab.js("return page.list.shown.length") == len(records)
    assert 10 < tab.js(SHOWN) < 60, "only the rows that can be seen are made"
    assert tab.js("return document.querySelectorAll('.lane-name').length") == len(
        {record["tid"] for record in records if "tid" in record}
    )
    assert tab.js("return document.title") == "futex_threads.elf"
    first = min(
        (record for record in records if record["event"] == "syscall"), key=lambda record: record["time"]
    )
    assert first["name"] in tab.text(".rows .row")
    sequences = tab.js("return [...page.trace.sequence].filter((number) => number >= 0)")
    assert sequences == sorted(sequences)


def test_list_scrolls_to_the_end(opened: Callable[..., Any]) -> None:
    tab = opened([call(sequence) for sequence in range(3000)])
    tab.press(Keys.END)
    tab.until("return document.querySelector('.row.selected .c-seq')?.textContent === '2999'")
    assert (
        tab.js("return document.querySelector('#rows').getAttribute('aria-activedescendant')") == "row-2999"
    )
    tab.press(Keys.HOME)
    tab.until("return document.querySelector('.row.selected .c-seq')?.textContent === '0'")


def test_details_of_a_call(opened: Callable[..., Any], tmp_path: Path) -> None:
    source = tmp_path / "guest.c"
    source.write_text("one\ntwo <b>bold</b>\nthree\n")
    stack = [
        {"pc": 0x401000, "function": "inner", "file": str(source), "line": 2},
        {"pc": 0x402000, "function": "outer"},
    ]
    place = {"function": "inner", "file": str(source), "line": 2, "stack": stack}
    payload = {"bytes": "GET /\x00\xff", "size": 4096}
    tab = opened(
        [
            data(
                0,
                "recvfrom",
                45,
                payload,
                registers=[5, 2**64 - 1, 0, 0, 0, 0],
                duration=5_000_000,
                blocked=4_000_000,
                **place,
            )
        ]
    )
    tab.press("j")
    tab.until("return document.querySelector('#detail h2')")
    detail = tab.text("#detail")
    assert tab.text(TITLE) == "recvfrom"
    assert "5.00 ms, of which 4.00 ms waiting" in detail
    assert "47 45 54 20" in tab.text(".hex")
    assert "7 of 4,096 bytes are in the trace" in detail
    assert "ffffffffffffffff" in tab.text(".registers")
    assert tab.text(".source .here").split() == ["2", "two", "<b>bold</b>"]
    assert "outer" in tab.text(".stack")


def test_keys_move_and_jump(opened: Callable[..., Any]) -> None:
    records = [call(sequence) for sequence in range(20)]
    records[7] |= {"result": -11, "error": "EAGAIN"}
    records[12] |= {"name": "futex", "number": 202, "args": {"uaddr": 8}, "woken_by": 3, "blocked": 900}
    tab = opened(records)
    chosen = "return page.selected"
    for keys, expected in [
        ("j", 0), (Keys.ARROW_DOWN, 1), (Keys.ARROW_UP, 0), ("e", 7), ("]", 9), ("[", 7), (Keys.END, 19), ("k", 18),
        ("E", 7),
    ]:  # fmt: skip
        tab.press(keys)
        assert tab.js(chosen) == expected, keys
    tab.wait_for("await page.choose(12)")
    assert "woken by getpid #3" in tab.text(".links")
    tab.press("w")
    assert tab.js(chosen) == 3
    tab.press("W")
    assert tab.js(chosen) == 12
    tab.press("/", "futex", Keys.ENTER)
    tab.until("return page.hits?.size === 1")
    assert tab.text(".row.selected mark") in ("", "futex")
    tab.press("?")
    tab.until("return document.querySelector('#help').open")
    assert "trace=%network" in tab.text("#help")
    tab.press(Keys.ESCAPE)
    tab.press("s")
    tab.until("return document.querySelector('#summary').open")
    assert "getpid" in tab.text("#summary td")
    tab.press(Keys.ESCAPE)


def test_focus_goes_where_the_keys_say(opened: Callable[..., Any]) -> None:
    tab = opened([call(sequence) for sequence in range(3)])
    focus = "return document.activeElement.id"
    for keys, expected in [
        ("/", "search"),
        (Keys.ESCAPE, "rows"),
        ("f", "filter"),
        (Keys.ENTER, "rows"),
        (Keys.ENTER, "detail"),
    ]:
        tab.press(keys)
        assert tab.js(focus) == expected


def test_filter_bar_says_what_is_wrong(opened: Callable[..., Any]) -> None:
    tab = opened([call(sequence) for sequence in range(10)])
    tab.wait_for("await page.filter('thread=2')")
    assert tab.text("#filter-state") == "5 of 10"
    tab.wait_for("await page.filter('trace=getpit')")
    assert "did you mean getpid?" in tab.text("#filter-error")
    assert tab.js("return document.querySelector('#filter').getAttribute('aria-invalid')") == "true"
    assert tab.js("return page.list.shown.length") == 5, "what was shown stays"
    tab.wait_for("await page.filter('')")
    assert tab.text("#filter-error") == ""
    tab.wait_for("await page.filter('trace=none')")
    assert "No call passes" in tab.text("#empty")
    assert tab.js("return document.querySelector('#empty').hidden") is False


def test_search_finds_what_the_list_cuts_off(opened: Callable[..., Any]) -> None:
    tab = opened([call(0), data(1, "write", 1, "x" * 200 + "Needle\n\u00ff"), call(2)])
    tab.js("document.querySelector('#search').value = 'needle\\n'.trim()")
    tab.wait_for("await page.search()")
    assert tab.js("return [...page.hits]") == [1]
    assert tab.js("return page.selected") == 1
    assert "1 found" in tab.text("#filter-state")


def test_press_on_a_lane_chooses_the_call(opened: Callable[..., Any]) -> None:
    tab = opened([call(0, duration=400_000_000), call(1, duration=400_000_000)])
    middle = "const lanes = page.lanes; return lanes.eventAt(lanes.width / 2, arguments[0])"
    assert tab.js(middle, 12) == 0
    assert tab.js(middle, 36) == 1
    assert tab.js(middle, 60) == -1
    tab.js("document.querySelectorAll('.lane-name')[1].click()")
    tab.until("return page.list.shown.length === 1")
    assert tab.js("return document.querySelectorAll('.lane-name')[1].getAttribute('aria-pressed')") == "true"


def test_lanes_are_painted_in_the_colours_of_the_scheme(opened: Callable[..., Any]) -> None:
    records = [call(0, duration=900_000), call(1, duration=900_000, result=-11, error="EAGAIN")]
    pixels = """
        page.lanes.paint();
        const copy = new OffscreenCanvas(page.lanes.lanePlot.width, 48).getContext('2d', {willReadFrequently: true});
        copy.drawImage(page.lanes.lanePlot, 0, 0);
        const {data} = copy.getImageData(0, 0, copy.canvas.width, 48);
        const found = new Set();
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) found.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
        return [...found];
    """
    tab = opened(records)
    light = tab.js(pixels)
    tab.emulate(1280, 800, "dark")
    tab.until("return page.lanes.colours === null || page.lanes.palette().ground === '#15181d'")
    dark = tab.js(pixels)
    assert set(light) != set(dark)
    assert "198,47,56" in light, "the error is marked"


def test_narrow_window_has_no_sideways_scrolling(opened: Callable[..., Any], tab: Any) -> None:
    tab.emulate(420, 760)
    opened([data(sequence, "write", 1, "hello " * 30) for sequence in range(50)])
    assert tab.js("return document.documentElement.scrollWidth") <= 420


def test_is_named_for_those_who_listen(opened: Callable[..., Any]) -> None:
    tab = opened([call(sequence) for sequence in range(5)])
    unnamed = """return [...document.querySelectorAll('button, input, canvas, [tabindex], [role]')].filter((one) =>
        one.offsetParent !== null && !one.closest('[aria-hidden=true]') && !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby')
        && !one.textContent.trim() && !one.labels?.length && !['presentation', 'gridcell'].includes(one.getAttribute('role'))).map((one) => one.outerHTML.slice(0, 80))"""
    assert tab.js(unnamed) == []
    assert tab.js("return document.querySelector('#rows').getAttribute('aria-rowcount')") == "5"
    assert tab.js("return document.documentElement.lang") == "en"


def test_hundred_thousand_events(opened: Callable[..., Any], tab: Any) -> None:
    records = [
        data(
            sequence,
            "recvfrom",
            45,
            f"GET /{sequence} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            tid=1000 + sequence % 7,
        )
        for sequence in range(100_000)
    ]
    tab = opened(records)
    ready = tab.js("return performance.getEntriesByName('ready')[0].startTime")
    assert ready < 20_000, "a second on a quiet machine"
    assert tab.js("return page.list.shown.length") == 100_000
    tab.js("page.rows.scrollTop = page.rows.scrollHeight")
    tab.until("return [...document.querySelectorAll('.c-seq')].some((cell) => cell.textContent === '99999')")
    tab.wait_for("await page.filter('where=\"args.buf.startswith(\\'GET /99999\\')\"')")
    assert tab.js("return page.list.shown.length") == 1
    took = tab.js(
        "const start = performance.now(); for (let i = 0; i < 10; i++) page.lanes.paint(); return (performance.now() - start) / 10"
    )
    assert took < 200, "two milliseconds on a quiet machine"


def test_more_events_than_fit_are_chosen_from_and_the_page_says_so(opened: Callable[..., Any]) -> None:
    records = [call(sequence) for sequence in range(5000)]
    records[3000] |= {"duration": 900_000}
    records[3333] |= {"result": -4, "error": "EINTR"}
    tab = opened(records, limit=1000)
    assert "This trace has 5,000 events" in tab.text("#notes")
    shown = set(tab.js("return [...page.trace.sequence]"))
    assert len(shown) <= 1000
    assert {0, 1, 499, 4999, 4800, 3000, 3333} <= shown
    assert "5,000 calls" in tab.text("#facts")
    assert tab.js("return page.trace.summary.call[0][1]") == 5000
    tab.wait_for("await page.choose(page.trace.rowOf.get(3000))")
    gap = tab.js("return page.trace.gap[page.selected]")
    assert gap == 3000 - max(sequence for sequence in shown if sequence < 3000) - 1 > 0
    title = tab.until("return document.querySelector('.row.selected')?.title")  # painted in the next frame
    assert title.startswith(f"{gap:,} call")
    lanes = tab.js("return page.trace.load.lanes")
    assert sum(sum(lane[2]) for lane in lanes.values()) == 5000


def test_filter_when_writing(opened: Callable[..., Any]) -> None:
    class Odd:
        def begin(self, header: dict[str, Any]) -> None:
            pass

        def matches(self, record: dict[str, Any]) -> bool:
            return bool(record["sequence"] % 2)

    tab = opened([call(sequence) for sequence in range(100)], filter=Odd())
    assert tab.js("return [...page.trace.sequence]") == list(range(1, 100, 2))
    assert "50 of 100 events passed" in tab.text("#notes")


def test_damaged_trace_is_shown_with_a_word(tab: Any, tmp_path: Path) -> None:
    path = tmp_path / "damaged.jsonl"
    header = {"format": "emu trace", "version": 1}
    lines = [json.dumps(line) for line in (header, call(0), call(1))]
    path.write_text("\n".join(lines)[:-20])
    notes = html.write(str(path), str(tmp_path / "page.html"))
    assert any("cut off" in note for note in notes)
    tab.open(tmp_path / "page.html")
    assert "cut off" in tab.text("#notes")
    assert tab.js("return page.list.shown.length") == 1


def test_trace_from_a_pipe(tmp_path: Path, tab: Any) -> None:
    path, out = tmp_path / "pipe", tmp_path / "page.html"
    os.mkfifo(path)
    lines = [{"format": "emu trace", "version": 1}, *(call(sequence) for sequence in range(100))]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    for limit in (50, 100):
        writer = threading.Thread(target=path.write_text, args=[text])
        writer.start()
        if limit == 50:
            with pytest.raises(ExportError, match="save it to a file first"):
                html.write(str(path), str(out), limit=limit)
        else:
            assert html.write(str(path), str(out), limit=limit) == []
        writer.join()
    tab.open(out)
    assert tab.text("#filter-state") == "100 events"


def test_empty_trace(opened: Callable[..., Any]) -> None:
    tab = opened([])
    assert tab.text("#filter-state") == "0 events"
    tab.press("j", "n", "e", "z", "w", "d", Keys.END)


def test_time_shown_becomes_a_filter(opened: Callable[..., Any]) -> None:
    tab = opened([call(sequence) for sequence in range(100)])
    tab.js("page.lanes.look(10e6, 20e6)")
    tab.press("t")
    tab.until("return page.list.shown.length === 11")


def test_facts_lead_to_what_they_count(opened: Callable[..., Any]) -> None:
    records = [call(sequence) for sequence in range(6)]
    records[2] |= {"result": -11, "error": "EAGAIN"}
    records[5] |= {"result": None, "unfinished": True}
    tab = opened(records)
    assert "1 error" in tab.text("#facts")
    tab.js("document.querySelector('#facts .bad').click()")
    tab.until("return page.list.shown.length === 1 && page.list.shown[0] === 2")
    tab.js("document.querySelector('#facts .open').click()")
    tab.until("return page.list.shown.length === 1 && page.list.shown[0] === 5")
    assert "still going on" in tab.text(".row.unfinished .c-result")


def test_address_of_a_call(opened: Callable[..., Any]) -> None:
    tab = opened([call(sequence) for sequence in range(500)])
    tab.js("location.hash = '#321'")
    tab.until("return document.querySelector('#detail .number')?.textContent === '#321'")


def test_files_of_the_page_are_packaged_and_say_what_they_are_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "page/*" in project["tool"]["setuptools"]["package-data"]["emu.viewer"]
    folder = ROOT / "emu/viewer/page"
    assert {path.name for path in folder.iterdir()} == {*html.SCRIPTS, "page.html", "page.css"}
    for path in folder.iterdir():
        text = path.read_text()
        assert len(text.splitlines()) <= 460, path
        assert "</script" not in text or path.name == "page.html", path
        if path.name in html.SCRIPTS:
            assert text.removeprefix('"use strict";\n').startswith("// "), path
