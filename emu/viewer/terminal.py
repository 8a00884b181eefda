"""Gives the terminal to the viewer and takes it back, whatever ends it."""

import asyncio
import contextlib
import signal

from emu.viewer.app import Viewer
from emu.viewer.document import Document

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""The signals that end the viewer as its key does, so that the terminal is as before."""


def show(document: Document, *, follow: bool = False, words: str = "") -> Exception | None:
    """Shows the viewer until the person has seen enough; returns what went wrong with it, None when nothing did."""
    app = Viewer(document, follow=follow, words=words)
    asyncio.run(_run(app))
    return app.failure


async def _run(app: Viewer) -> None:
    loop = asyncio.get_running_loop()
    for number in ENDING:
        with contextlib.suppress(
            ValueError, RuntimeError
        ):  # not in the main thread: a program of its own has us
            loop.add_signal_handler(number, app.exit)
    await app.run_async()
