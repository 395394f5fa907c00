from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mtvd.stage.paint.masks import Box, Bytes, contents, paint, palette, survey


def split(mask: np.ndarray[Any, Any], planes: list[tuple[int, str]]) -> dict[str, np.ndarray[Any, Any]]:
    """Return each colour's pixels, as large as the mask."""
    wanted = palette(planes)
    found = survey(mask, wanted)
    layers = [None if box is None else np.full(box.shape_yx, 7, np.uint8) for box in found.boxes]

    def write(layer: int, row: int, block: Bytes) -> None:
        target = layers[layer]
        assert target is not None
        assert (target[row : row + len(block)] == 7).all(), "each row is written once"
        target[row : row + len(block)] = block

    paint(mask, wanted, found, write)
    whole = {}
    for colour, box, layer in zip(wanted.colours, found.boxes, layers, strict=True):
        whole[colour] = np.zeros(mask.shape, np.uint8)
        if box is not None and layer is not None:
            whole[colour][box.y0 : box.y1, box.x0 : box.x1] = layer
    return whole


def expected(mask: np.ndarray[Any, Any], planes: list[tuple[int, str]]) -> dict[str, np.ndarray[Any, Any]]:
    top = np.full(mask.shape, "", "U7")
    for bit, colour in planes:
        top[(mask.astype("i8") >> bit) & 1 == 1] = colour
    return {colour: (top == colour).astype(np.uint8) for _, colour in planes}


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<i4", ">i4", "<u4", "<i8", ">i8"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (300, 4000), (4000, 30)])
def test_each_pixel_has_the_colour_of_its_topmost_plane(dtype: str, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    mask = (random.integers(0, 128, shape) * (random.random(shape) < 0.1)).astype(dtype)
    planes = [(5, "#0000ff"), (0, "#ff0000"), (1, "#00ff00"), (2, "#00ff00"), (3, "#ff0000"), (6, "#ffa500")]
    got, wanted = split(mask, planes), expected(mask, planes)
    for colour in wanted:
        assert (got[colour] == wanted[colour]).all(), colour


def test_layers_are_cropped_to_boxes_around_their_pixels() -> None:
    mask = np.zeros((4000, 2000), "i4")
    mask[1000:1010, 300:305] = 1
    mask[5, 1999] = 2
    found = survey(mask, palette([(0, "#ff0000"), (1, "#00ff00"), (2, "#0000ff")]))
    first, second, third = found.boxes
    assert first is not None
    assert first.x0 == 300
    assert first.x1 == 305
    assert first.y0 <= 1000 < 1010 <= first.y1 < 1100
    assert second == Box(0, second.y1, 1999, 2000) if second else False
    assert third is None


def test_a_plane_of_the_sign_bit_is_a_plane_like_others() -> None:
    mask = np.array([[-1, 0, 1]], "i4")
    assert split(mask, [(31, "#ff0000")])["#ff0000"].tolist() == [[1, 0, 0]]


def test_planes_beyond_the_type_of_the_mask_are_nowhere() -> None:
    assert not split(np.full((4, 4), 255, "u1"), [(20, "#ff0000")])["#ff0000"].any()


def test_neighbours_of_one_colour_are_one_group() -> None:
    made = palette([(0, "a"), (1, "b"), (2, "b"), (3, "a")])
    assert made.colours == ("a", "b")
    assert [tuple(group) for group in made.groups] == [(8, 0), (6, 1), (1, 0)]


def test_a_colours_content_is_its_planes_and_those_above_them() -> None:
    before = contents(palette([(5, "blue"), (0, "red"), (1, "green"), (2, "red")]))
    assert before == {"blue": ((32, 7),), "red": ((4, 0), (1, 6)), "green": ((2, 4),)}
    after = contents(palette([(5, "pink"), (0, "red"), (1, "green"), (2, "red")]))
    assert after["red"] == before["red"], "another colour below changes nothing above"
    assert after["pink"] == before["blue"]
