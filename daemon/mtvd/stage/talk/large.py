"""Pieces of large pictures, as DS9 has written them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mtvd.stage.port import Pieces


def read_pieces(told: str, path: Path) -> Pieces:
    """Read what ``::mtv::picture_pieces`` has written.

    Parameters
    ----------
    told : `str`
        Its answer: the number of pieces, width and height of each, and the words for the view.
    path : `~pathlib.Path`
        One binary PPM after the other.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    count, across, down, view = told.split(maxsplit=3)
    size = int(across), int(down)
    header = len(f"P6\n{across} {down}\n255\n")
    piece_bytes = header + 3 * size[0] * size[1]
    pieces = np.fromfile(path, "u1", int(count) * piece_bytes).reshape(int(count), piece_bytes)[:, header:]
    return Pieces(size=size, view=view, pixels=tuple(piece.reshape(size[1], size[0], 3) for piece in pieces))
