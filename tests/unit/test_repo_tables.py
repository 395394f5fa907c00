"""Readers of tables: every format gives the same face, reads only what is asked for, and refuses what is no table."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import repo_sample as sample
from tests.support.readers import column

from mtv.shared.tables.positions import Wanted, find_positions
from mtv.shared.tables.tables import Table
from mtv.wire.data import Catalog
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers import afwtable
from mtvd.repo.readers.choose import read_all, read_display, read_positions
from mtvd.repo.readers.opening import Schemas
from mtvd.repo.readers.output import Output

MOST = 10**9
fits = pytest.importorskip("astropy.io.fits")


@pytest.fixture
def src(tmp_path: Path) -> Path:
    sample.write_catalog(tmp_path / "src.fits")
    return tmp_path / "src.fits"


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("table.fits", content)
    return packed.getvalue()


PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "fits.gz": gzip.compress,
    "fits.bz2": bz2.compress,
    "fits.xz": lzma.compress,
    "fits.zip": zipped,
}


def got(path: Path, out: Output, **options: Any) -> Catalog:
    catalog = read_all(path, out, most=MOST, **options).catalog
    assert catalog is not None
    return catalog


def plain_table() -> Any:
    from astropy import units
    from astropy.table import Table

    table = Table(
        {
            "id": [1, 2, 3],
            "ra": [150.0, 150.1, 150.2],
            "dec": [2.0, 2.1, 2.2],
            "flux": np.array([1.0, 2.5, 3.0], "f4"),
            "star": [True, False, True],
            "name": ["a", "bb", "ccc"],
            "pair": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        }
    )
    table["ra"].unit = table["dec"].unit = units.deg
    table["flux"].description = "how bright"
    return table


def write(path: Path, how: str) -> Path:
    table = plain_table()
    if how == "fits":
        table.write(path, format="fits")
    elif how in PACKERS:
        table.write(path.with_suffix(".plain"), format="fits")
        path.write_bytes(PACKERS[how](path.with_suffix(".plain").read_bytes()))
    elif how == "votable":
        table.write(path, format="votable")
    elif how == "votable-binary":
        table.write(path, format="votable", tabledata_format="binary")
    elif how == "ecsv":
        table.write(path, format="ascii.ecsv")
    else:
        from lsst.daf.butler.formatters.parquet import astropy_to_arrow
        from pyarrow import parquet

        parquet.write_table(astropy_to_arrow(table), path)
    return path


FORMATS = ["fits", "fits.gz", "fits.bz2", "fits.xz", "fits.zip", "votable", "votable-binary", "ecsv", "parquet"]


@pytest.mark.parametrize("how", FORMATS)
def test_every_format_gives_the_same_columns_units_and_docs(
    tmp_path: Path, out: Output, store: PixelStore, how: str
) -> None:
    if how == "parquet":
        pytest.importorskip("lsst.daf.butler")
    catalog = got(write(tmp_path / "table", how), out)
    assert catalog.rows == 3
    assert [one.name for one in catalog.columns] == plain_table().colnames
    for name in plain_table().colnames:
        assert column(store.directory, catalog, name).tolist() == plain_table()[name].tolist(), name
    by_name = {one.name: one for one in catalog.columns}
    assert (by_name["ra"].unit, by_name["star"].array.dtype) == ("deg", "|b1")
    assert by_name["flux"].doc == ("how bright" if not how.startswith("fits") else "")


@pytest.mark.parametrize("how", FORMATS)
def test_every_format_lets_rows_and_columns_be_chosen(tmp_path: Path, out: Output, store: PixelStore, how: str) -> None:
    if how == "parquet":
        pytest.importorskip("lsst.daf.butler")
    path = write(tmp_path / "table", how)
    catalog = got(path, out, columns=("name",), select="star & (flux > 2) & (pair[0] < 6) & (name != 'a')")
    assert catalog.rows == 1
    assert [one.name for one in catalog.columns] == ["name"]
    assert column(store.directory, catalog, "name").tolist() == ["ccc"]
    assert got(path, out, select="flux > 9").rows == 0


def test_flags_slots_and_aliases_choose_rows_of_an_afw_catalog(src: Path, out: Output, store: PixelStore) -> None:
    catalog = got(src, out, select="calib_psf_candidate & ~calib_psf_used & (slot_Centroid_x > 110)")
    wanted = [row for row in range(sample.ROWS) if row % 2 == 0 and row % 4 and sample.XY0[0] + 2 * row > 110]
    assert column(store.directory, catalog, "id").tolist() == [row + 1 for row in wanted]
    assert len(catalog.columns) == 17
    assert catalog.aliases["slot_Centroid"] == "base_SdssCentroid"


@pytest.mark.parametrize(
    ("options", "where", "hint"),
    [
        ({"select": "calib_psf_usd"}, "select", "'calib_psf_used'"),
        ({"select": "slot_Centroid_z > 3"}, "select", "'slot_Centroid_x'"),
        ({"select": "slot_Centroid > 3"}, "select", "mean 'slot_Centroid_"),
        ({"columns": ("id", "slot_Centroid_")}, "columns[1]", "'slot_Centroid_x'"),
        ({"select": "x" * 2001}, "select", ""),
    ],
)
def test_what_a_table_has_not_is_refused_with_near_names(
    src: Path, out: Output, options: dict[str, Any], where: str, hint: str
) -> None:
    with pytest.raises(RequestError) as caught:
        read_all(src, out, most=MOST, **options)
    assert (caught.value.code, caught.value.error.where) == ("bad_value", where)
    assert hint in caught.value.error.hint


class CountingTable:
    """A table that remembers which columns were read."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.rows, self.fields = table.rows, table.fields
        self.aliases, self.metadata, self.left_out = table.aliases, table.metadata, table.left_out
        self.asked: list[str] = []

    def read(self, names: Sequence[str]) -> dict[str, Any]:
        self.asked += names
        return self._table.read(names)

    def why_not(self, name: str) -> str:
        return self._table.why_not(name)

    def elsewhere(self, names: Sequence[str]) -> str:
        return self._table.elsewhere(names)


