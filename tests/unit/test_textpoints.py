"""Positions in texts: heads, SExtractor's numbered columns, gaps, what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from mtv.cli import textpoints
from mtv.wire.errors import RequestError

ASCII_HEAD = """\
#   1 NUMBER                 Running object number
#   2 FLUX_APER              Flux vector within fixed circular aperture(s)              [count]
#   4 ALPHA_J2000            Right ascension of barycenter (J2000)                      [deg]
#   5 DELTA_J2000            Declination of barycenter (J2000)                          [deg]
#   6 X_IMAGE                Object position along x                                    [pixel]
#   7 Y_IMAGE                Object position along y                                    [pixel]
     1  10.5  11.5  150.25  2.5  10.0 20.0
     2  20.5  21.5  150.50  2.75  30.0 40.0
"""


def read(tmp_path: Path, text: str, names: tuple[str, str] | None = None, system: Any = "pixel") -> list[Any]:
    (tmp_path / "points.txt").write_text(text)
    found = textpoints.read(str(tmp_path / "points.txt"), names, system)
    return [
        tuple(None if math.isnan(value) else value for value in pair) for pair in zip(found.x, found.y, strict=True)
    ]


def test_the_numbers_of_sextractor_say_which_column_is_which(tmp_path: Path) -> None:
    assert read(tmp_path, ASCII_HEAD, ("X_IMAGE", "Y_IMAGE")) == [(10.0, 20.0), (30.0, 40.0)]
    assert read(tmp_path, ASCII_HEAD, system="sky") == [(150.25, 2.5), (150.5, 2.75)]
    with pytest.raises(RequestError, match="with --sky it has") as caught:
        read(tmp_path, ASCII_HEAD)
    assert "X_IMAGE, Y_IMAGE" in caught.value.error.hint


@pytest.mark.parametrize(
    ("text", "system", "points"),
    [
        ("ra,dec\n150,2\n", "sky", [(150, 2)]),
        ("RA\tDEC\n150\t2\n", "sky", [(150, 2)]),
        ("id,RAJ2000,DEJ2000\n7,150,2\n", "sky", [(150, 2)]),
        ("id x y\n7 1 2\n", "pixel", [(1, 2)]),
        ("# id ra dec\n7 150 2\n", "sky", [(150, 2)]),
        ("# made by somebody\n# id x y\n7 1 2\n", "pixel", [(1, 2)]),
        ("# three words here\n1 2\n", "pixel", [(1, 2)]),
        ("1 2\n3 4\n", "pixel", [(1, 2), (3, 4)]),
        ("# my stars\n1 2\n", "pixel", [(1, 2)]),
        ("# 1 arcsec off\nx,y\n1,2\n", "pixel", [(1, 2)]),
        ("# dec ra\n2 150\n", "sky", [(150, 2)]),
        ("x,y\n1,\n,2\nnan,3\n--,4\n6,7\n", "pixel", [(1, None), (None, 2), (None, 3), (None, 4), (6, 7)]),
        ("x,y\ninf,1\n2,NULL\n", "pixel", [(None, 1), (2, None)]),
        ("", "pixel", []),
    ],
)  # fmt: skip
def test_heads_and_gaps_are_understood(tmp_path: Path, text: str, system: str, points: list[Any]) -> None:
    assert read(tmp_path, text, system=system) == points


@pytest.mark.parametrize(
    ("text", "names", "where"),
    [
        ("x,y\n1,two\n", None, "line 2"),
        ("x,y\n1\n", None, "line 2"),
        ("id,flux\n1,2\n", None, "x"),
        ("# id flux mag\n1 2 3\n", None, "x"),
        ("x,y\n1,2\n", ("x", "z"), "y"),
        ("x,y\n1,2\n", ("z", "y"), "x"),
        ("1,2\n", ("x", "y"), "x"),
    ],
)
def test_what_is_no_position_is_refused_by_its_place(
    tmp_path: Path, text: str, names: tuple[str, str] | None, where: str
) -> None:
    with pytest.raises(RequestError) as caught:
        read(tmp_path, text, names)
    assert caught.value.error.where == where


@pytest.mark.parametrize(
    ("name", "content", "is_text"),
    [
        ("t.csv", b"x,y\n", True),
        ("t.cat", b"#   1 NUMBER\n", True),
        ("t.cat", b"SIMPLE  =                    T", False),
        ("t.csv", b"# %ECSV 1.0\n", False),
        ("t.dat", b"<?xml version='1.0'?>", False),
        ("t.txt", b"\x1f\x8b\x08", False),
        ("t.fits", b"x,y\n", False),
    ],
)
def test_a_text_is_known_by_its_name_and_a_table_by_its_first_bytes(
    tmp_path: Path, name: str, content: bytes, is_text: bool
) -> None:
    (tmp_path / name).write_bytes(content)
    assert textpoints.is_text(str(tmp_path / name)) == is_text
    assert textpoints.is_text("-")
    assert textpoints.is_text(str(tmp_path / "none.csv"))
