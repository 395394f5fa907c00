"""Pictures that have a size of their own: their limits, how they are put together, and their files."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from mtv.wire.errors import DaemonError, RequestError
from mtv.wire.pictures import MOST_SIDE_PX, checked_size
from mtvd.drawing.pictures import LargePicture
from mtvd.scene import model
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
SIZE = (70, 50)
IMAGE = model.Display(number=0)


def plan(view: str = "", small: int = 0) -> PiecePlan:
    """Return four pieces, and a small picture with a bright pixel in one of them where it has a number."""
    seen = np.zeros((25, 35, 3), "u1")
    if small:
        seen[BOXES[small - 1].top // 2 + 5, BOXES[small - 1].left // 2 + 7] = 200
    return PiecePlan(boxes=BOXES, background=(7, 8, 9), view=view, small=seen, scale=0.5)


def pieces(whole: np.ndarray[Any, Any], boxes: Sequence[PieceBox], count: int = 4, view: str = "") -> Pieces:
    """Cut pieces from a picture."""
    taken = boxes[:count]
    return Pieces(
        view=view,
        pixels=tuple(whole[box.top : box.top + box.height, box.left : box.left + box.width] for box in taken),
    )


class Painted:
    """A stage that shows a picture, another after each go where there are more."""

    def __init__(self, count: int, *pictures: np.ndarray[Any, Any]) -> None:
        self.count, self.pictures, self.gone = count, list(pictures), 0
        self.asked: list[int] = []
        self.view = ""

    async def survey(self, _frame: int, _size: tuple[int, int]) -> PiecePlan:
        return plan(self.view)

    async def pieces(self, _frame: int, _size: tuple[int, int], boxes: Sequence[PieceBox], most_ms: int) -> Pieces:
        self.asked.append(most_ms)
        return pieces(self.pictures[0], boxes, 4 if most_ms > 100 else self.count, self.view)


def expected(whole: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the picture: background beside its pieces."""
    picture = np.full_like(whole, plan().background)
    picture[:40, :60] = whole[:40, :60]
    return picture


def noise() -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).integers(0, 256, (50, 70, 3)).astype("u1")


def scene(display: model.Display) -> model.Scene:
    return model.Scene(displays={0: display}, front=0)


@pytest.mark.anyio
@pytest.mark.parametrize("count", [1, 2, 3, 4])
async def test_pieces_are_put_in_their_places(count: int) -> None:
    picture, whole = LargePicture(SIZE), noise()
    stage: Any = Painted(count, whole)
    while not picture.whole:
        await picture.go_on(stage, None, scene(IMAGE))
    np.testing.assert_array_equal(picture.put_together()[1], expected(whole))
    assert not picture.begun_anew


@pytest.mark.anyio
@pytest.mark.parametrize(("label", "view"), [("another", ""), ("", "moved")])
async def test_a_picture_whose_display_changes_between_pieces_shows_the_later_one_alone(label: str, view: str) -> None:
    picture, before, after = LargePicture(SIZE), noise(), noise()[::-1]
    stage: Any = Painted(2, before)
    for _ in range(2):
        await picture.go_on(stage, 0, scene(IMAGE))
    stage.pictures, stage.view = [after], view
    while not picture.whole:
        await picture.go_on(stage, 0, scene(msgspec.structs.replace(IMAGE, name=label)))
    np.testing.assert_array_equal(picture.put_together()[1], expected(after))
    assert picture.begun_anew


def with_overlay(name: str) -> model.Display:
    return msgspec.structs.replace(IMAGE, overlays=(model.Overlay(name=name, lasting=False, batches=()),))


def test_pieces_that_a_new_marker_does_not_touch_are_kept() -> None:
    picture, whole = LargePicture(SIZE), noise()
    picture.follow(plan(), (0, IMAGE))
    picture.take(picture.missing, pieces(whole, picture.missing))
    assert picture.whole
    picture.follow(plan(small=4), (0, with_overlay("new")))
    assert list(picture.missing) == [BOXES[3]]
    picture.follow(plan(small=1), (0, with_overlay("newer")))
    assert list(picture.missing) == [BOXES[0], BOXES[3]], "one is gone from there, another has come here"
    assert not picture.begun_anew


def test_no_piece_is_kept_of_another_image() -> None:
    picture = LargePicture(SIZE)
    picture.follow(plan(), (0, IMAGE))
    picture.take(picture.missing, pieces(noise(), picture.missing))
    picture.follow(plan(), (0, msgspec.structs.replace(IMAGE, transparency_percent=3)))
    assert picture.missing == BOXES


@pytest.mark.anyio
async def test_a_display_that_changes_all_the_time_is_taken_in_one_go_at_last() -> None:
    picture, whole = LargePicture(SIZE), noise()
    stage: Any = Painted(2, whole)
    for change in range(100):
        await picture.go_on(stage, 0, scene(msgspec.structs.replace(IMAGE, name=str(change))))
        if picture.whole:
            break
    assert picture.whole
    assert len(stage.asked) == 1, "before that it was but looked at"
    np.testing.assert_array_equal(picture.put_together()[1], expected(whole))


@pytest.mark.anyio
async def test_a_picture_is_given_up_that_is_never_done_before_the_display_changes() -> None:
    picture = LargePicture(SIZE)
    stage: Any = Painted(2, noise())
    stage.pieces = lambda _frame, _size, boxes, _ms: _later(pieces(noise(), boxes, 2))
    with pytest.raises(DaemonError) as refused:
        await go_on_for_long(picture, stage, lambda name: msgspec.structs.replace(IMAGE, name=name))
    assert refused.value.error.code == "busy"
    assert refused.value.error.retryable


@pytest.mark.anyio
async def test_a_picture_is_given_up_whose_markers_change_as_fast_as_it_is_taken() -> None:
    picture = LargePicture(SIZE)
    stage: Any = Painted(1, noise())
    stage.survey = lambda _frame, _size: _later(plan(small=1 + len(stage.asked) % 2))
    with pytest.raises(DaemonError):
        await go_on_for_long(picture, stage, with_overlay)


async def go_on_for_long(picture: LargePicture, stage: Any, change: Callable[[str], model.Display]) -> None:
    for number in range(1000):
        await picture.go_on(stage, 0, scene(change(str(number))))


async def _later(value: Any) -> Any:
    return value


async def encoded(pixels: np.ndarray[Any, Any], image_format: str) -> bytes:
    size = pixels.shape[1], pixels.shape[0]
    whole = PieceBox(0, 0, *size)
    picture = LargePicture(size)
    picture.follow(PiecePlan(boxes=(whole,), background=(0, 0, 0), view=""), (0, None))
    picture.take((whole,), Pieces(view="", pixels=(pixels,)))
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
