"""Units, masks and gaps of positions mean the same in arrays, tables and texts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtv.arguments.markers import MarkerColumns, columns_of
from mtv.cli import textpoints
from mtv.shared.tables import tables
from mtv.shared.tables.positions import Wanted, find_positions
from mtv.wire import angles, steps
from mtv.wire.angles import factor, usual_pair, usual_pairs
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtvd.resolving.marker_columns import pack_markers

units = pytest.importorskip("astropy.units")
RA_DEG, DEC_DEG = np.array([150.0, 0.25, 359.0]), np.array([2.0, -89.5, 0.0])


def drawn(x: Any, y: Any = None, system: Any = "sky", **look: Any) -> tuple[np.ndarray[Any, Any], int]:
    """Return what of arrays is drawn, ``(n, 2)``, and how many rows are left out: client and daemon together."""
    options = {"symbol": "o", "size": 2.0, "colour": "red"} | look
    packed: MarkerColumns = columns_of(x, y, **options, limits=Limits(), system=system)
    step = steps.Overlay(system=system, **packed.fields)
    made, left_out = pack_markers(step, packed.buffers, "k", Limits())
    return np.stack([np.frombuffer(made.x), np.frombuffer(made.y)], axis=1), left_out


def column_table(**columns: Any) -> tables.ColumnTable:
    return tables.ColumnTable(
        columns={name: np.asarray(values[0]) for name, values in columns.items()},
        rows=3,
        fields={name: tables.Field(unit=values[1]) for name, values in columns.items()},
    )


UNITS: Mapping[str, float] = {
    "deg": 1.0, "rad": math.pi / 180, "hourangle": 1 / 15, "arcmin": 60.0, "arcsec": 3600.0, "mas": 3.6e6, "uas": 3.6e9,
}  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_means_the_same_in_an_array_a_table_and_a_text(tmp_path: Path, unit: str) -> None:
    from astropy.table import Column

    ra, dec = RA_DEG * UNITS[unit], DEC_DEG * UNITS[unit]
    quantities = ra * units.Unit(unit), dec * units.Unit(unit)
    columns = Column(ra, unit=unit), Column(dec, unit=unit)
    head = f"#   1 ALPHA_J2000  right ascension  [{unit}]\n#   2 DELTA_J2000  declination  [{unit}]\n"
    rows = "".join(f" {x!r} {y!r}\n" for x, y in zip(ra.tolist(), dec.tolist(), strict=True))
    (tmp_path / "head.txt").write_text(head + rows)
    table = column_table(ra=(ra, unit), dec=(dec, unit))
    found = find_positions(table, Wanted(system="sky"), most_markers=9)
    text = textpoints.read(str(tmp_path / "head.txt"), None, "sky")
    for x, y in (quantities, columns, (found.x, found.y), (text.x, text.y)):
        np.testing.assert_allclose(drawn(x, y)[0], np.stack([RA_DEG, DEC_DEG], 1), rtol=1e-13)


def test_angles_longitudes_latitudes_and_sky_coordinates_are_understood() -> None:
    from astropy.coordinates import Angle, Latitude, Longitude, SkyCoord

    sky = SkyCoord(RA_DEG, DEC_DEG, unit="deg")
    wanted = np.stack([RA_DEG, DEC_DEG], 1)
    pairs = [
        (Longitude(RA_DEG, unit="deg"), Latitude(np.radians(DEC_DEG), unit="rad")),
        (Angle(RA_DEG / 15, unit="hourangle"), Angle(DEC_DEG, unit="deg")),
        (sky, None),
        (sky.galactic, None),
        (sky.ra, sky.dec),
    ]
    for x, y in pairs:
        found = drawn(x, y)[0]
        np.testing.assert_allclose(np.mod(found - wanted + 180, 360) - 180, 0, atol=1e-10)


def test_a_size_has_a_unit_too() -> None:
    packed = columns_of([1.0], [2.0], "o", 0.5 * units.arcmin, "red", Limits(), "sky")
    assert packed.fields["size"] == 30.0
    table = column_table(ra=(RA_DEG, "deg"), dec=(DEC_DEG, "deg"), r=([1.0, 2.0, 3.0], "arcmin"))
    found = find_positions(table, Wanted(system="sky", size="r"), most_markers=9)
    assert found.size is not None
    assert found.size.tolist() == [60.0, 120.0, 180.0]


def nullable(values: list[Any]) -> Any:
    """A column as pandas has it."""

    class Series:
        dtype = "Int64"

        def mask(self) -> None: ...

        def __len__(self) -> int:
            return len(values)

        def to_numpy(self, dtype: Any = None, na_value: Any = None) -> Any:
            return np.array([na_value if value is None else value for value in values], dtype)

    return Series()


def masked_by_astropy(values: list[Any]) -> Any:
    from astropy.utils.masked import Masked

    return Masked(np.array([value or 0 for value in values]), mask=[value is None for value in values])


def of_arrow(values: list[Any]) -> Any:
    return pytest.importorskip("pyarrow").array(values)


def of_arrow_in_chunks(values: list[Any]) -> Any:
    return pytest.importorskip("pyarrow").chunked_array([values[:1], values[1:]])


@pytest.mark.parametrize(
    "make",
    [
        lambda v: np.array([np.nan if one is None else one for one in v]),
        lambda v: np.array([np.inf if one is None else one for one in v]),
        lambda v: np.ma.masked_invalid([np.nan if one is None else one for one in v]),
        lambda v: np.ma.MaskedArray([one or 0 for one in v], [one is None for one in v], dtype=int),
        lambda v: [np.ma.masked if one is None else one for one in v],
        list,
        nullable,
        lambda v: units.Quantity([np.nan if one is None else one for one in v], units.pix),
        masked_by_astropy,
        of_arrow,
        of_arrow_in_chunks,
    ],
)
def test_rows_without_a_position_are_left_out_and_counted_however_they_are_told(make: Any) -> None:
    found, left_out = drawn(make([1, None, 3]), make([1, 2, 3]), "pixel", symbol=["o", "x", "+"])
    assert (found.tolist(), left_out) == ([[1, 1], [3, 3]], 1)
    found, left_out = drawn(make([1, 2, 3]), make([1, None, None]), "pixel")
    assert (found.tolist(), left_out) == ([[1, 1]], 2)


def test_the_symbol_and_the_colour_of_a_row_stay_with_it() -> None:
    nan = float("nan")
    packed = columns_of([nan, 1, 2], [0, 1, 2], ["o", "x", "+"], [1.0, 2.0, nan], ["red", "green", "blue"], Limits())
    made, left_out = pack_markers(steps.Overlay(**packed.fields), packed.buffers, "k", Limits())
    assert (made.symbols, made.colours, left_out) == (("x",), ("#00ff00",), 2)
    assert np.frombuffer(made.size).tolist() == [2.0]


def test_a_declination_beyond_a_pole_is_left_out_unless_all_are() -> None:
    assert drawn([1.0, 2.0], [-999.0, 3.0])[1] == 1
    with pytest.raises(RequestError, match="all declinations") as caught:
        drawn([1.0, 2.0], [-999.0, 300.0])
    assert caught.value.error.where == "y"


@pytest.mark.parametrize(
    ("x", "y", "system", "where"),
    [
        ([1] * units.deg, [1] * units.deg, "pixel", "x"),
        ([1] * units.pix, [1] * units.pix, "sky", "x"),
        ([1] * units.deg, [1] * units.hour, "sky", "y"),
        ([1] * units.m, [1] * units.deg, "sky", "x"),
        ([1], None, "sky", "y"),
        (["a"], [1], "pixel", "x"),
        (np.array(["2026-01-01"], "M8[s]"), [1], "pixel", "x"),
    ],
)
def test_a_unit_that_does_not_go_with_the_system_is_refused(x: Any, y: Any, system: Any, where: str) -> None:
    with pytest.raises(RequestError) as caught:
        drawn(x, y, system)
    assert caught.value.error.where == where


def test_a_sky_coordinate_is_no_pixel_and_has_no_y() -> None:
    from astropy.coordinates import SkyCoord

    sky = SkyCoord([1], [2], unit="deg")
    for y, system, where in ((None, "pixel", "system"), ([1], "sky", "y")):
        with pytest.raises(RequestError) as caught:
            drawn(sky, y, system)
        assert caught.value.error.where == where


def test_degrees_are_refused_for_pixels_in_tables_too() -> None:
    table = column_table(ra=(RA_DEG, "deg"), dec=(DEC_DEG, "deg"))
    with pytest.raises(RequestError, match="stand at pixels"):
        find_positions(table, Wanted(x="ra", y="dec"), most_markers=9)


@pytest.mark.parametrize(
    ("names", "pair"),
    [
        (["id", "ra", "dec"], ("ra", "dec")),
        (["RA", "DEC"], ("RA", "DEC")),
        (["Ra", "deC"], ("Ra", "deC")),
        (["ALPHA_J2000", "DELTA_J2000"], ("ALPHA_J2000", "DELTA_J2000")),
        (["RAJ2000", "DEJ2000"], ("RAJ2000", "DEJ2000")),
        (["_RAJ2000", "_DEJ2000"], ("_RAJ2000", "_DEJ2000")),
        (["ra", "dec", "coord_ra", "coord_dec"], ("coord_ra", "coord_dec")),
        (["sky.ra", "sky.dec"], ("sky.ra", "sky.dec")),
        (["ra", "declination"], None),
        (["sky.ra"], None),
    ],
)
def test_usual_columns_of_the_sky_are_found(names: list[str], pair: tuple[str, str] | None) -> None:
    assert usual_pair("sky", names) == pair


def test_the_document_names_every_usual_pair_and_each_is_found() -> None:
    document = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
    for pair in usual_pairs("sky").split(", "):
        assert f"`{pair}`" in document
        assert usual_pair("sky", ["id", *pair.split()]) == tuple(pair.split())


@pytest.mark.parametrize("unit", ["DEG", " deg ", "degrees", "Radian", "h"])
def test_units_are_known_in_their_usual_spellings(unit: str) -> None:
    assert factor(unit, "x", "sky") in {1.0, 180 / math.pi, 15.0}


@pytest.mark.parametrize("where", ["x", "y"])
def test_the_hint_on_a_unit_names_one_for_every_angle_that_is_known(where: str) -> None:
    with pytest.raises(RequestError) as caught:
        factor("furlong", where, "sky")
    names = re.split(r", (?:and )?| and ", caught.value.error.hint.removeprefix("there are ").partition(";")[0])
    words = [name.removesuffix(" of a right ascension") for name in names]
    assert ("h" in words) == (where == "x")
    known = {*angles._DEGREES.values(), *(angles._HOURS.values() if where == "x" else ())}
    assert {factor(word, where, "sky") for word in words} == known
