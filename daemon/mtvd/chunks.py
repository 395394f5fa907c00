"""What is too long for one script, in parts: overlays of many markers. Pure.

DS9 needs some 4 ms for a thousand markers, and nobody else is served meanwhile. Other displays' steps may run between
the parts: atomic in outcome and in rollback, not in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from mtvd import actions as ac
from mtvd import changes as ch

MARKERS: Final = 5_000
"""In one script: 20 to 30 ms, and as much again for the redraw."""


def is_large(changes: Sequence[ch.AnyChange]) -> bool:
    """Tell whether a transaction has more markers than go into one script."""
    return sum(change.markers.count for change in changes if isinstance(change, ch.AddMarkers)) > MARKERS


def parts(actions: Sequence[ac.AnyAction]) -> Iterator[tuple[ac.AnyAction, ...]]:
    """Yield actions in their order, at most `MARKERS` markers together."""
    part: list[ac.AnyAction] = []
    room = MARKERS
    for action in actions:
        for piece in _pieces(action):
            count = piece.markers.count if isinstance(piece, ac.AddMarkers) else 0
            if count > room:
                yield tuple(part)
                part, room = [], MARKERS
            part.append(piece)
            room -= count
    if part:
        yield tuple(part)


def _pieces(action: ac.AnyAction) -> Iterator[ac.AnyAction]:
    if not isinstance(action, ac.AddMarkers) or action.markers.count <= MARKERS:
        yield action
        return
    overlap = int(action.markers.lines)  # the line goes on from the last point of the part before
    for first in range(0, action.markers.count, MARKERS - overlap):
        end = min(first + MARKERS, action.markers.count)
        if end - first > overlap:
            yield msgspec.structs.replace(action, markers=action.markers.between(first, end))
