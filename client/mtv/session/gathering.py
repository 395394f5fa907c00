"""Dots that are published while the daemon is busy, gathered into one request.

The daemon draws all that waits as one group; this is the same, one step earlier. The first dot goes out at once, and
those that follow until its outcome comes are columns of one transaction: a thousand dots are then
a few requests. None waits longer than it would have in the daemon, and their order is kept: whatever else the
process asks closes the gathering before it.
"""

from __future__ import annotations

import threading
from typing import Final

from mtv.arguments.transaction import Collector, Place
from mtv.session.ticket import Ticket
from mtv.wire import codec
from mtv.wire.limits import Limits
from mtv.wire.requests import Transaction

MOST_DOTS: Final = 5_000
"""A gathering of this size is closed: above it the daemon would draw in pieces."""


class Gathering(Ticket):
    """A request that grows until it is sent. Nobody waits for it; its failure is the connection's to tell.

    Parameters
    ----------
    limits : `Limits`
        The daemon's.
    deadline : `float`
        As in `Ticket`.
    """

    gathers = True

    def __init__(self, limits: Limits, deadline: float) -> None:
        super().__init__(b"", awaited=False, deadline=deadline)
        self._collector = Collector(limits)
        self._growing = threading.Lock()
        self._dots = 0
        self._closed = False

    def dot(self, place: Place, x: float, y: float, symbol: str, size: float, colour: str) -> bool:
        """Add a checked dot; tell whether there was still time and space."""
        with self._growing:
            if self._closed or self._dots >= MOST_DOTS:
                return False
            self._collector.dot(place, x, y, symbol, size, colour)
            self._dots += 1
            return True

    def close(self) -> None:
        """Let nothing more in."""
        with self._growing:
            self._closed = True

    def seal(self) -> None:
        """Make a message of what there is, once."""
        self.close()
        if not self.body:
            bundle = self._collector.bundle()
            self.body, self.buffers = codec.encode(Transaction(steps=bundle.steps)), bundle.buffers
