"""Pieces that cover what a large picture shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtvd.stage.paint.covering import SmallPicture, cover
from mtvd.stage.port import PieceBox


def test_a_picture_that_nobody_has_looked_at_is_covered_whole() -> None:
    boxes = cover((101, 50), (50, 50))
    assert boxes == (PieceBox(0, 0, 34, 50), PieceBox(34, 0, 34, 50), PieceBox(68, 0, 33, 50))


def test_an_empty_picture_has_no_pieces() -> None:
    assert cover((400, 400), (100, 100), SmallPicture(np.zeros((100, 100), bool), 0.25)) == ()


def test_what_is_known_beside_the_small_picture_is_covered_too() -> None:
    small = SmallPicture(np.zeros((100, 100), bool), 0.25)
    assert cover((400, 400), (100, 100), small, [(10, 10, 30, 20), (-5, 390, 4, 420)]) == (
        PieceBox(9, 9, 22, 12),
        PieceBox(0, 389, 5, 11),
    )


def test_a_portrait_is_covered_without_what_is_beside_it() -> None:
    filled = np.zeros((630, 630), bool)
    filled[130:500, 226:404] = True
    boxes = cover((4096, 4096), (1000, 629), SmallPicture(filled, 630 / 4096))
    assert len(boxes) == 8
    assert sum(box.width * box.height for box in boxes) < 1.1 * 370 * 178 * (4096 / 630) ** 2


@given(st.data())
def test_all_that_is_filled_lies_in_one_piece_that_is_small_enough(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(20, 300)), data.draw(st.integers(20, 300))
    most = data.draw(st.integers(15, 80)), data.draw(st.integers(15, 80))
    scale = min(1.0, most[0] / width, most[1] / height)
    shape = int(np.ceil(height * scale)), int(np.ceil(width * scale))
    filled = np.zeros(shape, bool)
    count = data.draw(st.integers(0, 6))
    for _ in range(count):
        filled[data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1))] = True
    times = np.zeros((height, width), int)
    for box in cover((width, height), most, SmallPicture(filled, scale)):
        assert box.width <= most[0]
        assert box.height <= most[1]
        assert box.left >= 0
        assert box.top >= 0
        part = times[box.top : box.top + box.height, box.left : box.left + box.width]
        assert part.shape == (box.height, box.width)
        part += 1
    assert times.max(initial=0) <= 1, "none is drawn twice"
    y, x = np.mgrid[:height, :width]
    row = np.clip(np.floor((y + 0.5 - height / 2) * scale + shape[0] / 2), 0, shape[0] - 1).astype(int)
    column = np.clip(np.floor((x + 0.5 - width / 2) * scale + shape[1] / 2), 0, shape[1] - 1).astype(int)
    assert times[filled[row, column]].all()


@pytest.mark.parametrize("most", [(7, 7), (100, 3)])
def test_pieces_of_a_whole_picture_lie_side_by_side(most: tuple[int, int]) -> None:
    times = np.zeros((50, 41), int)
    for box in cover((41, 50), most):
        times[box.top : box.top + box.height, box.left : box.left + box.width] += 1
    assert (times == 1).all()
