"""A guest's standard input, output and error: pipes that a thread of the bench empties and fills."""

import os
import selectors
import threading
from typing import BinaryIO


class Pipes:
    """Three pipes. `ends` are the guest's ends, to be closed by `hand_over` once it has duplicates of its own.

    `stdin` is given to the guest, then comes the end of the file; None leaves `writer` open for the test.
    """

    def __init__(self, stdin: bytes | None) -> None:
        receive, send = os.pipe()
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        self.ends = (receive, out_end, err_end)
        self.changed = threading.Condition()
        self.writer: BinaryIO | None = None
        self._texts = {out: bytearray(), err: bytearray()}
        self._out, self._err = out, err
        self._open = {out, err}
        self._input = memoryview(stdin or b"")
        self._send: int | None = send
        if stdin is None:
            self.writer = os.fdopen(send, "wb", buffering=0)
            self._send = None
        self._thread: threading.Thread | None = None

    @property
    def stdout(self) -> bytes:
        """What the guest has written to its standard output."""
        return bytes(self._texts[self._out])

    @property
    def stderr(self) -> bytes:
        """What the guest has written to its standard error."""
        return bytes(self._texts[self._err])

    @property
    def ended(self) -> bool:
        """Whether no more will come."""
        return not self._open

    def hand_over(self) -> None:
        """The guest has its ends: from now on its output is read."""
        for end in self.ends:
            os.close(end)
        self.ends = (-1, -1, -1)
        self._thread = threading.Thread(target=self._run, name="emu pipes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Waits for the end of the output, and closes everything; the guest must have ended."""
        if self._thread is None:
            for fd in (*self.ends, *self._open):
                os.close(fd)
            self._open.clear()
            self._end_input()
        else:
            self._thread.join()
        if self.writer is not None:
            self.writer.close()

    def _run(self) -> None:
        with selectors.PollSelector() as selector:
            for fd in self._open:
                selector.register(fd, selectors.EVENT_READ)
            if self._send is not None:
                os.set_blocking(self._send, False)
                selector.register(self._send, selectors.EVENT_WRITE)
            while self._open:
                for key, _ in selector.select():
                    if key.fd == self._send:
                        self._feed(selector)
                    else:
                        self._drain(key.fd, selector)
        self._end_input()

    def _feed(self, selector: selectors.BaseSelector) -> None:
        assert self._send is not None
        try:
            self._input = self._input[os.write(self._send, self._input[:65536]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the guest has closed its end
            self._input = self._input[:0]
        if not self._input:
            selector.unregister(self._send)
            self._end_input()

    def _drain(self, fd: int, selector: selectors.BaseSelector) -> None:
        data = os.read(fd, 65536)
        with self.changed:
            if data:
                self._texts[fd] += data
            else:
                selector.unregister(fd)
                os.close(fd)
                self._open.discard(fd)
            self.changed.notify_all()

    def _end_input(self) -> None:
        if self._send is not None:
            os.close(self._send)
            self._send = None