def test_only_the_columns_that_are_needed_are_read(src: Path) -> None:
    table = CountingTable(afwtable.open_table(src))
    find_positions(table, Wanted(select="calib_psf_used"), most_markers=100)
    assert sorted(table.asked) == ["base_SdssCentroid_x", "base_SdssCentroid_y", "calib_psf_used"]


def test_a_schema_is_parsed_once_until_the_file_changes(src: Path) -> None:
    schemas = Schemas()
    first = schemas.open(src)
    assert schemas.open(src) is first
    assert schemas.open(src, 1) is not first
    src.unlink()
    sample.write_catalog(src, rows=5)
    assert schemas.open(src).rows == 5


def test_of_an_image_no_rows_can_be_chosen(tmp_path: Path, out: Output) -> None:
    sample.write_exposure(tmp_path / "calexp.fits", 23718, 41)
    for storage_class in ("", "ExposureF"):
        with pytest.raises(RequestError) as caught:
            read_all(tmp_path / "calexp.fits", out, storage_class=storage_class, select="used", most=MOST)
        assert (caught.value.code, caught.value.error.where) == ("unsupported", "select")


def test_positions_are_those_of_the_slot_in_pixels(src: Path, out: Output, store: PixelStore) -> None:
    found = find_positions(Schemas().open(src), Wanted(select="calib_psf_used"), most_markers=100)
    rows = np.arange(0, sample.ROWS, 4)
    assert found.x.tolist() == (sample.XY0[0] + 2.0 * rows).tolist()
    assert found.y.tolist() == (sample.XY0[1] + 1.0 * rows).tolist()
    assert (found.size, found.left_out) == (None, 0)
    read_positions(src, out, wanted=Wanted(), most_markers=100, storage_class="SourceCatalog", hdu=None, bbox=None)


def column_table(**columns: Any) -> Any:
    from mtv.shared.tables.tables import ColumnTable, Field

    values = {name: np.asarray(value[0]) for name, value in columns.items()}
    fields = {name: Field(unit=value[1], kind=value[2]) for name, value in columns.items()}
    return ColumnTable(columns=values, fields=fields, rows=len(next(iter(values.values()))))


