"""Large pictures, as DS9 tells of them and has written them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtvd.stage.paint.covering import SmallPicture, cover
from mtvd.stage.port import PieceBox, PiecePlan, Pieces

_Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def read_plan(told: str, path: Path, size: tuple[int, int]) -> PiecePlan:
    """Return the pieces that a picture needs, by what ``::mtv::picture_look`` has told and written.

    Parameters
    ----------
    told : `str`
        Its answer.
    path : `~pathlib.Path`
        The picture in small, as a binary PPM; not read where nothing was written.
    size : `tuple` [`int`, `int`]
        Width and height of the picture in pixels.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    numbers, view = told.split("\n")
    words = numbers.split()
    red, green, blue, across, down = map(int, words[:5])
    scale = float(words[5])
    background = red, green, blue
    if not scale:
        return PiecePlan(boxes=cover(size, (across, down)), background=background, view=view)
    odd, (width, height), edges = map(int, words[6:9]), map(int, words[9:11]), [int(word) for word in words[11:]]
    (pixels,) = _read(path, [PieceBox(0, 0, width, height)])
    small = SmallPicture((pixels != np.fromiter(odd, "u1")).any(axis=2), scale)
    more = [(edges[i], edges[i + 1], edges[i + 2], edges[i + 3]) for i in range(0, len(edges), 4)]
    boxes = cover(size, (across, down), small, more)
    return PiecePlan(boxes=boxes, background=background, view=view, small=pixels, scale=scale)


def read_pieces(told: str, path: Path, boxes: Sequence[PieceBox]) -> Pieces:
    """Read what ``::mtv::picture_pieces`` has written.

    Parameters
    ----------
    told : `str`
        Its answer: the number of pieces, and the words for the view.
    path : `~pathlib.Path`
        One binary PPM after the other.
    boxes : sequence of `~mtvd.stage.port.PieceBox`
        Pieces that were asked for; the first ones have been taken.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    count, view = told.split("\n")
    return Pieces(view=view, pixels=tuple(_read(path, boxes[: int(count)])))


def _read(path: Path, boxes: Sequence[PieceBox]) -> list[_Pixels]:
    pixels = []
    with path.open("rb") as file:
        for box in boxes:
            file.seek(len(f"P6\n{box.width} {box.height}\n255\n"), 1)
            pixels.append(np.fromfile(file, "u1", 3 * box.width * box.height).reshape(box.height, box.width, 3))
    return pixels
