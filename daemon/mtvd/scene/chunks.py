"""Parts of large transactions: overlays of more markers than one script should have. Pure.

DS9 needs some 4 ms for a thousand markers, and nobody else is served meanwhile. Other displays' steps may run between
the parts: atomic in outcome and in rollback, not in pixels.

Markers are cut where they enter the scene, so that the scene holds each part as DS9 drew it: DS9 keeps the regions of
one script by their symbols, and what the user deletes is told by its place among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from mtv.wire.regions import Region, weight_of
from mtvd.scene import changes as ch
from mtvd.scene.actions import Markers

MARKERS: Final = 5_000
"""Most markers in one script: 20 to 30 ms, and as much again for the redraw."""


class Part(NamedTuple):
    """Some changes of a transaction, drawn with one script."""

    changes: tuple[ch.AnyChange, ...]
    places: tuple[int, ...]
    """Index of each change's step."""


def is_large(changes: Sequence[ch.AnyChange]) -> bool:
    """Tell whether a transaction has more markers than go into one script."""
    return sum(change.markers.weight for change in changes if isinstance(change, ch.AddMarkers)) > MARKERS


def parts(changes: Sequence[ch.AnyChange], places: Sequence[int]) -> Iterator[Part]:
    """Yield the changes in their order, at most `MARKERS` markers together; a long overlay in several changes.

    An image has a part of its own: with a large mask it takes as long as the markers. Applied one after the other the
    parts lead to the scene that the changes themselves lead to.
    """
    part: list[tuple[ch.AnyChange, int]] = []
    left = MARKERS
    for change, place in zip(changes, places, strict=True):
        for piece in _pieces(change):
            count = piece.markers.weight if isinstance(piece, ch.AddMarkers) else 0
            is_image = isinstance(piece, ch.ShowImage)
            if part and (count > left or is_image):
                yield _part(part)
                part, left = [], MARKERS
            part.append((piece, place))
            left = 0 if is_image else left - count
    if part:
        yield _part(part)


def split(markers: Markers) -> tuple[Markers, ...]:
    """Return markers in pieces of at most `MARKERS`, each with a key of its own; short ones as they are.

    Each piece of a line begins with the last point of the piece before, so that the line goes on.
    """
    if markers.weight <= MARKERS:
        return (markers,)
    if markers.regions:
        return tuple(
            msgspec.structs.replace(markers.between(first, end), key=f"{markers.key}/{index}")
            for index, (first, end) in enumerate(_by_weight(markers.regions))
        )
    overlap = int(markers.lines)
    starts = [first for first in range(0, markers.count, MARKERS - overlap) if markers.count - first > overlap]
    return tuple(
        msgspec.structs.replace(
            markers.between(first, min(first + MARKERS, markers.count)),
            key=f"{markers.key}/{index}",
            repeated=overlap if first else 0,
        )
        for index, first in enumerate(starts)
    )


def _by_weight(regions: Sequence[Region]) -> Iterator[tuple[int, int]]:
    """Yield first and past-the-last row of pieces of regions, none heavier than `MARKERS` unless it has but one."""
    first = weight = 0
    for row, region in enumerate(regions):
        own = weight_of(region)
        if row > first and weight + own > MARKERS:
            yield first, row
            first, weight = row, 0
        weight += own
    yield first, len(regions)


def is_piece(key: str, whole: str) -> bool:
    """Tell whether a key is that of some markers, or of a piece of them."""
    return key == whole or key.startswith(f"{whole}/")


def _pieces(change: ch.AnyChange) -> Iterator[ch.AnyChange]:
    if not isinstance(change, ch.AddMarkers):
        yield change
        return
    for index, piece in enumerate(split(change.markers)):
        yield msgspec.structs.replace(change, markers=piece, replace=change.replace and index == 0)


def _part(pairs: Sequence[tuple[ch.AnyChange, int]]) -> Part:
    return Part(tuple(change for change, _ in pairs), tuple(place for _, place in pairs))
