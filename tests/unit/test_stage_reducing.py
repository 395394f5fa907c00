"""Masks in cells, and the cells that zooms want."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mtvd.scene import actions
from mtvd.stage.paint.reducing import LARGEST_CELL, cell_for, reduce_mask
from mtvd.stage.paint.zooms import FrameView, Zooms
from mtvd.stage.port import Batch, Section

DTYPES = st.sampled_from(["u1", "<i2", ">u2", "<i4", ">i4", ">u8"])
MASKS = DTYPES.flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=21))
)


@given(MASKS, st.sampled_from([1, 2, 4, 8, 64]))
def test_a_cell_has_the_planes_of_its_pixels_and_no_others(mask: np.ndarray[Any, Any], cell: int) -> None:
    cells = reduce_mask(mask, cell)
    assert cells.dtype == mask.dtype
    height, width = mask.shape
    for y in range(-(-height // cell)):
        for x in range(-(-width // cell)):
            expected = 0
            for value in mask[y * cell : (y + 1) * cell, x * cell : (x + 1) * cell].ravel().tolist():
                expected |= value
            assert int(cells[y, x]) == expected
    assert cells.shape == (-(-height // cell), -(-width // cell))


@given(st.floats(1 / LARGEST_CELL, 1e3))
def test_a_cell_is_at_least_a_pixel_of_the_screen_and_less_than_two(zoom: float) -> None:
    cell = cell_for(zoom)
    assert cell * zoom >= 1 - 1e-6
    assert cell == 1 or cell * zoom < 2


@pytest.mark.parametrize("zoom", [0.0, -1.0, 1.0, 7.5, float("inf"), float("nan")])
def test_what_is_not_zoomed_out_is_drawn_pixel_by_pixel(zoom: float) -> None:
    assert cell_for(zoom) == 1


def image(shape_yx: tuple[int, int]) -> actions.ImageLayer:
    return actions.ImageLayer(
        file="mtv-1-0.fits", shape_yx=shape_yx, dtype=">f4", header_bytes=2880, xy0=(0, 0), label="", unit=""
    )


def mask_of(frame: int) -> actions.LoadMask:
    layer = actions.MaskLayer(file="mask-1-0.raw", shape_yx=(10, 10), dtype="|u1", offset=0, xy0=(0, 0), planes=())
    return actions.LoadMask(frame=frame, mask=layer, colours=(), transparency_percent=0)


def batch(*steps: actions.AnyAction) -> Batch:
    return Batch(epoch="test", number=1, sections=(Section(key="s", actions=steps),))


def test_the_cells_of_a_fitted_mask_are_those_of_the_zoom_that_it_will_have() -> None:
    zooms = Zooms()
    zooms.tell({7: FrameView(1.0, 500, 400)})
    steps = (
        actions.LoadImage(frame=7, image=image((4000, 1000))),
        mask_of(7),
        actions.SetZoom(frame=7, factor=None),
    )
    assert zooms.expect(batch(*steps)) == {7: 16}, "it will be shown at 400 / 4000"
    assert zooms.expect(batch(*steps[:2], actions.SetZoom(frame=7, factor=0.3))) == {7: 4}
    assert zooms.expect(batch(mask_of(7))) == {7: 1}, "another mask, at the zoom that there is"


def test_a_new_frame_is_taken_to_be_as_large_as_another() -> None:
    zooms = Zooms()
    zooms.tell({1: FrameView(0.1, 200, 100)})
    steps = (
        actions.CreateFrame(frame=2),
        actions.LoadImage(frame=2, image=image((1000, 1000))),
        mask_of(2),
        actions.SetZoom(frame=2, factor=None),
    )
    assert zooms.expect(batch(*steps)) == {2: 16}


def test_a_frame_that_is_made_anew_begins_at_zoom_1() -> None:
    zooms = Zooms()
    zooms.tell({1: FrameView(0.1, 200, 100)})
    assert zooms.cell(1) == 16
    assert zooms.expect(batch(actions.ResetFrame(frame=1), mask_of(1))) == {1: 1}
    zooms.clear()
    assert zooms.cell(1) == 1
