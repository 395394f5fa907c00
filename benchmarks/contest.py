"""Ways of doing one thing, each shown to give the same picture, then timed in turn."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.measures import Measured, Timing
from benchmarks.picture import PIXEL_TOLERANCE, Picture, difference


def _nothing() -> None:
    return None


@dataclasses.dataclass(frozen=True)
class Way:
    """One way: what is timed, what comes before it, and how to see what it drew."""

    name: str
    draw: Callable[[], object]
    """Timed, to the redrawn screen."""
    prepare: Callable[[], object] = _nothing
    """Before each run, not timed."""
    look: Callable[[], Picture] | None = None
    """A picture of what was drawn; None where there is none to compare."""


class OtherPicture(Exception):
    """A way gave another picture than the first: its time would mean nothing."""

    def __init__(self, name: str, share: float, pictures: dict[str, Picture]) -> None:
        super().__init__(f"{name} draws another picture: {share:.2%} of the pixels differ")
        self.pictures = pictures


def contest(*, ours: Way | None, peers: Sequence[Way] = (), floor: Way | None = None, runs: int) -> Measured:
    """Compare pictures, then time all ways in turn.

    Raises
    ------
    OtherPicture
        Where two ways do not draw the same.
    """
    ways = [way for way in (ours, *peers, floor) if way is not None]
    shares = same_picture(ways)
    timings = alternate(ways, runs)
    return Measured(
        ours=timings[ours.name] if ours else None,
        peers={way.name: timings[way.name] for way in peers},
        floor=timings[floor.name] if floor else None,
        extra={"pixels_apart": shares},
    )


def same_picture(ways: Iterable[Way]) -> dict[str, float]:
    """Run each way once, and return the share of pixels in which its picture differs from the first one's."""
    pictures: dict[str, Picture] = {}
    shares: dict[str, float] = {}
    for way in ways:
        way.prepare()
        way.draw()
        if way.look is None:
            continue
        pictures[way.name] = way.look()
        shares[way.name] = share = difference(next(iter(pictures.values())), pictures[way.name])
        if share > PIXEL_TOLERANCE:
            raise OtherPicture(way.name, share, pictures)
    return shares


def alternate(ways: Sequence[Way], runs: int) -> dict[str, Timing]:
    """Time A B C A B C …, so that a slow minute of the machine falls on all of them."""
    secs: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(runs):
        for way in ways:
            way.prepare()
            secs[way.name].append(_timed(way.draw))
    return {name: Timing(tuple(values)) for name, values in secs.items()}


def _timed(call: Callable[[], Any]) -> float:
    gc.collect()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
