"""Tables in memory as overlays: the same rows, names and units as in files, whatever package has made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from tests.support import afw_catalogs
from tests.support.refusals import refused

import mtv
from mtv.arguments.catalogs import table_of
from mtv.arguments.rows import markers_of
from mtv.data.catalog import Catalog
from mtv.data.schema import Field, Schema
from mtv.testing import ScriptedDaemon
from mtv.wire import steps
from mtv.wire.limits import Limits
from mtvd.resolving.marker_columns import pack_markers

units = pytest.importorskip("astropy.units")
from astropy.coordinates import SkyCoord  # noqa: E402
from astropy.io import fits  # noqa: E402
from astropy.table import MaskedColumn, QTable, Table  # noqa: E402

X, Y = np.array([10.0, 20.0, 30.0, 40.0]), np.array([1.0, 2.0, 3.0, 4.0])
FLUX = np.array([1.0, 10.0, 100.0, 1000.0])
USED = np.array([True, False, True, False])
BAND = np.array(["g", "r", "r", "i"])
COLUMNS: Mapping[str, Any] = {"id": np.arange(4) + 2**60, "x": X, "y": Y, "flux": FLUX, "used": USED, "band": BAND}


class Drawn:
    """Markers of a table, as the daemon has them."""

    def __init__(self, target: Any, limits: Limits | None = None, **given: Any) -> None:
        options: dict[str, Any] = {
            "y": None, "select": "", "columns": (), "symbol": "o", "size": 2.0, "colour": "red", "system": None,
        } | given  # fmt: skip
        table = table_of(target)
        assert table is not None
        packed, self.system = markers_of(table, limits=limits or Limits(), **options)
        step = steps.Overlay(system=self.system, **packed.fields)
        made, self.left_out = pack_markers(step, packed.buffers, "k", Limits())
        self.x, self.y, self.size = (np.frombuffer(column) for column in (made.x, made.y, made.size))
        self.colours, self.symbols = made.colours, made.symbols


def of_pandas() -> Any:
    return pytest.importorskip("pandas").DataFrame(dict(COLUMNS))


def of_pandas_by_index() -> Any:
    return of_pandas().set_index("flux")


def of_nullable_pandas() -> Any:
    return of_pandas().convert_dtypes()


def of_pandas_of_arrow() -> Any:
    pytest.importorskip("pyarrow")
    return of_pandas().convert_dtypes(dtype_backend="pyarrow")


def of_polars() -> Any:
    return pytest.importorskip("polars").DataFrame(dict(COLUMNS))


def of_arrow() -> Any:
    return pytest.importorskip("pyarrow").table(dict(COLUMNS))


def of_arrow_batch() -> Any:
    return pytest.importorskip("pyarrow").RecordBatch.from_pydict(dict(COLUMNS))


def of_records() -> Any:
    return Table(dict(COLUMNS)).as_array()


def of_fits() -> Any:
    return fits.BinTableHDU(Table(dict(COLUMNS)))


def of_us() -> Any:
    return Catalog({name: np.asarray(values) for name, values in COLUMNS.items()})


EVERY: list[Callable[[], Any]] = [
    lambda: Table(dict(COLUMNS)),
    lambda: QTable(dict(COLUMNS)),
    lambda: Table(dict(COLUMNS), masked=True),
    of_pandas,
    of_pandas_by_index,
    of_nullable_pandas,
    of_pandas_of_arrow,
    of_polars,
    of_arrow,
    of_arrow_batch,
    of_records,
    lambda: of_records().view(np.recarray),
    of_fits,
    lambda: of_fits().data,
    of_us,
    lambda: dict(COLUMNS),
    lambda: {name: list(values) for name, values in COLUMNS.items()},
]


@pytest.mark.parametrize("made", EVERY)
def test_rows_sizes_and_colours_of_any_table_are_those_of_a_file(made: Callable[[], Any]) -> None:
    every = Drawn(made())
    assert (every.x.tolist(), every.y.tolist(), every.system) == (X.tolist(), Y.tolist(), "pixel")
    some = Drawn(made(), select="used | (band == 'i')", size="log10(flux) + 1", colour="flux > 50 ? red : green")
    assert some.x.tolist() == [10.0, 30.0, 40.0]
    assert some.size.tolist() == [1.0, 3.0, 4.0]
    assert some.colours == ("#00ff00", "#ff0000", "#ff0000")
    assert Drawn(made(), select=f"id == {2**60 + 1}").x.tolist() == [20.0]


def test_only_the_columns_that_are_needed_are_read() -> None:
    catalog = afw_catalogs.catalog()
    Drawn(catalog, select="calib_psf_used")
    assert sorted(catalog.read) == ["base_SdssCentroid_x", "base_SdssCentroid_y", "calib_psf_used"]


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_catalog_of_afw_has_slots_flags_and_radians(contiguous: bool) -> None:
    catalog = afw_catalogs.catalog(contiguous=contiguous)
    found = Drawn(catalog, select="slot_PsfFlux_instFlux > 0", size="log10(slot_PsfFlux_instFlux)")
    assert (found.x.tolist(), found.y.tolist(), found.left_out) == ([10.0, 20.0, 40.0], [5.0, 10.0, 20.0], 1)
    assert found.size.tolist() == [2.0, 3.0, 5.0]
    sky = Drawn(catalog, system="sky")
    np.testing.assert_allclose(sky.x, np.linspace(150.0, 150.4, 5), rtol=1e-13)
    np.testing.assert_allclose(sky.y, np.linspace(2.0, 2.4, 5), rtol=1e-13)
    assert Drawn(catalog, columns=("coord_ra", "coord_dec")).system == "sky"


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_catalog_that_answers_every_name_with_an_error_is_drawn_and_is_no_image(
    daemon: ScriptedDaemon, display: mtv.Display, contiguous: bool
) -> None:
    catalog = afw_catalogs.catalog(contiguous=contiguous)
    display.overlay("src", catalog, select="calib_psf_used")
    (step,) = daemon.steps
    assert isinstance(step, steps.Overlay)
    assert step.system == "pixel"
    assert step.y == pytest.approx((5.0, np.nan, 20.0), nan_ok=True)
    error = refused(display.mtv, catalog).error
    assert (error.where, error.message) == ("target", "a SourceCatalog is a table, not an image")


def test_our_own_catalog_has_its_slots_and_units() -> None:
    schema = Schema(
        [Field("base_x", "D"), Field("base_y", "D"), Field("coord_ra", "Angle"), Field("coord_dec", "Angle")],
        {"slot_Centroid": "base"},
    )
    columns = {"base_x": X, "base_y": Y, "coord_ra": np.radians(X), "coord_dec": np.radians(Y)}
    assert Drawn(Catalog(columns, schema)).x.tolist() == X.tolist()
    np.testing.assert_allclose(Drawn(Catalog(columns, schema), system="sky").x, X)


@pytest.mark.parametrize("kind", [Table, QTable])
@pytest.mark.parametrize("unit", ["deg", "rad", "hourangle", "arcmin"])
def test_positions_in_the_sky_have_the_units_of_their_columns(kind: type, unit: str) -> None:
    table = kind({"ra": (X * units.deg).to(unit), "dec": (Y * units.deg).to(unit)})
    found = Drawn(table)
    assert found.system == "sky"
    np.testing.assert_allclose(found.x, X)
    np.testing.assert_allclose(found.y, Y)


def test_a_column_of_coordinates_is_turned_to_icrs_and_not_before_it_is_needed() -> None:
    sky = SkyCoord(X, Y, unit="deg").galactic
    found = Drawn(QTable({"coord": sky, "flux": FLUX}), select="flux > 1")
    assert found.system == "sky"
    np.testing.assert_allclose(found.x, X[1:], atol=1e-9)
    np.testing.assert_allclose(found.y, Y[1:], atol=1e-9)
    both = QTable({"coord": SkyCoord(X, Y, unit="deg", frame="altaz"), "x": X, "y": Y})
    assert Drawn(both).system == "pixel"
    error = refused(Drawn, both, system="sky").error
    assert (error.code, error.where) == ("bad_value", "x")
    assert "'coord.ra'" in error.message


def test_rows_that_are_masked_or_nan_are_left_out_and_counted() -> None:
    table = Table({"x": MaskedColumn(X, mask=[True, False, False, False]), "y": [1.0, np.nan, 3.0, 4.0]})
    found = Drawn(table, size=[1, 2, 3, 4], colour=["red", "green", "blue", "orange"], symbol=list("abcd"))
    assert (found.x.tolist(), found.left_out) == ([30.0, 40.0], 2)
    assert found.size.tolist() == [3.0, 4.0]
    assert (found.colours, found.symbols) == (("#0000ff", "#ffa500"), ("c", "d"))


def test_gaps_of_nullable_columns_are_rows_without_a_position() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": pandas.array([1, None, 3], "Int64"), "y": [1.0, 2.0, 3.0], "band": ["g", None, "r"]})
    assert (Drawn(frame).x.tolist(), Drawn(frame).left_out) == ([1.0, 3.0], 1)
    assert Drawn(frame, select="band != 'g'").x.tolist() == [3.0]
    arrow = pytest.importorskip("pyarrow").Table.from_pandas(frame)
    assert (Drawn(arrow).x.tolist(), Drawn(arrow).left_out) == ([1.0, 3.0], 1)


def test_looks_by_row_go_with_the_rows_that_are_chosen() -> None:
    found = Drawn(Table(dict(COLUMNS)), select="~used", size=FLUX, symbol=BAND, colour=np.array(["red", "blue"] * 2))
    assert (found.x.tolist(), found.size.tolist(), found.symbols) == ([20.0, 40.0], [10.0, 1000.0], ("r", "i"))
    assert set(found.colours) == {"#0000ff"}


def test_ellipses_take_their_axes_and_angles_from_columns() -> None:
    table = Table({"x": X, "y": Y, "a": 2 * FLUX, "b": FLUX, "theta": np.radians(X) * units.rad})
    found = Drawn(table, symbol="ellipse", size="a", size2="b", angle="theta", select="a > 2")
    assert found.size.tolist() == [20.0, 200.0, 2000.0]
    assert [symbol[:13] for symbol in found.symbols] == ["@ellipse:0.5,"] * 3
    np.testing.assert_allclose([float(symbol.split(",")[1]) for symbol in found.symbols], X[1:])


def test_a_table_without_rows_draws_nothing() -> None:
    assert len(Drawn(Table({"x": [], "y": []})).x) == 0
    assert len(Drawn(pytest.importorskip("pandas").DataFrame({"x": [], "y": []})).x) == 0
    for select in ("flux < 0", "flux > 1e9"):
        found = Drawn(Table(dict(COLUMNS)), select=select, size="flux * 2", colour="used ? red : green", symbol=BAND)
        assert len(found.x) == 0


class Failing:
    colnames = ("x", "y")

    def itercols(self) -> None: ...

    def __len__(self) -> int:
        return 1

    def __getitem__(self, name: str) -> Any:
        raise OSError("the server has gone away")


@pytest.mark.parametrize(
    ("target", "given", "where", "words"),
    [
        (Table({"u": X, "v": Y}), {}, "x", "none of the usual columns"),
        (Table({"ra": X, "dec": Y}), {"system": "pixel"}, "x", "it has sky positions"),
        (Table(dict(COLUMNS)), {"columns": ("x", "z")}, "y", "no column 'z'"),
        (Table(dict(COLUMNS)), {"columns": ("band", "y")}, "x", "band is no column of numbers"),
        (Table(dict(COLUMNS)), {"columns": "xy"}, "columns", "no pair of names"),
        (Table(dict(COLUMNS)), {"y": Y}, "y", "given in place of x and y"),
        (Table(dict(COLUMNS)), {"select": "fluxx > 1"}, "select", "no column 'fluxx'"),
        (Table(dict(COLUMNS)), {"size": "band"}, "size", "no column of numbers"),
        (Table(dict(COLUMNS)), {"size": [1, 2]}, "size", "size has 2 rows, the Table 4"),
        (Table(dict(COLUMNS)), {"colour": ["red"], "select": "used"}, "colour", "colour has 1 rows, the Table 4"),
        (Table(dict(COLUMNS)), {"symbol": "ellipse", "size2": "c"}, "size2", "no column 'c'"),
        (Table(dict(COLUMNS)), {"symbol": "ellipse", "angle": "c"}, "angle", "no column 'c'"),
        (Table(dict(COLUMNS)), {"limits": Limits(markers=3)}, "select", "4 rows are over the limit of 3"),
        (QTable({"ra": X * units.m, "dec": Y * units.m}), {}, "x", "'m' is no unit of a position"),
        ({"x": X, "y": Y[:2]}, {}, "x", "'y' of the dict has 2 rows, the table 4"),
        ({"x": 1.0, "y": 2.0}, {}, "x", "the dict cannot be read"),
        (Failing(), {}, "x", "the Failing cannot be read: the server has gone away"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_its_field(target: Any, given: Any, where: str, words: str) -> None:
    error = refused(Drawn, target, **given).error
    assert (error.where, error.code) == (where, "too_large" if "limits" in given else "bad_value")
    assert words in error.message
    if words == "none of the usual columns":
        assert error.hint == "name the columns of x and y: there are u, v"


@pytest.mark.parametrize(
    "target", [3.0, [1.0], (1.0,), X, "src", None, SkyCoord(1, 2, unit="deg"), Table({"x": X})["x"]]
)
def test_what_is_no_table_is_not_taken_for_one(target: Any) -> None:
    assert table_of(target) is None


def test_a_display_sends_a_table_as_columns(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    display.overlay("stars", Table({"ra": X, "dec": Y}), colour="red")
    (step,) = daemon.steps
    assert isinstance(step, steps.Overlay)
    assert (step.name, step.system, step.x, step.y) == ("stars", "sky", tuple(X), tuple(Y))
    error = refused(display.overlay, "stars", Table(dict(COLUMNS)), hdu=1).error
    assert error.where == "hdu"


def test_a_hundred_thousand_rows_are_drawn_each_in_its_place() -> None:
    rows = 100_000
    place = np.arange(rows, dtype=float)
    table = Table({"x": place, "y": place + 1, "flux": place + 1})
    found = Drawn(table, size="flux", colour="flux > 50000 ? red : green", select="flux > 10")
    assert found.x.tolist() == place[10:].tolist()
    assert found.colours.count("#ff0000") == 50_000
