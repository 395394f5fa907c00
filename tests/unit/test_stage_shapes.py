"""Shapes by name and regions of any shape as DS9's region text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mtv.shared.regions.reading import parse
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtv.wire.regions import Region
from mtvd.scene.actions import Markers
from mtvd.stage.paint.listed import read_list
from mtvd.stage.paint.regions import drawn_rows, region_text, tag_of


def markers(symbols: tuple[str, ...], size: list[float], count: int = 1, **changes: Any) -> Markers:
    values: dict[str, Any] = {
        "key": "k",
        "count": count,
        "x": np.full(count, 9.0, "<f8").tobytes(),
        "y": np.full(count, 19.0, "<f8").tobytes(),
        "size": np.array(size, "<f8").tobytes(),
        "symbols": symbols,
        "colours": ("#ff0000",),
        "system": "pixel",
        "lines": False,
    }
    return Markers(**(values | changes))


def drawn(symbol: str, size: float = 4.0, **changes: Any) -> Region:
    text = region_text(markers((symbol,), [size], **changes), "mine").text
    (region,) = parse(text, tags_are_overlays=True).regions
    assert (region.colour, region.overlay) == ("#ff0000", tag_of("mine"))
    return region


@pytest.mark.parametrize(
    ("symbol", "shape", "sizes", "angle_deg"),
    [
        ("circle", "circle", (4,), 0),
        ("ellipse", "ellipse", (4, 4), 0),
        ("@ellipse:0.5,30", "ellipse", (4, 2), 30),
        ("box", "box", (8, 8), 0),
        ("@box:2,-30", "box", (8, 16), 330),
        ("annulus", "annulus", (2, 4), 0),
        ("@annulus:3", "annulus", (4, 12), 0),
        ("vector", "vector", (4,), 0),
        ("@vector:1,45", "vector", (4,), 45),
        ("point", "point", (), 0),
    ],
)
def test_a_shape_stands_at_its_place_with_its_sizes(
    symbol: str, shape: str, sizes: tuple[float, ...], angle_deg: float
) -> None:
    region = drawn(symbol)
    assert (region.shape, region.points, region.angle_deg) == (shape, (9, 19), angle_deg)
    assert region.sizes == pytest.approx(sizes)


def test_a_line_and_a_diamond_are_turned_about_their_centre() -> None:
    assert drawn("line").points == pytest.approx((13, 19, 5, 19))
    assert drawn("@line:1,90").points == pytest.approx((9, 23, 9, 15))
    assert drawn("diamond").points == pytest.approx((13, 19, 9, 23, 5, 19, 9, 15))
    assert drawn("@diamond:0.5,90").points == pytest.approx((9, 23, 7, 19, 9, 15, 11, 19))


def test_a_line_on_the_sky_goes_from_west_to_east_and_is_as_long_in_arc_seconds() -> None:
    line = drawn("line", 3600.0, system="sky", y=np.full(1, 60.0, "<f8").tobytes())
    assert line.points == pytest.approx((7, 60, 11, 60))
    up = drawn("@line:1,90", 3600.0, system="sky", y=np.full(1, 60.0, "<f8").tobytes())
    assert up.points == pytest.approx((9, 61, 9, 59))
    box = drawn("@box:0.5,30", 3.0, system="sky")
    assert (box.sizes, box.unit, box.angle_deg) == ((6, 3), "arcsec", 30)


def test_a_point_has_the_size_of_ds9s_own_where_none_is_given() -> None:
    assert (drawn("point", 2.0).symbol_size, drawn("point", 30.0).symbol_size) == (11, 30)
    assert drawn("point").symbol == "boxcircle"


def test_rows_of_one_shape_are_written_together_and_found_again_by_their_rows() -> None:
    symbols = ("@box:0.5,10", "o", "@box:2,20", "point", "circle", "point")
    many = markers(symbols, [1, 2, 3, 30, 5, 2], 6)
    lines = [line for line in region_text(many, "m").text.splitlines() if "(" in line]
    assert [line.partition("(")[0] for line in lines] == ["box", "box", "circle", "circle", "point", "point"]
    assert drawn_rows(many) == [(0,), (2,), (1,), (4,), (5,), (3,)]
    assert ["11" in line or "30" in line for line in lines[4:]] == [True, True]
    assert " 11 " in lines[4]
    first, second = parse("\n".join(lines[:2])).regions
    assert (first.sizes, first.angle_deg, second.sizes, second.angle_deg) == ((2, 1), 10, (6, 12), 20)


def test_a_text_with_the_head_of_texts_is_written_without_it() -> None:
    assert 'text="circle"' in region_text(markers(("@text:circle",), [2.0]), "m").text


def test_regions_are_written_in_their_order_with_their_systems_and_the_tag_at_the_end() -> None:
    regions = (
        Region(shape="circle", points=(9, 19), sizes=(5,), colour="#00ff00"),
        Region(shape="box", points=(0, 0), sizes=(5, 6), system="image", unit="image", colour="#00ff00", exclude=True),
        Region(shape="circle", points=(150, 2), sizes=(5e-8,), system="fk5", unit="arcsec", colour="#00ff00"),
        Region(shape="circle", points=(9, 19), sizes=(5,), unit="arcsec", colour="#00ff00", text='a "b"'),
    )
    made = markers(("",), [], 4, x=b"", y=b"", regions=regions)
    text = region_text(made, "mine").text
    tag = f'tag="{tag_of("mine")}"'
    assert text.splitlines() == [
        "physical",
        f"circle(10,20,5) # color=#00ff00 {tag}",
        "image",
        f"-box(1,1,5,6,0) # color=#00ff00 {tag}",
        "fk5",
        f'circle(150,2,0.00000005") # color=#00ff00 {tag}',
        "physical",
        f'circle(10,20,5") # color=#00ff00 text={{a "b"}} {tag}',
    ]
    assert drawn_rows(made) == [(0,), (1,), (2,), (3,)]
    assert made.without([0, 2]).regions == (regions[1], regions[3])
    assert made.between(1, 3).regions == regions[1:3]


def test_all_numbers_of_what_is_drawn_are_finite_and_plain() -> None:
    for symbol in ("@ellipse:1e-4,359.99999", "@diamond:1e4,1e4", "@line:1,-1e4"):
        region = drawn(symbol, 1e-3)
        assert all(map(math.isfinite, (*region.points, *region.sizes)))
        assert all(size > 0 for size in region.sizes)


def test_more_regions_than_go_into_a_message_are_refused_and_a_list_may_have_any_number_of_vertices() -> None:
    text = f"physical\nsegment({','.join(['1.5'] * 400)})\n" * 3
    assert len(read_list(text, None, Limits(markers=10)).regions) == 3
    with pytest.raises(RequestError) as refused:
        read_list(text, None, Limits(body_bytes=3_000))
    assert refused.value.code == "too_large"
