"""What `docs/tables.md` says of files of certain programs, and of gaps in every format, by the programs themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from tests.support import tables
from tests.support.readers import pixels

from mtv.cli import textpoints
from mtv.shared.tables.evaluation import choose_rows
from mtv.shared.tables.gaps import data_of, gaps_of
from mtv.shared.tables.positions import Wanted
from mtv.shared.tables.selection import parse
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_positions
from mtvd.repo.readers.output import Output

PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
GAP = [False, True, False]


def saved(path: Path, how: str, **columns: Any) -> Path:
    with tables.quiet():
        Table(columns).write(path, format=how)
    return path


@pytest.mark.parametrize("how", ["fits", "parquet", "ascii.ecsv", "votable"])
def test_below_a_gap_there_is_0_false_or_an_empty_text_in_every_format(tmp_path: Path, how: str) -> None:
    made = {
        "n": MaskedColumn([7, 8, 9], mask=GAP),
        "b": MaskedColumn(np.array([7, 8, 9], "u1"), mask=GAP),
        "t": MaskedColumn(["a", "b", "c"], mask=GAP),
        "x": MaskedColumn([1.5, 2.5, 3.5], mask=GAP),
    }
    if how != "fits":  # there a masked truth value becomes true
        made["f"] = MaskedColumn([True, True, False], mask=GAP)
    found = tables.read(saved(tmp_path / "t", how, **made)).columns
    assert {name: data_of(found[name])[1].item() for name in made if name != "x"} == {
        "n": 0, "b": 0, "t": "", **({} if how == "fits" else {"f": False}),
    }  # fmt: skip
    assert np.isnan(found["x"][1])
    assert gaps_of(found["x"]) is None, "fractions have NaN, and no mask beside it"
    for name in {*made} - {"x", "t"}:
        missing = gaps_of(found[name])
        assert missing is not None
        assert missing.tolist() == GAP


@pytest.mark.parametrize("dtype", ["u2", "u4", "u8"])
def test_the_number_that_astropy_writes_for_a_gap_of_unsigned_integers_is_one_all_the_same(
    tmp_path: Path, dtype: str
) -> None:
    most = int(np.iinfo(dtype).max)
    saved(tmp_path / "t", "fits", n=MaskedColumn(np.array([most, 5, 1], dtype), mask=GAP))
    assert fits.getheader(tmp_path / "t", 1)["TNULL1"] == 999_999 % (most + 1), "as the page says of astropy"
    assert tables.plain(tables.read(tmp_path / "t").columns["n"]) == [most, None, 1]


def test_a_logical_without_a_value_is_false_for_astropy_and_a_gap_here(tmp_path: Path) -> None:
    fits.BinTableHDU.from_columns([fits.Column("f", "L", array=[True, False])]).writeto(tmp_path / "t")
    with fits.open(tmp_path / "t") as hdus:
        start = hdus[1].fileinfo()["datLoc"]
    content = bytearray((tmp_path / "t").read_bytes())
    content[start + 1] = 0
    (tmp_path / "t").write_bytes(content)
    with tables.quiet():
        assert Table.read(tmp_path / "t")["f"].tolist() == [True, False]
    assert tables.plain(tables.read(tmp_path / "t").columns["f"]) == [True, None]


def test_pixels_of_sextractor_are_taken_as_they_are_where_they_are_named(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    columns = [
        fits.Column(name, "D", unit=unit, array=[value])
        for name, unit, value in (
            ("X_IMAGE", "pixel", 11.5), ("Y_IMAGE", "pixel", 7.25), ("ALPHA_J2000", "deg", 150.0),
            ("DELTA_J2000", "deg", 2.0),
        )
    ]  # fmt: skip
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "t")
    marked = read_positions(tmp_path / "t", out, wanted=Wanted(x="X_IMAGE", y="Y_IMAGE"), most_markers=9)
    assert [pixels(store.directory, one).tolist() for one in (marked.x, marked.y)] == [[11.5], [7.25]]
    marked = read_positions(tmp_path / "t", out, wanted=Wanted(system="sky"), most_markers=9)
    assert [pixels(store.directory, one).tolist() for one in (marked.x, marked.y)] == [[150.0], [2.0]]
    with pytest.raises(RequestError) as caught:
        read_positions(tmp_path / "t", out, wanted=Wanted(), most_markers=9)
    assert caught.value.error.where == "x", "nobody takes X_IMAGE for ours unasked"


@pytest.mark.parametrize("kind", ["tabledata", "binary", "binary2"])
def test_a_votable_is_read_in_each_of_its_three_writings(tmp_path: Path, kind: str) -> None:
    gap = GAP if kind != "binary" else [False] * 3  # which has no way to say it
    made = Table({"n": MaskedColumn([7, 8, 9], mask=gap), "x": [1.5, 2.5, 3.5], "t": ["a", "bb", "ccc"]})
    with tables.quiet():
        made.write(tmp_path / "t", format="votable", tabledata_format=kind)
    assert f"<{kind.upper()}>" in (tmp_path / "t").read_bytes().decode("latin-1").upper()
    found = tables.read(tmp_path / "t").columns
    assert tables.plain(found["n"]) == [7, 8 if kind == "binary" else None, 9]
    assert (found["x"].tolist(), tables.plain(found["t"])) == ([1.5, 2.5, 3.5], ["a", "bb", "ccc"])


def test_a_votable_with_its_rows_in_a_parquet_file_is_unsupported(tmp_path: Path) -> None:
    (tmp_path / "t").write_text(
        "<?xml version='1.0'?><VOTABLE version='1.5' xmlns='http://www.ivoa.net/xml/VOTable/v1.3'><RESOURCE><TABLE>"
        "<FIELD ID='x' name='x' datatype='double'/><DATA><PARQUET type='VOTable-remote-file'>"
        "<STREAM href='file:///etc/passwd'/></PARQUET></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    with pytest.raises(RequestError) as caught:
        tables.read(tmp_path / "t")
    assert (caught.value.code, "parquet file beside it" in str(caught.value)) == ("unsupported", True)


@pytest.mark.parametrize(("text", "rows"), [
    ("n / 0 > 1e300", [1, 2]), ("n / 0 == n / 0", [1, 2]), ("x // 0 > 1e300", [1, 2]), ("-n / 0 < -1e300", [1, 2]),
    ("isnan(x % 0)", [0, 1, 2]), ("isnan(x / 0)", [0]), ("x / 0 > 5", [1, 2]), ("n % 2 == 0", [0, 2]),
])  # fmt: skip
def test_a_division_by_zero_is_infinite_or_no_number_and_never_an_error(text: str, rows: list[int]) -> None:
    columns = {"n": np.array([0, 1, 2]), "x": np.array([0.0, 1, 2])}
    assert np.flatnonzero(choose_rows(parse(text, most_chars=200), columns, 3)).tolist() == rows


@pytest.mark.parametrize(
    "start", [b"SIMPLE  =                    T", b"PAR1\x15\x04", b"# %ECSV 1.0\n", b"<?xml version='1.0'?>\n<VOTABLE>"]
)
def test_what_begins_as_a_table_does_is_no_text_whatever_its_name(tmp_path: Path, start: bytes) -> None:
    for extension in re.findall(r"`(\.\w+)`", PAGE.split("* A text of `mtv overlay` (")[1].split(")")[0]):
        (tmp_path / f"t{extension}").write_bytes(start + bytes(99))
        assert not textpoints.is_text(str(tmp_path / f"t{extension}"))


@pytest.mark.parametrize(
    ("unit", "factor"), [("deg", 1), ("rad", 180 / np.pi), ("arcmin", 1 / 60), ("arcsec", 1 / 3600)]
)
def test_the_units_in_a_numbered_head_count(tmp_path: Path, unit: str, factor: float) -> None:
    (tmp_path / "t.cat").write_text(f"#   1 NUMBER\n#   2 ra  right  [{unit}]\n#   3 dec  up  [{unit}]\n  7 1.5 0.5\n")
    found = textpoints.read(str(tmp_path / "t.cat"), None, "sky")
    np.testing.assert_allclose([found.x[0], found.y[0]], [1.5 * factor, 0.5 * factor])


@pytest.mark.parametrize("between", [",", "\t", " ", "   ", ", "])
def test_a_text_has_commas_tabs_or_blanks_between(tmp_path: Path, between: str) -> None:
    (tmp_path / "t.dat").write_text(f"id{between}x{between}y\n7{between}1.5{between}2\n")
    found = textpoints.read(str(tmp_path / "t.dat"), None, "pixel")
    assert (list(found.x), list(found.y)) == ([1.5], [2.0])