@pytest.mark.parametrize(
    ("unit", "kind", "factor"),
    [("rad", "Angle", 180 / np.pi), ("", "Angle", 180 / np.pi), ("deg", "", 1.0), ("", "", 1.0), ("hourangle", "", 15)],
)
def test_positions_in_the_sky_are_degrees_by_their_unit(unit: str, kind: str, factor: float) -> None:
    table = column_table(coord_ra=([0.5, 1.0], unit, kind), coord_dec=([0.1, -0.1], unit, kind))
    found = find_positions(table, Wanted(system="sky"), most_markers=100)
    np.testing.assert_allclose(found.x, np.array([0.5, 1.0]) * factor)
    np.testing.assert_allclose(found.y, np.array([0.1, -0.1]) * factor)


def test_rows_without_a_position_or_a_size_are_left_out_and_counted() -> None:
    table = column_table(
        x=([1.0, np.nan, 3.0, 4.0, 5.0], "", ""), y=([1, 2, 3, 4, 5], "", ""), r=([1.0, 1.0, 0.0, np.inf, 2.5], "", "")
    )
    found = find_positions(table, Wanted(size="r"), most_markers=100)
    assert found.x.tolist() == [1.0, 5.0]
    assert found.size is not None
    assert (found.size.tolist(), found.left_out) == ([1.0, 2.5], 3)


@pytest.mark.parametrize(
    ("wanted", "where", "said"),
    [
        (Wanted(x="x"), "y", "in pairs"),
        (Wanted(x="x", y="z"), "y", "no column 'z'"),
        (Wanted(x="name", y="x"), "x", "no column of numbers"),
        (Wanted(x="x", y="pair"), "y", "column of arrays"),
        (Wanted(size="q"), "size", "no column 'q'"),
        (Wanted(system="sky"), "x", "none of the usual columns"),
        (Wanted(system="sky", x="x", y="far"), "y", "beyond 90 degrees"),
        (Wanted(system="sky", x="x", y="metres"), "y", "'m' is no unit"),
        (Wanted(select="name"), "select", "neither true nor false"),
    ],
)
def test_what_is_no_position_is_refused_by_its_field(wanted: Wanted, where: str, said: str) -> None:
    table = column_table(
        x=([1.0], "", ""),
        y=([1.0], "", ""),
        far=([91.0], "", ""),
        metres=([1.0], "m", ""),
        name=(["a"], "", ""),
        pair=([[1.0, 2.0]], "", ""),
    )
    with pytest.raises(RequestError) as caught:
        find_positions(table, wanted, most_markers=100)
    assert (caught.value.code, caught.value.error.where) == ("bad_value", where)
    assert said in caught.value.error.message


def test_more_rows_than_may_be_marked_are_refused(src: Path) -> None:
    with pytest.raises(RequestError) as caught:
        find_positions(Schemas().open(src), Wanted(), most_markers=sample.ROWS - 1)
    assert (caught.value.code, caught.value.error.where) == ("too_large", "select")


@pytest.mark.parametrize("how", FORMATS)
def test_a_table_is_no_image(tmp_path: Path, out: Output, how: str) -> None:
    if how == "parquet":
        pytest.importorskip("lsst.daf.butler")
    with pytest.raises(RequestError) as caught:
        read_display(write(tmp_path / "table", how), out, most=MOST)
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "target")


@pytest.mark.parametrize("storage_class", ["", "ExposureF", "SourceCatalog", "Defects"])
def test_an_image_is_no_table(tmp_path: Path, out: Output, storage_class: str) -> None:
    sample.write_exposure(tmp_path / "calexp.fits", 23718, 41)
    with pytest.raises(RequestError) as caught:
        read_positions(tmp_path / "calexp.fits", out, wanted=Wanted(), most_markers=100, storage_class=storage_class)
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "target")
    assert "is an image, not a table" in caught.value.error.message


@pytest.mark.parametrize("storage_class", ["Catalog", "Defects", "LookUp"])
def test_a_fits_file_of_any_other_storage_class_is_read_as_what_is_in_it(
    tmp_path: Path, out: Output, storage_class: str
) -> None:
    path = write(tmp_path / "table", "fits")
    assert got(path, out, storage_class=storage_class).rows == 3
    wanted = Wanted(system="sky")
    assert read_positions(path, out, wanted=wanted, most_markers=9, storage_class=storage_class).left_out == 0
    with pytest.raises(RequestError) as caught:
        read_display(path, out, storage_class=storage_class, most=MOST)
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "target")


