"""Request that the daemon has, and whose answer is waited for later."""

from __future__ import annotations

import time
from collections.abc import Callable

from mtv.session.decisions import Answer
from mtv.session.ticket import Ticket


class Begun:
    """Request that was begun by `mtv.session.connection.Connection.begin`.

    Parameters
    ----------
    ticket : `~mtv.session.ticket.Ticket`
        Not sent yet.
    finish : callable
        Waits for its answer, or gives the request up.
    on_settled : callable
        Called once there is an answer or an error, in the link's thread.
    """

    def __init__(self, ticket: Ticket, finish: Callable[[], Answer], on_settled: Callable[[], object]) -> None:
        self.settled_at: float | None = None
        """Time of the answer or error, in terms of `time.monotonic`; None while there is none."""
        self._finish = finish
        self._on_settled = on_settled
        ticket.when_settled(self._settle)

    def _settle(self, _ticket: Ticket) -> None:
        self.settled_at = time.monotonic()
        self._on_settled()

    def wait(self) -> Answer:
        """Return the answer.

        Raises
        ------
        MtvError
            Of the kind that the daemon's error stands for; `DeadlineExceeded`: the request is cancelled then.
        """
        return self._finish()
