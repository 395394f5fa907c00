"""Pieces that a large picture needs: those in which it shows more than background. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from mtvd.stage.port import PieceBox

_MARGIN: Final = 2
"""Pixels of the small picture that are taken as not empty around all that are not: DS9 rounds in both."""


class SmallPicture(NamedTuple):
    """A large picture in small, as it was drawn in one go."""

    filled: np.ndarray[Any, np.dtype[np.bool_]]
    """``(y, x)``; False for background."""
    scale: float
    """Pixels of this one in a pixel of the large one. Both have the same middle."""


def cover(
    size: tuple[int, int],
    most: tuple[int, int],
    small: SmallPicture | None = None,
    more: Sequence[tuple[int, int, int, int]] = (),
) -> tuple[PieceBox, ...]:
    """Return pieces that have all of a picture in them that is not background, from the top to the bottom.

    Parameters
    ----------
    size : `tuple` [`int`, `int`]
        Width and height of the picture in pixels.
    most : `tuple` [`int`, `int`]
        Width and height that a piece may have.
    small : `SmallPicture`, optional
        The picture in small; all of it is covered where there is none.
    more : sequence of `tuple`
        Left, top, right and bottom of what the small picture does not show.
    """
    width, height = size
    if small is None:
        return _divide(PieceBox(0, 0, width, height), most)
    filled = _widen(small.filled)
    boxes: list[PieceBox] = []
    whole = _bounds(filled, small.scale, size)
    for cell in [] if whole is None else _divide(whole, most):
        part = np.zeros_like(filled)
        place = _part(cell, filled, small.scale, size)
        part[place] = filled[place]
        needed = _bounds(part, small.scale, size)
        if needed is not None and (needed := _common(needed, cell)) is not None:
            boxes.append(needed)
    picture = PieceBox(0, 0, width, height)
    for left, top, right, bottom in more:
        box = _common(PieceBox(left - 1, top - 1, right - left + 2, bottom - top + 2), picture)
        if box is not None and not any(_common(box, other) == box for other in boxes):
            boxes.extend(_divide(box, most))
    return tuple(boxes)


def find_touched(boxes: Sequence[PieceBox], small: SmallPicture, size: tuple[int, int]) -> list[PieceBox]:
    """Return those pieces in which anything of a small picture is.

    Parameters
    ----------
    boxes : sequence of `~mtvd.stage.port.PieceBox`
    small : `SmallPicture`
    size : `tuple` [`int`, `int`]
        Width and height of the large picture in pixels.
    """
    filled = _widen(small.filled)
    return [box for box in boxes if filled[_part(box, filled, small.scale, size)].any()]


def _part(
    box: PieceBox, filled: np.ndarray[Any, np.dtype[np.bool_]], scale: float, size: tuple[int, int]
) -> tuple[slice, slice]:
    """Return rows and columns of the small picture that a part of the large one lies in."""
    return (
        _span(box.top, box.height, size[1], scale, filled.shape[0]),
        _span(box.left, box.width, size[0], scale, filled.shape[1]),
    )


def _divide(box: PieceBox, most: tuple[int, int]) -> tuple[PieceBox, ...]:
    """Return equal parts of a box that are small enough, row by row."""
    columns, rows = -(-box.width // most[0]), -(-box.height // most[1])
    across, down = -(-box.width // columns), -(-box.height // rows)
    parts = (
        _common(PieceBox(box.left + column * across, box.top + row * down, across, down), box)
        for row in range(rows)
        for column in range(columns)
    )
    return tuple(part for part in parts if part is not None)


def _widen(filled: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    wide = filled.copy()
    for _ in range(_MARGIN):
        wide[1:] |= wide[:-1].copy()
        wide[:-1] |= wide[1:].copy()
        wide[:, 1:] |= wide[:, :-1].copy()
        wide[:, :-1] |= wide[:, 1:].copy()
    return wide


def _bounds(filled: np.ndarray[Any, np.dtype[np.bool_]], scale: float, size: tuple[int, int]) -> PieceBox | None:
    """Return the part of the picture in which anything is; None where nothing is."""
    rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    if not rows.size:
        return None
    edges = []
    for found, pixels, side in ((columns, filled.shape[1], size[0]), (rows, filled.shape[0], size[1])):
        first, last = int(found[0]), int(found[-1]) + 1
        # the outermost pixels stand for all that lies beyond them too
        begin = 0 if first == 0 else math.floor((first - pixels / 2) / scale + side / 2)
        end = side if last == pixels else math.ceil((last - pixels / 2) / scale + side / 2)
        edges.append((begin, end - begin))
    (left, width), (top, height) = edges
    return _common(PieceBox(left, top, width, height), PieceBox(0, 0, *size))


def _span(start: int, length: int, side: int, scale: float, pixels: int) -> slice:
    """Return the pixels of the small picture that a part of the large one lies in, along one axis."""
    first = math.floor((start - side / 2) * scale + pixels / 2)
    last = math.ceil((start + length - side / 2) * scale + pixels / 2)
    return slice(min(max(first, 0), pixels - 1), max(min(last, pixels), 1))


def _common(one: PieceBox, other: PieceBox) -> PieceBox | None:
    left, top = max(one.left, other.left), max(one.top, other.top)
    right = min(one.left + one.width, other.left + other.width)
    bottom = min(one.top + one.height, other.top + other.height)
    return PieceBox(left, top, right - left, bottom - top) if right > left and bottom > top else None