def test_a_fits_file_without_image_and_binary_table_says_so(tmp_path: Path, out: Output) -> None:
    fits.PrimaryHDU().writeto(tmp_path / "nothing.fits")
    with pytest.raises(RequestError, match="neither an image nor a table") as caught:
        read_all(tmp_path / "nothing.fits", out, most=MOST)
    assert caught.value.code == "unreadable_file"
    with pytest.raises(RequestError) as caught:
        read_all(tmp_path / "nothing.fits", out, hdu=0, most=MOST)
    assert (caught.value.code, caught.value.error.where) == ("bad_value", "hdu")


def test_tables_in_which_objects_are_kept_are_nobody_s_tables(tmp_path: Path, out: Output) -> None:
    inner = [fits.BinTableHDU(plain_table(), name="INDEX") for _ in range(2)]
    inner[0].header["EXTTYPE"] = "ARCHIVE_INDEX"
    for number, primary in enumerate((fits.PrimaryHDU(), fits.PrimaryHDU(np.zeros((3, 4), "f4")))):
        primary.header["JSONADDR"] = 1
        path = tmp_path / f"{number}.fits"
        fits.HDUList([primary, *inner]).writeto(path)
        with pytest.raises(RequestError, match=["needs the C", "is an image, not a table"][number]) as caught:
            read_positions(path, out, wanted=Wanted(), most_markers=100, storage_class="Psf")
        assert caught.value.code == "unsupported"
    assert got(path, out, hdu=1).rows == 3
    with pytest.raises(RequestError, match="needs the C") as caught:
        read_display(tmp_path / "0.fits", out, storage_class="Psf", most=MOST)
    assert caught.value.code == "unsupported"


def test_a_cube_beside_a_table_still_wants_its_slice(tmp_path: Path, out: Output) -> None:
    path = tmp_path / "cube.fits"
    fits.HDUList([fits.PrimaryHDU(np.zeros((2, 3, 4), "f4")), fits.BinTableHDU(plain_table())]).writeto(path)
    for cube_index in ((), (7,)):
        with pytest.raises(RequestError, match="2x3x4"):
            read_display(path, out, cube_index=cube_index, most=MOST)


DAMAGED = {
    "text": b"x,y\n1,2\n",
    "votable": b"<?xml version='1.0'?>\n<VOTABLE version='1.4'><RESOURCE><TABLE><FIELD",
    "no table": b"<?xml version='1.0'?>\n<VOTABLE version='1.4'></VOTABLE>",
    "ecsv": b"# %ECSV 1.0\n# ---\n# datatype:\n# - {name: x, datatype: int64}\nx y\n1 2 3\n",
    "parquet": b"PAR1" + bytes(200),
    "gzip": gzip.compress(b"no table"),
    "zeros": bytes(9000),
}


@pytest.mark.parametrize("what", list(DAMAGED))
def test_what_is_no_table_is_unreadable(tmp_path: Path, out: Output, what: str) -> None:
    (tmp_path / "bad").write_bytes(DAMAGED[what])
    with pytest.raises(RequestError) as caught:
        read_positions(tmp_path / "bad", out, wanted=Wanted(), most_markers=100)
    assert (caught.value.code, caught.value.error.where) == ("unreadable_file", "path")
    assert str(tmp_path) not in str(caught.value)


def test_a_truncated_gzipped_table_is_unreadable(tmp_path: Path, out: Output) -> None:
    path = write(tmp_path / "table", "fits.gz")
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(RequestError) as caught:
        read_all(path, out, most=MOST)
    assert caught.value.code == "unreadable_file"


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_all_kinds_of_numbers_of_a_fits_table_keep_their_values(
    tmp_path: Path, out: Output, store: PixelStore, kind: str
) -> None:
    from astropy.table import Table

    limits = np.iinfo(kind) if kind[0] in "iu" else np.finfo(kind)
    values = np.array([limits.min, 0, 1, limits.max], kind)
    Table({"v": values}).write(tmp_path / "t", format="fits")
    read = column(store.directory, got(tmp_path / "t", out, select="v >= v"), "v")
    assert (read.dtype, read.tolist()) == (values.dtype, values.tolist())


