"""``python -m crowd.member ROLE:INDEX …``: one member of the crowd, until it is told to end or is killed.

An order comes on standard input: a line, or its end, lets the member do what comes last and leave.
"""

from __future__ import annotations

import argparse
import contextlib
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from crowd import drawing, hand, pools, raw, streams
from crowd.cast import PACE, UNPACED
from crowd.seat import PATIENCE_SECS, Member, Seat
from mtv.wire.errors import MtvError

ROLES: Final[dict[str, Callable[[Seat], Member]]] = {
    "plain": drawing.Plain,
    "buffered": drawing.Buffered,
    "maker": drawing.Maker,
    "painter": drawing.Painter,
    "guest": drawing.Guest,
    "sharer": drawing.Sharer,
    "handled": drawing.Handled,
    "dier": drawing.Dier,
    "arranger": drawing.Arranger,
    "probe": drawing.Probe,
    "feed": streams.Feeding,
    "movie": streams.Movie,
    "watch": streams.WatchingFiles,
    "watch_repo": streams.WatchingRepository,
    "query": streams.Asking,
    "poller": streams.Polling,
    "fork": lambda seat: pools.Pooled(seat, "fork"),
    "spawn": lambda seat: pools.Pooled(seat, "spawn"),
    "mad": raw.Mad,
    "deaf": raw.Deaf,
    "hand": hand.Hand,
}
SILENT: Final = frozenset({"mad", "deaf", "hand"})
"""They have no connection of the client library that must come to an end."""


def main() -> None:
    """Run one member."""
    seat = _seat()
    member = ROLES[seat.role](seat)
    member.begin()
    pace = 1.0 if seat.role in UNPACED else PACE
    while not _ordered(pace * seat.random.uniform(*member.pause_secs)):
        member.act()
    member.finish()
    if seat.role not in SILENT:
        with contextlib.suppress(MtvError):  # what failed of that which was published is in the notebook already
            seat.connection.flush(PATIENCE_SECS)
        with seat.minding("sync"):
            seat.connection.sync(PATIENCE_SECS)
        seat.connection.close()
    seat.book.obeyed("end")


def _ordered(patience_secs: float) -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], patience_secs)
    return bool(ready)


def _seat() -> Seat:
    parser = argparse.ArgumentParser(prog="python -m crowd.member", description=__doc__)
    parser.add_argument("name", help="role:index")
    for word in ("--number", "--life", "--seed"):
        parser.add_argument(word, type=int, required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--books", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    options = parser.parse_args()
    role, _, index = options.name.partition(":")
    return Seat(
        role=role,
        index=int(index),
        number=options.number,
        life=options.life,
        endpoint=options.endpoint,
        books=options.books,
        runtime=options.runtime,
        seed=options.seed,
    )


if __name__ == "__main__":
    main()
