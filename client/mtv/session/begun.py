"""Request that the daemon has, and whose answer is waited for later."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from mtv.session.decisions import Answer
from mtv.session.ticket import Ticket


class Begun:
    """Request that was begun by `mtv.session.connection.Connection.begin`.

    Parameters
    ----------
    ticket : `~mtv.session.ticket.Ticket`
        Not sent yet.
    deadline : `float`
        Of its answer, in terms of `time.monotonic`.
    sending : callable
        Returns a context that gives the request up where it is left before there is an answer.
    on_settled : callable
        Called once there is an answer or an error, in the link's thread.
    """

    def __init__(
        self,
        ticket: Ticket,
        deadline: float,
        sending: Callable[[], AbstractContextManager[None]],
        on_settled: Callable[[], object],
    ) -> None:
        self.settled_at: float | None = None
        """Time of the answer or error, in terms of `time.monotonic`; None while there is none."""
        self._ticket, self._deadline, self._sending = ticket, deadline, sending
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
        with self._sending():
            return self._ticket.wait(self._deadline)
