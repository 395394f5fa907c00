"""Pictures that have a size of their own: their limits, how they are put together, and their files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtv.wire.errors import RequestError
from mtv.wire.pictures import MOST_SIDE_PX, checked_size
from mtvd.drawing.pictures import LargePicture
from mtvd.stage.port import PieceBox, PiecePlan, Pieces


@pytest.mark.parametrize("size", [(1, 1), [4096, 4096], (MOST_SIDE_PX, 4096), (8192, 8192), (300.0, 200)])
def test_a_size_within_the_limits_is_taken(size: Any) -> None:
    assert checked_size(size) == tuple(size)


@pytest.mark.parametrize(
    "size",
    [(0, 5), (-3, 5), (MOST_SIDE_PX + 1, 1), (8193, 8192), (1.5, 3), (1,), (1, 2, 3), "ab", "12", 7, (None, 1)],
)
def test_a_size_that_no_picture_has_is_refused_by_name(size: Any) -> None:
    with pytest.raises(RequestError) as refused:
        checked_size(size)
    assert refused.value.error.where == "size"


@pytest.mark.parametrize("side", [float("nan"), float("inf")])
def test_a_side_that_is_no_finite_number_is_refused(side: float) -> None:
    with pytest.raises(RequestError, match="is no size"):
        checked_size((side, 1))


def test_a_picture_that_is_too_large_is_refused_with_the_limit() -> None:
    with pytest.raises(RequestError, match="100000x100000") as refused:
        checked_size((100_000, 100_000))
    assert str(MOST_SIDE_PX) in refused.value.error.hint


BOXES = tuple(PieceBox(left, top, 30, 20) for top in (0, 20) for left in (0, 30))
PLAN = PiecePlan(boxes=BOXES, background=(7, 8, 9))


def pieces(whole: np.ndarray[Any, Any], first: int, count: int, view: str = "") -> Pieces:
    """Cut four pieces of 30 x 20 pixels from a picture."""
    taken = BOXES[first : first + count]
    return Pieces(
        plan=PLAN,
        view=view,
        pixels=tuple(whole[box.top : box.top + box.height, box.left : box.left + box.width] for box in taken),
    )


def expected(whole: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the picture: background beside its pieces."""
    picture = np.full_like(whole, PLAN.background)
    picture[:40, :60] = whole[:40, :60]
    return picture


def noise() -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).integers(0, 256, (50, 70, 3)).astype("u1")


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_pieces_are_put_in_their_places(count: int) -> None:
    picture, whole = LargePicture((70, 50)), noise()
    while not picture.whole:
        picture.take(pieces(whole, picture.next_piece, count), "image")
    np.testing.assert_array_equal(picture.pixels, expected(whole))


@pytest.mark.parametrize(("shown", "view"), [("another", ""), ("image", "moved")])
def test_a_picture_whose_display_changes_between_pieces_shows_the_later_one_alone(shown: str, view: str) -> None:
    picture, before, after = LargePicture((70, 50)), noise(), noise()[::-1]
    picture.take(pieces(before, 0, 2), "image")
    while not picture.whole:
        picture.take(pieces(after, picture.next_piece, 2, view), shown)
    np.testing.assert_array_equal(picture.pixels, expected(after))


def test_a_display_that_changes_all_the_time_is_taken_in_one_go_at_last() -> None:
    picture, whole = LargePicture((70, 50)), noise()
    asked = []
    for change in range(100):
        asked.append(picture.most_ms)
        picture.take(pieces(whole, picture.next_piece, 9 if picture.most_ms > 1000 else 2), change)
        if picture.whole:
            break
    assert picture.whole
    assert len(asked) == 5, "two tries of two groups that do not fit, and one of all"


async def encoded(pixels: np.ndarray[Any, Any], image_format: str) -> bytes:
    picture = LargePicture((pixels.shape[1], pixels.shape[0]))
    picture.pixels[:] = pixels
    return await picture.encode(image_format)


@pytest.mark.anyio
@pytest.mark.parametrize("shape", [(1, 1), (50, 70), (256, 3), (257, 300), (1000, 1)])
async def test_a_png_has_the_pixels_that_it_was_made_of(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (*shape, 3)).astype("u1")
    data = await encoded(pixels, "png")
    Image.open(io.BytesIO(data)).verify()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)


@pytest.mark.anyio
async def test_a_jpeg_looks_like_the_pixels_that_it_was_made_of() -> None:
    pixels = np.repeat(np.arange(200, dtype="u1")[:, None, None], 3, axis=2).repeat(100, axis=1)
    read = np.asarray(Image.open(io.BytesIO(await encoded(pixels, "jpeg"))))
    np.testing.assert_allclose(read.astype(int), pixels, atol=6)
