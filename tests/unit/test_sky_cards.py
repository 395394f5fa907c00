"""Cards are read leniently, systems of the sky are those of AST, offsets are whole pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mtv.shared.sky import frames
from mtv.shared.sky.cards import card, read
from mtv.shared.sky.physical import notes_of, offset_of
from mtv.shared.sky.plane import PlaneWcs, native_rotation


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("= 1.5", 1.5), ("=-0.001", -0.001), ("= +150.0 / x", 150.0), ("= 1.0D-03", 1e-3), ("= -1.e-3", -1e-3),
        ("= .5", 0.5), ("=   7 /", 7.0), ("= 'it''s' / x", "it's"), ("= 'open", "open"), ("= '150.0'", "150.0"),
        ("= T", "T"), ("= 'a / b'", "a / b"),
    ],
)  # fmt: skip
def test_a_value_is_read_in_whatever_form(text: str, value: float | str) -> None:
    found = read(f"CRVAL1  {text}".ljust(80)).values["CRVAL1"]
    assert (found.strip() if isinstance(found, str) else found) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [("=", "undefined"), ("= NaN", "NaN"), ("= -INF / x", "-INF"), ("= 1e999", "1e999"), ("= 1,5", "1,5")],
)
def test_a_value_that_is_none_is_remembered_as_such(text: str, said: str) -> None:
    found = read(f"CRVAL1  {text}".ljust(80))
    assert found.values == {}
    assert found.words("CRVAL1") == said


def test_the_last_of_a_keywords_cards_counts() -> None:
    good, bad = card("CRVAL1", 2.0), "CRVAL1  = NaN".ljust(80)
    assert read(card("CRVAL1", 1.0) + good).values == {"CRVAL1": 2.0}
    assert read(good + bad).words("CRVAL1") == "NaN"
    assert read(bad + good).values == {"CRVAL1": 2.0}


def test_a_number_in_quotes_is_a_number_and_comments_are_nothing() -> None:
    found = read(card("CRVAL1", "150.0") + "COMMENT = 7".ljust(80) + "HIERARCH= 7".ljust(80) + " " * 80)
    assert found.number("CRVAL1") == 150.0
    assert set(found.keywords) == {"CRVAL1"}


SYSTEMS = [
    ("FK5", 2000.0, "FK5", "J2000"), ("FK5", 1975.0, "FK5", "J1975"), ("FK4", 1950.0, "FK4", "B1950"),
    ("FK4", 1900.0, "FK4", "B1900"), ("FK4-NO-E", 1950.0, "FK4_NO_E", "B1950"), ("GALACTIC", 2000.0, "GALACTIC", ""),
    ("SUPERGALACTIC", 2000.0, "SUPERGALACTIC", ""), ("ECLIPTIC", 2000.0, "ECLIPTIC", "J2000"),
    ("ECLIPTIC", 1950.0, "ECLIPTIC", "J1950"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "equinox", "theirs", "year"), SYSTEMS)
def test_a_system_becomes_icrs_as_it_does_in_ast(name: str, equinox: float, theirs: str, year: str) -> None:
    ast = pytest.importorskip("starlink.Ast")
    epoch = "" if name != "FK4" else ",Epoch=B1955"
    asked = ast.SkyFrame(f"System={theirs}{f',Equinox={year}' if year else ''}{epoch}")
    mapping = asked.convert(ast.SkyFrame(f"System=ICRS{epoch}"))
    for lon, lat in ((0.0, 0.0), (10.0, 80.0), (150.0, -30.0), (300.0, -89.0)):
        near = frames.direction(lon, lat)
        found = frames.apply(frames.to_icrs(name, equinox, 1955.0 if epoch else equinox, near).rotation, near)
        wanted = mapping.tran([[math.radians(lon)], [math.radians(lat)]])
        wanted_vector = frames.direction(math.degrees(wanted[0][0]), math.degrees(wanted[1][0]))
        assert np.degrees(math.dist(found, wanted_vector)) * 3600 < 2e-5


def test_a_degree_away_fk4_is_a_rotation_and_a_scale_to_a_milliarcsecond() -> None:
    local = frames.to_icrs("FK4", 1950.0, 1950.0, frames.direction(150, 30))
    away = frames.direction(151, 30)
    found, wanted = frames.apply(local.rotation, away), frames.fk4_to_icrs(away, 1950.0, 1950.0)
    assert math.degrees(math.dist(found, wanted)) * 3600 < 0.005
    assert 0 < local.scale - 1 < 2e-6


def test_poles_that_cannot_be_have_no_rotation() -> None:
    wcs = PlaneWcs(projection="CAR", crpix=(1, 1), crval=(0, 80), matrix=((1, 0), (0, 1)), lonpole=60.0)
    assert native_rotation(wcs) is None


@pytest.mark.parametrize(
    ("cards", "offset", "note"),
    [
        ({}, (0, 0), ""),
        ({"LTV1": -100.0, "LTV2": -200}, (100, 200), ""),
        ({"CTYPE1A": "LINEAR", "CRVAL1A": 100, "CRVAL2A": 200}, (100, 200), ""),
        ({"CTYPE1A": "LINEAR", "CTYPE2A": "LINEAR", "CRVAL1A": 5.0, "CDELT1A": 0.015, "LTV1": -7.0}, (7, 0), ""),
        ({"CTYPE1A": "LINEAR", "CTYPE2A": "LINEAR", "CRVAL1A": 5.0, "CUNIT1A": "mm"}, (0, 0), ""),
        ({"CTYPE1A": "RA---TAN", "CTYPE2A": "DEC--TAN", "CRVAL1A": 5.0}, (0, 0), ""),
        ({"LTV1": -10.4, "LTV2": 3.5}, (10, -4), "LTV1 -10.4, LTV2 3.5"),
        ({"LTM1_1": -1.0, "LTV1": 513.0, "LTM2_2": 1.0}, (0, 0), "LTV1 513, LTM1_1 -1"),
        ({"LTM1_1": 0.5, "LTM2_2": 0.5, "LTV1": -100.0}, (100, 0), "LTM2_2 0.5"),
        ({"LTM1_1": 1.0, "LTM2_2": 1.0, "LTV1": -100.0}, (100, 0), ""),
        ({"LTV1": "x", "LTV2": -3}, (0, 3), "LTV1 has no number"),
        ({"LTV1": -1e30}, (0, 0), ""),
    ],
)
def test_the_offset_is_whole_pixels_and_what_it_does_not_say_is_told(
    cards: dict[str, str | float], offset: tuple[int, int], note: str
) -> None:
    header = read("".join(card(key, value) for key, value in cards.items()))
    assert offset_of(header) == offset
    assert note in "; ".join(notes_of(header))
    assert bool(notes_of(header)) == bool(note)
