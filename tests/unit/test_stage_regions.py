from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mtv.shared.regions.writing import quote
from mtvd.scene.actions import Markers
from mtvd.stage.paint.digits import fixed_point
from mtvd.stage.paint.regions import radii, region_text, tag_of


def markers(x: Sequence[float], y: Sequence[float], **changes: Any) -> Markers:
    size = changes.pop("size", [2.0])
    values: dict[str, Any] = {
        "key": "k",
        "count": len(x),
        "x": np.array(x, "<f8").tobytes(),
        "y": np.array(y, "<f8").tobytes(),
        "size": np.array(size, "<f8").tobytes(),
        "symbols": ("o",),
        "colours": ("#00ff00",),
        "system": "pixel",
        "lines": False,
    }
    return Markers(**(values | changes))


def regions(text: str) -> list[str]:
    return [line for line in text.splitlines()[1:] if not line.startswith("global ")]


def test_a_circle_is_physical_one_based_coloured_and_tagged() -> None:
    text = region_text(markers([9.5], [-20.25]), "mine").text
    assert text == f'physical\nglobal color=#00ff00\ncircle(010.500,-19.250,02.0000) # tag="{tag_of("mine")}"\n'


def test_the_sky_is_icrs_in_degrees_and_arc_seconds() -> None:
    text = region_text(markers([320.5], [-0.25], system="sky"), "mine").text
    assert text.startswith('icrs\nglobal color=#00ff00\ncircle(0320.50000000,-0.25000000,02.0000") # ')


@pytest.mark.parametrize("symbol", ["+", "x", "*", "o", "@:4,1,3", "text"])
def test_every_marker_is_one_region(symbol: str) -> None:
    drawn = region_text(markers([1, 2, 3], [4, 5, 6], symbols=(symbol,)), "a")
    assert len(regions(drawn.text)) == 3
    assert (drawn.drawn, drawn.skipped) == (3, 0)


def test_markers_without_a_usable_position_or_size_are_skipped_and_counted() -> None:
    x = [1, math.nan, 3, math.inf, 5, 1e300]
    drawn = region_text(markers(x, [1, 1, 1, 1, math.nan, 1], size=[1, 1, -1, 1, 1, 1]), "a")
    assert (drawn.drawn, drawn.skipped) == (1, 5)
    assert "nan" not in drawn.text


def test_each_row_has_its_own_symbol_colour_and_size() -> None:
    drawn = region_text(
        markers(
            [1, 2, 3], [1, 2, 3], symbols=("o", "+", "o"), colours=("#ff0000", "#ff0000", "#0000ff"), size=[1, 2, 3]
        ),
        "a",
    )
    lines = regions(drawn.text)
    assert sorted(line.split("(")[0] for line in lines) == ["circle", "circle", "segment"]
    blue = drawn.text.partition("global color=#0000ff\n")[2].partition("global")[0]
    assert "4.000," in blue
    assert "3.0000)" in blue
    assert len(blue.splitlines()) == 1


def test_an_ellipse_has_the_radii_and_angle_of_its_moments() -> None:
    text = region_text(markers([0], [0], symbols=("@:9,0,4",)), "a").text
    assert ",3.0000,2.0000,0.0000)" in text
    assert ",3.0000,2.0000,90.0000)" in region_text(markers([0], [0], symbols=("@:4,0,9",)), "a").text
    assert ",45.0000)" in region_text(markers([0], [0], symbols=("@:4,1,4",)), "a").text


def test_lines_break_at_positions_that_are_no_numbers() -> None:
    x = [1, 2, math.nan, 3, 4, 5, math.nan, 6]
    drawn = region_text(markers(x, x, lines=True), "a")
    assert [line.count(",") + 1 for line in regions(drawn.text)] == [4, 6]
    assert (drawn.drawn, drawn.skipped) == (2, 3)


def test_the_font_has_the_size_but_two_means_the_default() -> None:
    text = region_text(markers([1, 2], [1, 2], symbols=("hi",), size=[2, 14]), "a").text
    assert 'font="helvetica 10 normal roman"' in text
    assert 'font="helvetica 14 normal roman"' in text


def test_no_markers_are_no_regions() -> None:
    assert region_text(markers([], []), "a") == ("physical\n", 0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a b", '"a b"'), ('say "hi"', '{say "hi"}'), ('"}', "'\"}'"), ("\"}'", "'\"}\N{RIGHT SINGLE QUOTATION MARK}'")],
)
def test_texts_are_quoted_by_a_quote_they_do_not_hold(text: str, expected: str) -> None:
    assert quote(text) == expected


def test_tags_are_stable_plain_and_differ() -> None:
    names = ["a", "b", "{}", "a b", "\u00e9", ""]
    tags = [tag_of(name) for name in names]
    assert len(set(tags)) == len(names)
    assert all(tag.startswith("mtv.") and tag[4:].isalnum() for tag in tags)


def test_fixed_point_agrees_with_formatting() -> None:
    values = np.array([0.0, 1.0, -1.0, 12.3456, -0.0004, -0.0006, 99999.9996, 1e7])
    texts = [bytes(row).decode() for row in fixed_point(values, 3)]
    assert [float(text) for text in texts] == [float(f"{value:.3f}") for value in values]
    assert len({len(text) for text in texts}) == 1


def test_a_few_numbers_and_many_are_written_alike() -> None:
    values = np.random.default_rng(1).normal(0, 2000, 3).round(3)
    few = [bytes(row).decode() for row in fixed_point(values, 3)]
    many = [bytes(row).decode() for row in fixed_point(np.concatenate([values] * 5), 3)]
    assert few * 5 == many


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        ({"size": [3.0, 0.5, math.nan, -1.0]}, (0.5, 3.0)),
        ({"size": 2.5}, (2.5, 2.5)),
        ({"symbols": ("@:4,0,16", "o"), "size": 2.5}, (2.5, 4.0)),
        ({"symbols": ("here",), "size": 20.0}, (0.0, 0.0)),
        ({"symbols": ("here", "x"), "size": 20.0}, (20.0, 20.0)),
        ({"exact": True}, (0.0, 0.0)),
        ({"lines": True}, (0.0, 0.0)),
    ],
)
def test_radii_are_those_of_the_markers_that_may_become_points(
    look: dict[str, Any], expected: tuple[float, float]
) -> None:
    assert radii(markers([1, 2, 3, 4], [1, 2, 3, 4], **look)) == pytest.approx(expected)
