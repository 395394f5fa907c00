"""Open buffers: which steps go into which transaction, thread by thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final

from mtv.arguments.transaction import Bundle, Collector
from mtv.pixels.discardable import Discardable, discard
from mtv.wire.limits import Limits
from mtv.wire.messages import Outcome
from mtv.wire.steps import DisplayName

EVERYTHING: Final = None
"""Key of a buffer that takes the steps of all displays."""


Send = Callable[["Batch"], Outcome | None]
"""Sends a buffer; what was prepared for it is the sender's from then on, also where that fails."""


class Batch:
    """One buffer while it is open; what ``with display.buffering() as batch`` gives.

    Attributes
    ----------
    outcome : `~mtv.wire.messages.Outcome` or `None`
        What became of it, once it was sent and waited for.
    """

    def __init__(self, open_batches: OpenBatches, key: DisplayName | None, send: Send, limits: Limits) -> None:
        self.outcome: Outcome | None = None
        self.collector = Collector(limits)
        self.prepared: list[Discardable] = []
        self._open_batches = open_batches
        self._key = key
        self._send = send
        self._joined = False
        self._pid = os.getpid()

    def __len__(self) -> int:
        return len(self.collector)

    def bundle(self) -> Bundle:
        """Return all that was collected."""
        return self.collector.bundle()

    def __enter__(self) -> Batch:
        outer = self._open_batches.find(self._key)
        if outer is not None:
            self._joined = True
            return outer
        self._open_batches.open(self._key, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._joined:
            return
        self._open_batches.close(self._key)
        if error is not None or not len(self) or self._pid != os.getpid():  # the parent of a child sends it
            discard(self.prepared)
        else:
            self.outcome = self._send(self)
        self.prepared = []


class OpenBatches(threading.local):
    """The buffers that this thread has open, by display; nobody else's steps get into them."""

    def __init__(self) -> None:
        self._batches: dict[DisplayName | None, Batch] = {}

    def find(self, key: DisplayName | None) -> Batch | None:
        """Return the buffer that takes a display's steps now."""
        return self._batches.get(key, self._batches.get(EVERYTHING))

    def open(self, key: DisplayName | None, batch: Batch) -> None:
        """Have a buffer take a display's steps from now on."""
        self._batches[key] = batch

    def close(self, key: DisplayName | None) -> None:
        """End that."""
        self._batches.pop(key, None)
