"""A connection that keeps a logbook: the client library's own, with an ear for the outcomes of what was published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chaos.logbook import DONE, SUPERSEDED, Logbook, Op
from mtv.session.connection import Connection
from mtv.session.decisions import Answer
from mtv.session.ticket import Ticket
from mtv.wire.errors import MtvError
from mtv.wire.messages import Outcome
from mtv.wire.requests import Request, Transaction


class Heard(Connection):
    """A connection that writes the outcome of every transaction into a logbook."""

    def __init__(self, endpoint: str, book: Logbook, *, timeout_secs: float = 120.0) -> None:
        super().__init__(endpoint, timeout_secs=timeout_secs)
        self.intended: Sequence[Op] = ()
        """Steps that the next call is going to draw."""
        self._book = book
        self._count = 0

    def keep_in(self, book: Logbook) -> None:
        """Go on in another logbook: a process that was forked keeps its own."""
        self._book = book

    def ask(self, message: Request, **options: Any) -> Answer:
        """Send and wait, as the library does."""
        if not isinstance(message, Transaction):
            return super().ask(message, **options)
        number = self._sent()
        try:
            answer = super().ask(message, **options)
        except MtvError as error:
            self._book.settled(number, error.code)
            raise
        self._book.settled(number, outcome_of(answer))
        return answer

    def publish(self, message: Request, *, cleanup: Callable[[Ticket], object] | None = None, **options: Any) -> None:
        """Publish, as the library does."""
        number = self._sent()

        def settled(ticket: Ticket) -> None:
            if cleanup is not None:
                cleanup(ticket)
            assert ticket.error or ticket.answer
            self._book.settled(number, ticket.error.code if ticket.error else outcome_of(ticket.answer))

        super().publish(message, cleanup=settled, **options)

    def publish_dot(self, *arguments: Any) -> None:
        """Publish a dot, as the library does, and listen to the request that it joins."""
        number = self._sent()
        super().publish_dot(*arguments)
        gathering = self._gathering
        assert gathering is not None
        told: list[int] = []

        def settled(ticket: Ticket) -> None:
            if not told:
                told.append(number)
                self._book.settled(number, ticket.error.code if ticket.error else outcome_of(ticket.answer))

        gathering.when_settled(settled)
        if gathering.settled:
            settled(gathering)

    def _sent(self) -> int:
        self._count += 1
        self._book.sent(self._count, self.intended)
        return self._count


def outcome_of(answer: Answer | None) -> str:
    """Return ``done``, ``superseded``, or what else the steps of an outcome say."""
    assert answer is not None
    assert isinstance(answer.reply, Outcome)
    states = {step.state for step in answer.reply.steps}
    return DONE if states == {DONE} else SUPERSEDED if states == {SUPERSEDED} else " ".join(sorted(states))
