"""What `docs/tables.md` promises and no other test holds: each test reads the page, or says one of its sentences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import repo_sample as sample
from tests.support import tables
from tests.support.readers import column, pixels
from tests.support.refusals import refused

from mtv.cli import textpoints
from mtv.shared.tables.positions import Wanted
from mtv.shared.tables.selection import parse
from mtv.wire.angles import factor, usual_pair, usual_pairs
from mtv.wire.messages import Got
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers import asciitable, unpacking
from mtvd.repo.readers.choose import read_all, read_display, read_positions
from mtvd.repo.readers.opening import Schemas
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
MOST = 10**9
VOTABLE = """<?xml version='1.0'?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>
<COOSYS ID="old" system="eq_FK4" equinox="B1950"/>
<TABLE name="first">
<FIELD ID="col1" name="ra" ref="old" unit="deg" datatype="double"/>
<FIELD ID="col2" name="dec" ref="old" unit="deg" datatype="double"><DESCRIPTION>how far north</DESCRIPTION></FIELD>
<DATA><TABLEDATA><TR><TD>150</TD><TD>2</TD></TR></TABLEDATA></DATA></TABLE>
<TABLE name="second"><FIELD ID="q" name="q" datatype="int"/><DATA><TABLEDATA/></DATA></TABLE>
</RESOURCE></VOTABLE>
"""


def catalog_of(path: Path, out: Output, **options: Any) -> Any:
    found = read_all(path, out, most=MOST, **options)
    assert isinstance(found, Got)
    assert found.catalog is not None
    return found.catalog


# Formats


def test_of_a_votable_the_first_table_is_read_by_names_and_its_coosys_is_not_looked_at(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    (tmp_path / "t").write_text(VOTABLE)
    found = catalog_of(tmp_path / "t", out)
    assert [(one.name, one.unit, one.doc) for one in found.columns] == [
        ("ra", "deg", ""),
        ("dec", "deg", "how far north"),
    ]
    assert found.metadata["other_tables"] == ["second"]
    marked = read_positions(tmp_path / "t", out, wanted=Wanted(system="sky"), most_markers=9)
    assert pixels(store.directory, marked.x).tolist() == [150.0]


def test_times_of_ecsv_are_texts(tmp_path: Path) -> None:
    from astropy.table import Table
    from astropy.time import Time

    Table({"t": Time(["2026-01-02T03:04:05", "2026-02-03"])}).write(tmp_path / "t", format="ascii.ecsv")
    assert tables.plain(tables.read(tmp_path / "t").columns["t"]) == [
        "2026-01-02T03:04:05.000",
        "2026-02-03T00:00:00.000",
    ]


def test_of_parquet_no_other_columns_are_read_than_those_that_are_needed(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    made = pa.table({"x": [1.0, 2.0], "y": [3.0, 4.0], "far": [777.25, 888.5], "n": [5, 6]})
    pq.write_table(made, tmp_path / "t", compression="NONE", use_dictionary=False, write_statistics=False)
    meta = pq.ParquetFile(tmp_path / "t").metadata.row_group(0).column(2)
    content = bytearray((tmp_path / "t").read_bytes())
    content[meta.data_page_offset : meta.data_page_offset + meta.total_compressed_size] = b"\xff" * (
        meta.total_compressed_size
    )
    (tmp_path / "t").write_bytes(content)
    found = catalog_of(tmp_path / "t", out, columns=("x",), select="n > 5")
    assert column(store.directory, found, "x").tolist() == [2.0]
    read_positions(tmp_path / "t", out, wanted=Wanted(), most_markers=9)
    assert refused(read_all, tmp_path / "t", out, most=MOST).code == "unreadable_file"


def test_an_ascii_table_is_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [fits.Column("n", "I8", array=np.arange(100))]
    fits.HDUList([fits.PrimaryHDU(), fits.TableHDU.from_columns(columns)]).writeto(tmp_path / "t")
    assert tables.read(tmp_path / "t").columns["n"].tolist() == list(range(100))
    assert unpacking.MOST_UNPACKED_BYTES == 1 << 30
    monkeypatch.setattr(asciitable, "MOST_UNPACKED_BYTES", 799)
    assert refused(tables.read, tmp_path / "t").code == "unsupported"


def test_a_text_of_a_fits_table_is_utf_8(tmp_path: Path) -> None:
    names = ["Ångström".encode(), "天".encode()]
    fits.BinTableHDU.from_columns([fits.Column("t", "12A", array=np.array(names))]).writeto(tmp_path / "t")
    assert tables.plain(tables.read(tmp_path / "t").columns["t"]) == ["Ångström", "天"]


def test_a_masked_truth_value_that_astropy_writes_is_true(tmp_path: Path) -> None:
    from astropy.table import MaskedColumn, Table

    Table({"f": MaskedColumn([False, False], mask=[True, False])}).write(tmp_path / "t", format="fits")
    assert tables.plain(tables.read(tmp_path / "t").columns["f"]) == [True, False]


def test_the_schemas_of_the_last_32_tables_are_kept(tmp_path: Path) -> None:
    schemas, first = Schemas(), []
    for number in range(33):
        sample.write_catalog(tmp_path / str(number), rows=2)
        first.append(schemas.open(tmp_path / str(number)))
    again = [schemas.open(tmp_path / str(number)) for number in range(32, -1, -1)]
    assert [new is old for new, old in zip(again, reversed(first), strict=True)] == [True] * 32 + [False]
    assert "The schemas of the last 32 tables" in PAGE


# Choosing rows


def expressions() -> list[str]:
    """Return the expressions that the page shows."""
    rows = PAGE.split("## Choosing rows")[1].split("* The grammar")[0].splitlines()
    cells = [(line.split(" | ")[0], line.split("|", 2)[2]) for line in rows if line.startswith("| ")]
    shown = [one for what, cell in cells if what[2:] not in {"functions", ""} for one in re.findall(r"`([^`]+)`", cell)]
    in_python = re.findall(r'select="([^"]+)"', PAGE)
    return [one for one in [*shown, *in_python] if one != "+ - * / // % **"]


def test_the_page_shows_expressions() -> None:
    assert len(expressions()) >= 15
    assert {"0 < x <= 100", "aperture[2] > 0", 'col("g-r") < 0.5', "a and not b"} <= set(expressions())


@pytest.mark.parametrize("text", expressions())
def test_an_expression_of_the_page_is_understood(text: str) -> None:
    assert parse(text, most_chars=2000) is not None


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%", "**"])
def test_an_operator_of_the_page_reckons_as_python_does(operator: str) -> None:
    from mtv.shared.tables.evaluation import choose_rows

    left, right = np.array([7, 8, 9]), np.array([2, 3, 4])
    wanted = [eval(f"{a} {operator} {b}") for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    for number, value in enumerate(wanted):
        found = choose_rows(parse(f"a {operator} b == {value!r}", most_chars=200), {"a": left, "b": right}, 3)
        assert found[number]
    assert "`+ - * / // % **`" in PAGE


def test_a_key_of_the_data_id_chooses_rows_and_a_selection_holds_beside_it(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    columns = [
        fits.Column(name, form, array=np.array(values))
        for name, form, values in (
            ("detector", "J", [4, 5, 4]),
            ("band", "1A", [b"r", b"r", b"i"]),
            ("x", "D", [1.0, 2.0, 3.0]),
            ("y", "D", [0, 0, 0]),
        )
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "t")
    found = catalog_of(tmp_path / "t", out, row_keys={"detector": 4})
    assert column(store.directory, found, "x").tolist() == [1.0, 3.0]
    found = catalog_of(tmp_path / "t", out, row_keys={"detector": "4"}, select="x > 2", columns=("x",))
    assert column(store.directory, found, "x").tolist() == [3.0]
    found = catalog_of(tmp_path / "t", out, row_keys={"detector": 4, "band": "r"})
    assert column(store.directory, found, "x").tolist() == [1.0]
    marked = read_positions(tmp_path / "t", out, wanted=Wanted(), row_keys={"detector": 5}, most_markers=9)
    assert marked.x.shape == (1,)


def test_a_key_that_the_table_does_not_have_is_refused_and_so_is_one_of_an_image(tmp_path: Path, out: Output) -> None:
    sample.write_catalog(tmp_path / "src")
    sample.write_exposure(tmp_path / "calexp", 1, 1)
    foreign = {"foreign_keys": ("detector",), "row_keys": {"detector": 4}}
    errors = [
        refused(read_all, tmp_path / "src", out, most=MOST, **foreign),
        refused(read_positions, tmp_path / "src", out, wanted=Wanted(), most_markers=99, row_keys={"detector": 4}),
        refused(read_all, tmp_path / "calexp", out, most=MOST, **foreign),
        refused(read_all, tmp_path / "calexp", out, most=MOST, component="wcs", **foreign),
        refused(read_display, tmp_path / "calexp", out, most=MOST, **foreign),
    ]
    assert [(error.code, error.error.where) for error in errors] == [("bad_query", "data_id.detector")] * 5


# Positions


def test_every_unit_of_the_page_is_understood() -> None:
    units = re.findall(r"by the column's unit: (.+?);", PAGE)[0]
    names = [name.split()[0] for name in units.split(", ")]
    assert names == ["rad", "deg", "hourangle", "arcmin", "arcsec", "mas", "uas"]
    for name in names:
        assert factor(name, "x", "sky") > 0
    for other in ("m", "pix", "mag"):
        assert refused(factor, other, "x", "sky").error.where == "x"


def extensions() -> list[str]:
    return re.findall(r"`(\.\w+)`", PAGE.split("* A text of `mtv overlay` (")[1].split(")")[0])


def test_a_text_has_one_of_the_extensions_of_the_page(tmp_path: Path) -> None:
    assert len(extensions()) == 7
    for extension in extensions():
        for name in (f"points{extension}", f"points{extension.upper()}"):
            (tmp_path / name).write_text("x y\n1 2\n")
            assert textpoints.is_text(str(tmp_path / name))
    (tmp_path / "points.txt").write_bytes(b"\x1f\x9d\x90")  # of compress
    assert not textpoints.is_text(str(tmp_path / "points.txt"))
    (tmp_path / "points.reg").write_text("x y\n1 2\n")
    assert not textpoints.is_text(str(tmp_path / "points.reg"))


@pytest.mark.parametrize("before", ["", "\ufeff", "\n  ", "<!-- made by somebody -->\n"])
def test_a_votable_is_a_table_whatever_its_name_and_whatever_stands_before_it(
    tmp_path: Path, out: Output, before: str
) -> None:
    (tmp_path / "t.csv").write_text(before + VOTABLE.split("\n", 1)[1])
    assert not textpoints.is_text(str(tmp_path / "t.csv"))
    assert catalog_of(tmp_path / "t.csv", out).rows == 1


@pytest.mark.parametrize("gap", ["", "nan", "NaN", "null", "NULL", "--", "none", "n/a"])
def test_a_cell_of_a_text_without_a_number_is_a_gap(tmp_path: Path, gap: str) -> None:
    (tmp_path / "t.csv").write_text(f"x,y\n1,2\n{gap},4\n")
    found = textpoints.read(str(tmp_path / "t.csv"), None, "pixel")
    assert (found.x[0], np.isnan(found.x[1]), list(found.y)) == (1.0, True, [2.0, 4.0])


def test_the_page_names_every_usual_pair_of_pixels_and_each_is_found() -> None:
    assert usual_pairs("pixel") == "slot_Centroid_x slot_Centroid_y, x y, xcentroid ycentroid"
    assert "`slot_Centroid_x _y`, `x y`, `xcentroid ycentroid`" in PAGE
    for pair in usual_pairs("pixel").split(", "):
        assert usual_pair("pixel", ["id", *pair.split()]) == tuple(pair.split())
    assert usual_pair("pixel", ["xcentroid", "ycentroid", "x", "y"]) == ("x", "y")


@pytest.mark.parametrize("how", ["fits", "parquet", "ascii.ecsv", "votable"])
def test_what_is_left_out_stands_in_the_metadata_of_the_catalog(tmp_path: Path, out: Output, how: str) -> None:
    from astropy.table import Table

    ragged = np.empty(2, object)
    ragged[0], ragged[1] = np.array([1, 2], "i4"), np.array([3], "i4")
    if how == "fits":
        columns = [fits.Column("x", "D", array=[1.0, 2.0]), fits.Column("ragged", "PJ()", array=ragged)]
        fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "t")
    elif how == "parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.table({"x": [1.0, 2.0], "ragged": [[1, 2], [3]]}), tmp_path / "t")
    else:
        with tables.quiet():
            Table({"x": [1.0, 2.0], "ragged": ragged}).write(tmp_path / "t", format=how)
    found = catalog_of(tmp_path / "t", out)
    assert ([one.name for one in found.columns], found.metadata["left_out"]) == (["x"], ["ragged"])
