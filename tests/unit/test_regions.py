"""Region files: what is read of them, what is left out and told, what is refused, and what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtv.arguments.regions import regions_of
from mtv.shared.regions.reading import parse
from mtv.shared.regions.writing import file_of
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtv.wire.regions import Region, check_region


def only(text: str) -> Region:
    parsed = parse(text)
    assert parsed.notes == ()
    (region,) = parsed.regions
    return region


def fields(text: str) -> tuple[Any, ...]:
    region = only(text)
    return region.shape, region.points, region.sizes, region.angle_deg, region.system, region.unit


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("circle(1,2,3)", ("circle", (0, 1), (3,), 0, "pixel", "pixel")),
        ("image;circle 1 2 3", ("circle", (0, 1), (3,), 0, "image", "image")),
        ("IMAGE\nCIRCLE(1, 2, 3i)", ("circle", (0, 1), (3,), 0, "image", "image")),
        ("ellipse(1,2,3,4,30d)", ("ellipse", (0, 1), (3, 4), 30, "pixel", "pixel")),
        ("box(1,2,3,4)", ("box", (0, 1), (3, 4), 0, "pixel", "pixel")),
        ("rotbox(1,2,3,4,5)", ("box", (0, 1), (3, 4), 5, "pixel", "pixel")),
        ("annulus(1,2,3,9,n=3)", ("annulus", (0, 1), (3, 5, 7, 9), 0, "pixel", "pixel")),
        ("ellipse(1,2,3,4,5,6,30)", ("ellipse", (0, 1), (3, 4, 5, 6), 30, "pixel", "pixel")),
        ("polygon(1,2,3,4,5,6)", ("polygon", (0, 1, 2, 3, 4, 5), (), 0, "pixel", "pixel")),
        ("line(1,2,3,4) # line=0 0", ("line", (0, 1, 2, 3), (), 0, "pixel", "pixel")),
        ("# vector(1,2,3,45) vector=1", ("vector", (0, 1), (3,), 45, "pixel", "pixel")),
        ("# segment(1,2,3,4)", ("segment", (0, 1, 2, 3), (), 0, "pixel", "pixel")),
        ('fk5;circle(10:00:00,-00:30:00,5")', ("circle", (150, -0.5), (5,), 0, "fk5", "arcsec")),
        ("icrs;circle(10h00m00s,+1d30m0s,0.5')", ("circle", (150, 1.5), (30,), 0, "icrs", "arcsec")),
        ("galactic;circle(10:30:00,-1:30:00,1)", ("circle", (10.5, -1.5), (3600,), 0, "galactic", "arcsec")),
        ("J2000;point(1d,2d)", ("point", (1, 2), (), 0, "fk5", "pixel")),
        ("fk4;circle(1,2,3p)", ("circle", (1, 2), (3,), 0, "fk4", "pixel")),
        ("ecliptic;circle(10p,20p,3)", ("circle", (9, 19), (10800,), 0, "pixel", "arcsec")),
        ('image;circle(1,2,3")', ("circle", (0, 1), (3,), 0, "image", "arcsec")),
    ],
)
def test_shapes_systems_and_units_are_read(text: str, wanted: tuple[Any, ...]) -> None:
    shape, points, sizes, angle_deg, system, unit = fields(text)
    assert (shape, angle_deg, system, unit) == (wanted[0], *wanted[3:])
    assert points == pytest.approx(wanted[1])
    assert sizes == pytest.approx(wanted[2])


def test_looks_are_read_and_global_ones_hold_until_others_are_said() -> None:
    parsed = parse(
        "global color=#ff0000 width=2 dash=1\n"
        "circle(1,2,3)\n"
        'circle(1,2,3) # color=#00FF7f width=4 dash=0 fill=1 text={a; {b} font="helvetica 14 normal roman"\n'
        "global color=blue\n"
        "-point(1,2) # point=cross 15 text='it\"s'\n"
        "!circle(1,2,3)\n"
        'text(1,2) # text="a } b" textangle=30\n'
    )
    first, second, point, excluded, text = parsed.regions
    assert (first.colour, first.width, first.dash) == ("#ff0000", 2, True)
    assert (second.colour, second.width, second.dash, second.fill) == ("#00ff7f", 4, False, True)
    assert (second.text, second.font_size) == ("a; {b", 14)
    assert (point.symbol, point.symbol_size, point.text, point.exclude) == ("cross", 15, 'it"s', True)
    assert (excluded.exclude, excluded.colour) == (True, "#0000ff")
    assert (text.text, text.angle_deg) == ("a } b", 30)


@pytest.mark.parametrize(("said", "meant"), [("#800", "#880000"), ("#0a0", "#00aa00"), ("#FfF", "#ffffff")])
def test_a_colour_of_three_digits_is_the_one_that_ds9_draws(said: str, meant: str) -> None:
    parsed = parse(f"circle(1,2,3) # color={said}\n")
    assert parsed.notes == ()
    assert parsed.regions[0].colour == meant


def test_what_is_not_read_is_told_with_its_lines_and_the_rest_is_drawn() -> None:
    parsed = parse(
        "circle(1,2,3)\npanda(1,2,0,90,2,3,9,1)\n# ruler(1,2,3,4) ruler=pixels\n# compass(1,2,3)\n"
        'projection(1,2,3,4,5)\ncircle(1,2,3) # callback=move foo bar tag={x} font="times 12 bold roman"\n'
        "composite(1,2,0) || composite=1\ncircle(9,9,9) ||\ncircle(8,8,8)\ncircle(7,7,7)\n"
        "exec ls\n[exec ls]\n$env(HOME)\n"
    )
    assert [region.points for region in parsed.regions] == [(0, 1), (0, 1), (6, 6)]
    notes = "; ".join(parsed.notes)
    for said in ("panda (line 2)", "ruler (line 3)", "compass (line 4)", "projection (line 5)", "callback (line 6)"):
        assert said in notes
    for said in ("tag (line 6)", "font (line 6)", "composite (lines 7, 8, 9)", "not understood (lines 12", "exec"):
        assert said in notes


@pytest.mark.parametrize(
    "text",
    [
        "circle(1,2", "circle(1)", "circle()", "circle", "circle(a,b,c)", "circle(1,2,-3)", "circle(1,2,0)",
        "circle(1,2,1e300)", "circle(1e400,2,3)", "circle(nan,2,3)", "circle(1,inf,3)", "polygon(1,2,3,4)",
        "polygon(1,2,3,4,5)", "box(1,2,3)", "annulus(1,2,5,4)", "annulus(1,2,3,9,n=0)", "annulus(1,2,3,9,n=99999)",
        "line(1,2)", "vector(1,2,3)", "text(1,2)", "fk5;circle(1,2,3\",4)", "fk5;box(1,2,3\",4p,0)",
        "fk5;circle(1,95,3)",
        "circle(10:00:00,1:00:00,3)", "fk5;circle(10:61:00,1:00:00,3)", "circle(1p,2i,3)", "linear;circle(1,2,3)",
        "detector;circle(1,2,3)", "circle(1,2,3", "circle(1,2,3))", "cpanda(1,2,3,4,5,6,7,8)", "\0", "{",
        "circle(1,2,3) || ",
    ],
)  # fmt: skip
def test_what_is_no_region_is_left_out_and_told(text: str) -> None:
    parsed = parse(text)
    assert parsed.regions == ()
    assert "(line 1)" in parsed.notes[0]
    with pytest.raises(RequestError, match=r"nothing can be drawn of it; left out: .*line 1"):
        regions_of(f"{text}\n", Limits())


def test_comments_and_empty_lines_are_no_regions_and_no_notes() -> None:
    assert parse("# Region file format: DS9 version 4.1\n\n# circle(1,2,3); circle(3,4,5)\n;;\nimage\n") == ((), {})


def test_too_many_regions_or_vertices_are_refused_with_the_line() -> None:
    few = Limits(markers=10)
    with pytest.raises(RequestError) as refused:
        parse("circle(1,2,3)\n" * 1_000_000, few)
    assert (refused.value.code, refused.value.error.where) == ("too_large", "line 11")
    with pytest.raises(RequestError, match="more regions"):
        parse(f"polygon({','.join(['1'] * 22)})", few)


def test_regions_that_fill_a_message_are_refused_before_they_are_sent() -> None:
    with pytest.raises(RequestError, match="at a time") as refused:
        regions_of("circle(1,2,3)\n" * 1000, Limits(body_bytes=10_000))
    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"points": (1.0,)}, "points"),
        ({"points": (1.0, 2.0, 3.0, 4.0)}, "points"),
        ({"points": (float("nan"), 2.0)}, "points"),
        ({"points": (1.0, float("nan"))}, "points"),
        ({"points": (1e9, 2.0)}, "points"),
        ({"system": "icrs", "points": (1.0, 90.5)}, "points"),
        ({"sizes": ()}, "sizes"),
        ({"sizes": (float("inf"),)}, "sizes"),
        ({"sizes": (-1.0,)}, "sizes"),
        ({"shape": "annulus", "sizes": (2.0, 1.0)}, "sizes"),
        ({"shape": "box", "sizes": (1.0, 2.0, 3.0)}, "sizes"),
        ({"angle_deg": float("nan")}, "angle_deg"),
        ({"colour": "noclour"}, "colour"),
        ({"width": 0}, "width"),
        ({"text": "two\nlines"}, "text"),
        ({"shape": "text", "sizes": ()}, "text"),
        ({"symbol": "flower"}, "symbol"),
        ({"font_size": 1000}, "font_size"),
        ({"symbol_size": -1}, "symbol_size"),
    ],
)
def test_a_region_that_cannot_be_drawn_is_refused_by_its_field(change: dict[str, Any], where: str) -> None:
    good: dict[str, Any] = {"shape": "circle", "points": (1.0, 2.0), "sizes": (3.0,)}
    assert check_region(Region(**good)) == "#00ff00"
    with pytest.raises(RequestError) as refused:
        check_region(Region(**{**good, **change}), "regions[3]")
    assert refused.value.error.where == f"regions[3].{where}"


def test_a_path_is_read_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a (1);b.reg"
    path.write_bytes(b"\xef\xbb\xbfcircle(1,2,3)\r\n")
    assert len(regions_of(str(path), Limits()).regions) == len(regions_of(path, Limits()).regions) == 1
    for bad in (tmp_path / "none.reg", tmp_path):
        with pytest.raises(RequestError) as refused:
            regions_of(bad, Limits())
        assert refused.value.code == "unreadable_file"
    (tmp_path / "binary.reg").write_bytes(b"\xff\xfe\0")
    with pytest.raises(RequestError, match="is no text"):
        regions_of(tmp_path / "binary.reg", Limits())


@pytest.mark.parametrize("source", [3, None, b"circle(1,2,3)", [object()], [], "", "  "])
def test_what_holds_no_regions_is_refused(source: Any) -> None:
    with pytest.raises(RequestError):
        regions_of(source, Limits())


numbers = st.floats(-1e5, 1e5)
sizes = st.floats(1e-3, 1e4)
texts = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="'"), min_size=1, max_size=20)


@given(
    st.lists(
        st.one_of(
            st.builds(Region, shape=st.just("circle"), points=st.tuples(numbers, numbers), sizes=st.tuples(sizes)),
            st.builds(
                Region,
                shape=st.sampled_from(["box", "ellipse"]),
                points=st.tuples(numbers, numbers),
                sizes=st.tuples(sizes, sizes),
                angle_deg=st.floats(0, 360),
                unit=st.sampled_from(["pixel", "image", "arcsec"]),
                exclude=st.booleans(),
                width=st.integers(1, 9),
                dash=st.booleans(),
                fill=st.booleans(),
            ),
            st.builds(
                Region,
                shape=st.just("text"),
                points=st.tuples(st.floats(0, 360), st.floats(-90, 90)),
                system=st.sampled_from(["icrs", "fk5", "galactic", "ecliptic", "fk4"]),
                text=texts,
                font_size=st.integers(11, 30),
                overlay=st.sampled_from(["", "a b"]),
            ),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read_again(regions: list[Region]) -> None:
    again = parse(file_of(regions), tags_are_overlays=True)
    assert again.notes == ()
    for one, other in zip(regions, again.regions, strict=True):
        assert other.points == pytest.approx(one.points, abs=1e-4)
        assert other.sizes == pytest.approx(one.sizes, rel=1e-3)
        for field in ("shape", "system", "exclude", "width", "dash", "fill", "text", "font_size", "overlay"):
            assert getattr(other, field) == getattr(one, field), field


@given(st.text(max_size=200))
def test_no_text_whatever_makes_the_reader_fail_or_draws_what_was_not_checked(text: str) -> None:
    for region in parse(text).regions:
        check_region(region)


@given(st.text(st.sampled_from(list("circlebox(),;#{}\"' 0123456789.:-+|\n=dhmspir")), max_size=80))
def test_no_text_of_the_languages_own_letters_makes_the_reader_fail(text: str) -> None:
    for region in parse(text).regions:
        check_region(region)
