"""What is served: the terminal's page, and the files that it asks for. No page of this server needs another server."""

from guest.lang import addr, embed, null, ptr
from guest.rt.resources import Resource

PAGE = embed("fixtures/xterm/terminal.html")
PAGE_SCRIPT = embed("fixtures/xterm/terminal.js")
PAGE_STYLE = embed("fixtures/xterm/terminal.css")
XTERM = embed("fixtures/xterm/xterm.js")
XTERM_STYLE = embed("fixtures/xterm/xterm.css")
FIT = embed("fixtures/xterm/addon-fit.js")
LICENSES = embed("fixtures/xterm/LICENSE")

HTML = b"text/html; charset=utf-8"
SCRIPT = b"text/javascript; charset=utf-8"
STYLE = b"text/css; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"

NOT_ELSE = b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n"
FRESH = b"Cache-Control: no-cache\r\n" + NOT_ELSE
# Their paths name their version, so that what is kept is never out of date.
KEPT = b"Cache-Control: public, max-age=31536000, immutable\r\n" + NOT_ELSE
# xterm.js makes style elements for its colours and sizes.
POLICY = (
    b"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    + b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
)

page: Resource
page_script: Resource
page_style: Resource
xterm: Resource
xterm_style: Resource
fit: Resource
licenses: Resource
terminal: Resource
health: Resource


def prepare() -> bool:
    """Fill in what is served; False when there is no memory."""
    terminal.has_websocket = True
    return (
        page.prepare(HTML, PAGE, FRESH + POLICY)
        and page_script.prepare(SCRIPT, PAGE_SCRIPT, FRESH)
        and page_style.prepare(STYLE, PAGE_STYLE, FRESH)
        and xterm.prepare(SCRIPT, XTERM, KEPT)
        and xterm_style.prepare(STYLE, XTERM_STYLE, KEPT)
        and fit.prepare(SCRIPT, FIT, KEPT)
        and licenses.prepare(TEXT, LICENSES, FRESH)
        and health.prepare(TEXT, b"ok\n", FRESH)
    )


def find(path: bytes) -> ptr[Resource]:
    """The resource at a path; null when there is none. An empty path stands for "/" (RFC 9110 section 4.2.3)."""
    if len(path) == 0 or path == b"/":
        return addr(page)
    if path == b"/term":
        return addr(terminal)
    if path == b"/terminal.js":
        return addr(page_script)
    if path == b"/terminal.css":
        return addr(page_style)
    if path == b"/xterm-6.0.0.js":
        return addr(xterm)
    if path == b"/xterm-6.0.0.css":
        return addr(xterm_style)
    if path == b"/addon-fit-0.11.0.js":
        return addr(fit)
    if path == b"/licenses.txt":
        return addr(licenses)
    if path == b"/healthz":
        return addr(health)
    return null
