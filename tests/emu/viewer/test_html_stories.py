"""What connects calls in a page: who woke whom, the life of an open file, the conversation on a connection."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from emu.trace.order import Order
from emu.trace.read import Reader
from syscalls import numbers

REQUEST = "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello </p>"[:-1]
LISTENER = "TCP 127.0.0.1:80"
CONNECTION = "TCP 127.0.0.1:80<-127.0.0.1:1234"


def call(sequence: int, name: str, args: dict[str, Any], result: int, **members: Any) -> dict[str, Any]:
    record = {
        "event": "syscall",
        "sequence": sequence,
        "time": sequence * 1000,
        "duration": 500,
        "blocked": 0,
    }
    record |= {"pid": 1000, "tid": 1000, "number": getattr(numbers, name), "name": name, "registers": [0] * 6}
    return record | {"args": args, "result": result, "pc": 0x401000} | members


def moved(sequence: int, name: str, data: str) -> dict[str, Any]:
    fds = {"fds": {"fd": CONNECTION}, "objects": {"fd": 2}}
    return call(sequence, name, {"fd": 5, "buf": data, "size": 4096, "flags": "0"}, len(data), **fds)


SERVED = [
    call(
        0,
        "accept4",
        {"sockfd": 3, "addr": None, "addrlen": None, "flags": "0"},
        5,
        fds={"sockfd": LISTENER, "result": CONNECTION},
        objects={"sockfd": 1, "result": 2},
    ),
    moved(1, "recvfrom", REQUEST),
    call(2, "getpid", {}, 1000),
    moved(3, "sendto", ANSWER),
    call(4, "close", {"fd": 5}, 0, fds={"fd": CONNECTION}, objects={"fd": 2}),
]


def test_life_of_a_connection(tab: Any, page_of: Callable[..., Path]) -> None:
    tab.open(page_of(SERVED))
    tab.wait_for("await page.choose(1)")
    assert f"life of {CONNECTION}" in tab.text(".links")
    tab.press("d")
    detail = tab.text("#detail")
    assert CONNECTION in tab.text("#detail h2")
    assert "accept4 #0" in detail
    assert "close #4" in detail
    assert tab.js("return document.querySelectorAll('.calls li').length") == 4
    tab.js("document.querySelectorAll('.calls button')[3].click()")
    tab.until("return page.selected === 4")
    tab.press("d")
    tab.js("[...document.querySelectorAll('.row-links button')].at(-1).click()")
    tab.until("return page.list.shown.length === 4")
    assert tab.js("return page.bar.value") == "object=2"


def test_conversation(tab: Any, page_of: Callable[..., Path]) -> None:
    tab.open(page_of(SERVED))
    tab.wait_for("await page.choose(3)")
    tab.press("d")
    messages = tab.js(
        "return [...document.querySelectorAll('.talk > li')].map((one) => [one.className, one.textContent])"
    )
    assert [kind for kind, _ in messages] == ["in said", "out said", "out end"]
    assert "GET /index.html" in messages[0][1]
    assert "200" in messages[1][1]
    assert "hello </p" in tab.js(
        "return page.stories.conversations[2].map((message) => message.data).join('')"
    )
    tab.js("document.querySelectorAll('.talk details').forEach((one) => (one.open = true))")
    tab.until("return document.querySelector('.talk .hex')")


def test_open_files_that_were_never_closed(tab: Any, page_of: Callable[..., Path]) -> None:
    tab.open(page_of(SERVED[:-1]))
    tab.press("s")
    tab.js("[...document.querySelectorAll('.tabs button')].at(-1).click()")
    rows = tab.js("return [...document.querySelectorAll('#summary tbody tr')].map((row) => row.textContent)")
    assert len(rows) == 2
    assert all("open at the end" in row for row in rows)


def test_edges_are_those_of_the_order(
    tab: Any, traced: Callable[[str], Path], page_of: Callable[..., Path]
) -> None:
    path = traced("pipes_threads")
    order = Order(Reader(path))
    edges = sorted((edge.source, edge.target, edge.kind) for edge in order.edges())
    tab.open(page_of(path))
    found = tab.js(
        "const { trace } = page; return page.stories.edges.map(([a, b, kind]) => [trace.sequence[a], trace.sequence[b], kind])"
    )
    assert sorted(map(tuple, found)) == edges
    assert edges
    waits = next(edge for edge in order.edges() if edge.kind == "exit")
    tab.wait_for("await page.choose(page.trace.rowOf.get(given[0]))", waits.target)
    assert f"#{waits.source} " in tab.text(".links")
    tab.press("w")
    assert tab.js("return page.trace.sequence[page.selected]") == waits.source


def test_waits_that_nobody_in_the_guest_ended(tab: Any, page_of: Callable[..., Path]) -> None:
    waiting = moved(1, "recvfrom", REQUEST) | {"blocked": 400}
    tab.open(page_of([waiting]))
    tab.wait_for("await page.choose(0)")
    assert f"outside: {CONNECTION}" in tab.text("#detail .facts")
