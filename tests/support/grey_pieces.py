"""A large picture of a fake: one grey piece."""

from __future__ import annotations

import numpy as np

from mtvd.stage.port import PieceBox, PiecePlan, Pieces


def one_piece(size: tuple[int, int]) -> PiecePlan:
    """Return the plan of a picture that has one piece."""
    return PiecePlan(boxes=(PieceBox(0, 0, *size),), background=(255, 255, 255), view="")


def grey_piece(size: tuple[int, int]) -> Pieces:
    """Return that piece."""
    return Pieces(view="", pixels=(np.full((size[1], size[0], 3), 128, "u1"),))