def test_scaled_columns_are_fractions_and_signed_bytes_are_signed(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    columns = [fits.Column("v", "1I", array=np.array([0, 3])), fits.Column("b", "1B", array=np.array([0, 255]))]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update({"TSCAL1": 0.5, "TZERO1": 10.0, "TZERO2": -128})
    table.writeto(tmp_path / "t")
    catalog = got(tmp_path / "t", out)
    assert column(store.directory, catalog, "v").tolist() == [10.0, 11.5]
    assert column(store.directory, catalog, "b").tolist() == [-128, 127]


def test_a_data_frame_of_rubin_keeps_its_index_and_lists(tmp_path: Path, out: Output, store: PixelStore) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pandas = b'{"index_columns": ["sourceId"], "columns": [], "pandas_version": "2.2"}'
    table = pa.table(
        {
            "coord_ra": [150.0, 151.0],
            "coord_dec": [2.0, 2.5],
            "detect_isPrimary": [True, False],
            "moments": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float64(), 2)),
            "ragged": [[1], [2, 3]],
            "sourceId": [11, 12],
        }
    ).replace_schema_metadata({b"pandas": pandas})
    pq.write_table(table, tmp_path / "sourceTable.parq")
    catalog = got(tmp_path / "sourceTable.parq", out, storage_class="DataFrame", select="detect_isPrimary")
    assert column(store.directory, catalog, "sourceId").tolist() == [11]
    assert column(store.directory, catalog, "moments").tolist() == [[1.0, 2.0]]
    assert catalog.metadata["left_out"] == ["ragged"]
    sky = find_positions(Schemas().open(tmp_path / "sourceTable.parq"), Wanted(system="sky"), most_markers=10)
    assert (sky.x.tolist(), sky.y.tolist()) == ([150.0, 151.0], [2.0, 2.5])


def test_the_real_catalog_is_chosen_from_and_marked(shared_data: Path, out: Output, store: PixelStore) -> None:
    path = shared_data / "sourceCatalog-hsc-v2.fits"
    with fits.open(path) as hdus:
        data, header = hdus[1].data, hdus[1].header
        flags = np.asarray(data["flags"])
        names = [header[f"TFLAG{bit + 1}"] for bit in range(flags.shape[1])]
        ids, ra, dec = (np.asarray(data[name]) for name in ("id", "coord_ra", "coord_dec"))
    schemas = Schemas()
    for bit, name in enumerate(names):
        chosen = got(path, out, columns=("id",), select=name, schemas=schemas)
        assert column(store.directory, chosen, "id").tolist() == ids[flags[:, bit]].tolist(), name
    sky = find_positions(schemas.open(path), Wanted(system="sky"), most_markers=10)
    np.testing.assert_allclose(sky.x, np.degrees(ra), rtol=1e-14)
    np.testing.assert_allclose(sky.y, np.degrees(dec), rtol=1e-14)
    centroid = find_positions(schemas.open(path), Wanted(), most_markers=10)
    assert len(centroid.x) == len(ids)


def test_a_parquet_file_whose_words_are_no_text_is_unreadable(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "table.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(pa.table({"odd": [1.0], "name": ["a"]}), path)
    path.write_bytes(path.read_bytes().replace(b"name", b"\xffame"))
    with pytest.raises(RequestError) as caught:
        Schemas().open(path)
    assert caught.value.error.code == "unreadable_file"


def test_the_names_of_columns_slots_and_aliases_are_told_without_a_row_read(src: Path, out: Output) -> None:
    found = got(src, out, storage_class="SourceCatalog", columns=["?"])
    names = found.metadata["names"]
    assert (found.columns, found.rows) == ((), sample.ROWS)
    assert {"id", "coord_ra", "base_SdssCentroid_x", "slot_Centroid_x", "calib_psf_used"} <= {*names}
    for name in names:
        assert len(got(src, out, storage_class="SourceCatalog", columns=[name]).columns) == 1
