"""One client: a process that draws until it is told to stop, and keeps a logbook of what it was told.

``python -m chaos.client owner:2 …`` shows images on display 2 and changes its view; ``guest:a …`` adds lasting markers
to all displays, in transactions across them. It is an ordinary program: it knows nothing of crashes and has no code for
them; its connection is the client library's own, with an ear for the outcomes of what was only published.

Orders come on standard input, a line each: ``pause`` waits for all answers and for the next order, ``go`` draws on,
``end`` leaves.
"""

from __future__ import annotations

import argparse
import random
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chaos import painting
from chaos.logbook import DONE, SUPERSEDED, Logbook, Op
from mtv.connection import Connection
from mtv.ticket import Answer, Ticket
from mtv.wire.errors import MtvError
from mtv.wire.messages import Outcome, Request, Transaction


class Heard(Connection):
    """A connection that writes the outcome of every transaction into a logbook."""

    def __init__(self, endpoint: str, book: Logbook) -> None:
        super().__init__(endpoint)
        self.intended: Sequence[Op] = ()
        """What the next call is going to draw."""
        self._book = book
        self._count = 0

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


class Client:
    """Draws at random, as its role says."""

    def __init__(self, role: str, connection: Heard, book: Logbook, seed: int) -> None:
        self._connection = connection
        self._book = book
        self._random = random.Random(f"{seed} {role}")
        kind, _, name = role.partition(":")
        if kind == "owner":
            self._painter: painting.Painter = painting.Owner(connection, self._random, int(name))
        else:
            self._painter = painting.Guest(connection, self._random, name)

    def run(self) -> None:
        """Draw until told to end."""
        self._painter.begin()
        while True:
            order = self._order(self._random.uniform(0.0, 0.15))
            while order == "pause":
                self._settle()
                self._book.obeyed("pause")
                order = self._order(None)
            if order == "end":
                break
            try:
                self._painter.paint()
            except MtvError as error:
                print(f"{self._painter}: {error}", file=sys.stderr, flush=True)
        self._settle()
        self._book.obeyed("end")

    def _settle(self) -> None:
        """Wait until all is on the screen; what failed meanwhile is in the logbook already."""
        try:
            self._connection.sync()
        except MtvError as error:
            print(f"{self._painter}, sync: {error}", file=sys.stderr, flush=True)

    def _order(self, patience_secs: float | None) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], patience_secs)
        return (sys.stdin.readline().strip() or "end") if ready else ""


def main() -> None:
    """Run one client."""
    parser = argparse.ArgumentParser(prog="python -m chaos.client")
    parser.add_argument("role")
    parser.add_argument("endpoint")
    parser.add_argument("logbook", type=Path)
    parser.add_argument("seed", type=int)
    options = parser.parse_args()
    book = Logbook(options.logbook)
    connection = Heard(options.endpoint, book)
    with connection:
        Client(options.role, connection, book, options.seed).run()
    book.close()


if __name__ == "__main__":
    main()
