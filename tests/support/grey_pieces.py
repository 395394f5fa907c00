"""A large picture of a fake: one grey piece."""

from __future__ import annotations

import numpy as np

from mtvd.stage.port import PieceBox, PiecePlan, Pieces


def grey_piece(size: tuple[int, int]) -> Pieces:
    """Return a picture of a width and height that has one piece."""
    plan = PiecePlan(boxes=(PieceBox(0, 0, *size),), background=(255, 255, 255))
    return Pieces(plan=plan, view="", pixels=(np.full((size[1], size[0], 3), 128, "u1"),))
