"""Buffers of a display: what one thread draws within them goes out as one transaction, also after an exception."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from mtv.afw.canvas import Canvas
from mtv.afw.notes import log
from mtv.wire.errors import MtvError


class OpenBuffers(threading.local):
    """Buffers that this thread has open on one `Display`: how deep they are, and the batch of each canvas drawn on.

    A batch is opened by the first thing that is drawn, so that a buffer by itself makes no connection.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._batches: dict[int | str, Any] = {}

    def prepare(self, canvas: Canvas) -> bool:
        """Have a canvas collect what is drawn on it next, where a buffer is open; tell whether one is."""
        if self._depth and canvas.frame not in self._batches:
            batch = canvas.buffering()
            batch.__enter__()
            self._batches[canvas.frame] = batch
        return self._depth > 0

    def begin(self) -> None:
        """Open a buffer, which joins the one that is open."""
        self._depth += 1

    def end(self, *, after_an_error: bool = False) -> None:
        """Close a buffer; the outermost one sends.

        Parameters
        ----------
        after_an_error : `bool`, optional
            True: an error of sending is logged, in favour of the one that is on its way.
        """
        self._depth = max(self._depth - 1, 0)
        if not self._depth:
            self.send(after_an_error=after_an_error)

    def send(self, *, after_an_error: bool = False) -> None:
        """Send what was collected so far; as `end`."""
        batches, self._batches = self._batches, {}
        errors: list[MtvError] = []
        for batch in batches.values():
            try:
                batch.__exit__(None, None, None)
            except MtvError as error:
                errors.append(error)
        if errors and not after_an_error:
            raise errors[0]
        for failure in errors:
            log.warning("what was buffered is not drawn: %s", failure)

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Open a buffer for a while."""
        with Buffering(self):
            yield


class Buffering:
    """Context manager that ``display.Buffering()`` gives.

    Parameters
    ----------
    buffers : `OpenBuffers`
    """

    def __init__(self, buffers: OpenBuffers) -> None:
        self._buffers = buffers

    def __enter__(self) -> Buffering:
        self._buffers.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._buffers.end(after_an_error=error is not None)
