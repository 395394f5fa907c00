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
from pathlib import Path

from chaos import painting
from chaos.heard import Heard
from chaos.logbook import Logbook
from mtv.wire.errors import MtvError


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
