"""Colours of mask planes that can be told apart."""

from __future__ import annotations

import itertools

import pytest

from mtv.wire import colours, distinct
from mtv.wire.colours import MASK_COLOURS

AFW = (
    "BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "SUSPECT", "NO_DATA", "CROSSTALK",
    "NOT_DEBLENDED", "UNMASKEDNAN", "STREAK", "VIGNETTED", "SENSOR_EDGE", "CLIPPED", "REJECTED", "INEXACT_PSF",
)  # fmt: skip


def hexes(planes: tuple[str, ...], **given: str) -> dict[str, str]:
    found = distinct.colours_of(planes, tuple(given.items()))
    return {plane: colours.hex_of(colour) for plane, colour in found.items() if colour != colours.IGNORE}


def test_the_usual_planes_get_colours_far_from_each_other_and_the_first_of_a_colour_keeps_it() -> None:
    found = hexes(AFW)
    assert len(set(found.values())) == len(AFW)
    assert found["SAT"] == colours.hex_of("green") != found["INTRP"]
    assert found["EDGE"] == colours.hex_of("yellow") != found["SUSPECT"]
    for a, b in itertools.combinations(found.values(), 2):
        parts = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (a, b)]
        assert sum(abs(x - y) for x, y in zip(*parts, strict=True)) > 60, (a, b)


@pytest.mark.parametrize("count", [1, 32, 64])
def test_masks_of_any_number_of_unknown_planes_have_as_many_colours_as_there_are(count: int) -> None:
    planes = tuple(f"PLANE_{number}" for number in range(count))
    found = hexes(planes)
    assert set(found) == set(planes)
    assert len(set(found.values())) == min(count, len(distinct._PALETTE))


def test_colours_that_the_user_has_given_stay_and_are_given_to_no_other_plane() -> None:
    found = hexes(AFW, INTRP="red", BAD="ignore")
    assert found["INTRP"] == "#ff0000"
    assert "BAD" not in found
    assert list(found.values()).count("#ff0000") == 1


def test_a_plane_of_another_mask_takes_no_colour_away() -> None:
    assert hexes(("BAD",), ELSEWHERE="red")["BAD"] == "#ff0000"


def test_the_table_of_everybody_is_left_alone() -> None:
    before = dict(MASK_COLOURS)
    distinct.colours_of(AFW)
    assert before == MASK_COLOURS
