"""FITS tables as programs write them: gaps, shapes, variable length, fpack's tiles, ASCII, later HDUs, packed files."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import tables

import mtv
from mtv.shared.tables.positions import Wanted, find_positions
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all
from mtvd.repo.readers.opening import Schemas
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")


def write(path: Path, columns: Sequence[Any], header: dict[str, Any] | None = None, name: str = "") -> Path:
    table = fits.BinTableHDU.from_columns(columns, name=name or None)
    with tables.quiet():
        table.header.update(header or {})
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    return path


def column(name: str, form: str, values: Any, **options: Any) -> Any:
    return fits.Column(name, form, array=np.asarray(values), **options)


@pytest.mark.parametrize(("form", "dtype"), [("B", "u1"), ("I", "i2"), ("J", "i4"), ("K", "i8")])
def test_tnull_is_a_gap_and_a_whole_number_stays_one(tmp_path: Path, form: str, dtype: str) -> None:
    limits = np.iinfo(dtype)
    path = write(
        tmp_path / "t", [column("n", form, np.array([limits.max, limits.min, 5], dtype), null=int(limits.min))]
    )
    read = tables.read(path).columns["n"]
    assert tables.plain(read) == [limits.max, None, 5]
    assert read.dtype.newbyteorder("=") == np.dtype(dtype)


def test_tnull_is_the_stored_number_of_scaled_and_unsigned_columns(tmp_path: Path) -> None:
    stored = [column("s", "I", np.array([0, -99, 3], "i2")), column("u", "I", np.array([-32768, -99, 1], "i2"))]
    words = {"TNULL1": -99, "TSCAL1": 0.5, "TZERO1": 10.0, "TNULL2": -99, "TZERO2": 32768, "TSCAL2": 1}
    read = tables.read(write(tmp_path / "t", stored, words)).columns
    assert tables.plain(read["s"]) == [10.0, None, 11.5]
    assert tables.plain(read["u"]) == [0, None, 32769]


def test_an_offset_keeps_whole_numbers_of_64_bits_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [column("id", "K", [2**62 + 1, 2**62 + 3])], {"TZERO1": 1, "TSCAL1": 1})
    assert tables.plain(tables.read(path).columns["id"]) == [2**62 + 2, 2**62 + 4]


def test_a_logical_that_is_neither_true_nor_false_has_no_value(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [column("f", "L", [True, False, True])])
    with fits.open(path) as hdus:
        start = hdus[1].fileinfo()["datLoc"]
    content = bytearray(path.read_bytes())
    content[start + 2] = 0
    path.write_bytes(content)
    assert tables.plain(tables.read(path).columns["f"]) == [True, False, None]


def test_tdim_gives_arrays_their_shape_and_texts_their_length(tmp_path: Path) -> None:
    columns = [
        column("t", "6A", np.array([b"ab cde", b"f     "])),
        column("m", "6J", np.arange(12).reshape(2, 6)),
        column("odd", "4J", np.arange(8).reshape(2, 4)),
    ]
    path = write(tmp_path / "t", columns, {"TDIM1": "(3,2)", "TDIM2": "(3,2)", "TDIM3": "(7,2)"})
    read = tables.read(path).columns
    assert tables.plain(read["t"]) == [["ab", "cde"], ["f", ""]]
    assert read["m"].tolist() == np.arange(12).reshape(2, 2, 3).tolist()
    assert read["odd"].shape == (2, 4), "a TDIM that does not fit is not followed"


def test_bits_and_complex_numbers_are_read(tmp_path: Path, out: Output, store: PixelStore) -> None:
    bits = np.array([[True, False, True], [False, False, True]])
    columns = [column("x", "3X", bits), column("c", "C", np.array([1 + 2j, 3.0], "c8")), column("m", "M", [1j, 2j])]
    path = write(tmp_path / "t", columns)
    read = tables.read(path).columns
    assert read["x"].tolist() == bits.tolist()
    assert (read["c"].tolist(), read["m"].tolist()) == ([1 + 2j, 3.0], [1j, 2j])
    catalog = read_all(path, out, most=1).catalog
    assert catalog is not None
    assert mtv.Catalog.from_wire(catalog, (), store.directory)["m"].tolist() == [1j, 2j]


def test_arrays_of_several_axes_of_fitsio_have_their_shape(tmp_path: Path) -> None:
    fitsio = pytest.importorskip("fitsio")
    kind = [("m", "i4", (2, 3)), ("t", "S3", 2), ("u", "u8"), ("b", "?"), ("s", "i1")]
    rows = np.zeros(2, kind)
    rows["m"], rows["t"] = np.arange(12).reshape(2, 2, 3), [[b"a", b"bb"], [b"ccc", b""]]
    rows["u"], rows["b"], rows["s"] = [2**64 - 1, 1], [True, False], [-128, 127]
    fitsio.write(str(tmp_path / "t.fits"), rows)
    read = tables.read(tmp_path / "t.fits").columns
    assert read["m"].tolist() == rows["m"].tolist()
    assert read["t"].tolist() == [["a", "bb"], ["ccc", ""]]
    assert (read["u"].tolist(), read["b"].tolist(), read["s"].tolist()) == ([2**64 - 1, 1], [True, False], [-128, 127])


def test_a_zero_byte_ends_a_text(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [column("t", "6A", np.array([b"ab\0xyz", b"  cd  "]))])
    assert tables.plain(tables.read(path).columns["t"]) == ["ab", "  cd"]


def test_columns_of_variable_length_are_read_where_they_have_one_length_and_named_where_not(
    tmp_path: Path, out: Output
) -> None:
    def objects(*rows: Sequence[Any]) -> Any:
        return np.array([np.asarray(row) for row in rows] + [None], dtype=object)[:-1]

    columns = [
        fits.Column("one", "PE", array=objects([1.5, 2.5], [3.5, 4.5])),
        fits.Column("two", "PJ", array=objects([1], [2, 3])),
        fits.Column("text", "PA", array=np.array(["ab", "cdefg"], dtype=object)),
        column("x", "D", [1.0, 2.0]),
    ]
    path = write(tmp_path / "t", columns)
    read = tables.read(path)
    assert read.columns["one"].tolist() == [[1.5, 2.5], [3.5, 4.5]]
    assert tables.plain(read.columns["text"]) == ["ab", "cdefg"]
    assert read.left_out == ["two"]
    catalog = read_all(path, out, most=1).catalog
    assert catalog is not None
    assert catalog.metadata["left_out"] == ["two"]


def test_two_columns_of_one_name_are_two(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [column("x", "J", [1]), column("y", "J", [2])])
    path.write_bytes(path.read_bytes().replace(b"'y ", b"'x "))
    read = tables.read(path).columns
    assert {name: tables.plain(values) for name, values in read.items()} == {"x": [1], "x_2": [2]}


def test_the_form_of_ascii_tables_in_a_binary_one_is_understood(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [column("t", "3A", np.array([b"abc", b"d"]))], {"TFORM1": "A3"})
    assert tables.plain(tables.read(path).columns["t"]) == ["abc", "d"]


# Tables that fpack has compressed


def riced(values: bytes, dtype: str) -> bytes:
    """Return integers as RICE_1 has them, in blocks of 32: the one tile of a compressed image."""
    pixels = np.frombuffer(values, dtype).reshape(1, -1)
    image = fits.CompImageHDU(pixels.astype(dtype[1:]), compression_type="RICE_1", tile_shape=pixels.shape)
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(content)
    content.seek(0)
    with fits.open(content, disable_image_compression=True) as hdus:
        return bytes(hdus[1].data["COMPRESSED_DATA"][0].astype("u1").tobytes())


def packed(tile: bytes, form: str, codec: str) -> bytes:
    if codec == "RICE_1":
        return riced(tile, {"B": "|u1", "I": ">i2", "J": ">i4"}[form[-1]])
    width = {"I": 2, "J": 4, "E": 4, "K": 8, "D": 8}.get(form[-1], 1) if codec == "GZIP_2" else 1
    return gzip.compress(np.frombuffer(tile, "u1").reshape(-1, width).T.tobytes())


def fpacked(path: Path, raw: dict[str, tuple[str, str, bytes]], rows: int, tile_rows: int) -> Path:
    """Write a compressed table: of each column its form, its codec and its big-endian bytes."""
    numbers = range(0, rows, tile_rows)
    cells = []
    for name, (form, codec, content) in raw.items():
        size = len(content) // rows
        tiles = [packed(content[start * size : (start + tile_rows) * size], form, codec) for start in numbers]
        array = np.array([np.frombuffer(one, "u1") for one in tiles] + [None], dtype=object)[:-1]
        cells.append(fits.Column(name, "1QB", array=array))
    header: dict[str, Any] = {"ZTABLE": True, "ZTILELEN": tile_rows, "ZNAXIS2": rows, "ZPCOUNT": 0}
    for number, (form, codec, content) in enumerate(raw.values(), 1):
        header |= {f"ZFORM{number}": form, f"ZCTYP{number}": codec}
        header["ZNAXIS1"] = header.get("ZNAXIS1", 0) + len(content) // rows
    return write(path, cells, header | {"TUNIT1": "deg", "TNULL2": 7})


def test_a_compressed_table_is_read_tile_by_tile(tmp_path: Path) -> None:
    rows = 50
    x, n = np.arange(rows) * 0.5, np.arange(rows)
    raw = {
        "x": ("D", "GZIP_2", x.astype(">f8").tobytes()),
        "n": ("J", "GZIP_1", n.astype(">i4").tobytes()),
        "t": ("3A", "GZIP_1", b"".join(f"{number:<3}".encode() for number in n)),
        "v": ("2I", "GZIP_2", np.stack([n, -n], 1).astype(">i2").tobytes()),
        "c": ("M", "GZIP_2", (x + 1j).astype(">c16").tobytes()),
        "b": ("B", "RICE_1", (n * 5 % 256).astype("u1").tobytes()),
        "i": ("2I", "RICE_1", np.stack([n * 600, -n], 1).astype(">i2").tobytes()),
        "j": ("J", "RICE_1", (n * 10**7 - 5).astype(">i4").tobytes()),
    }
    read = tables.read(fpacked(tmp_path / "t.fz", raw, rows, 16))
    assert read.columns["x"].tolist() == x.tolist()
    assert tables.plain(read.columns["n"]) == [None if number == 7 else number for number in n.tolist()]
    assert tables.plain(read.columns["t"]) == [str(number) for number in n]
    assert read.columns["v"].tolist() == np.stack([n, -n], 1).tolist()
    assert read.columns["c"].tolist() == (x + 1j).tolist(), "CFITSIO shuffles no complex numbers, whatever it says"
    assert read.columns["b"].tolist() == (n * 5 % 256).tolist()
    assert read.columns["i"].tolist() == np.stack([n * 600, -n], 1).tolist()
    assert read.columns["j"].tolist() == (n * 10**7 - 5).tolist()
    assert read.table.fields["x"].unit == "deg"
    assert not [key for key in read.table.metadata if key.startswith("Z")]


def test_a_damaged_or_foreign_tile_is_refused_by_its_name(tmp_path: Path) -> None:
    raw = {"x": ("D", "GZIP_1", bytes(80)), "y": ("D", "GZIP_1", bytes(80))}
    path = fpacked(tmp_path / "t.fz", raw, 10, 10)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"'GZIP_1  '", b"'BZIP_9  '", 1))
    with pytest.raises(RequestError, match="compressed with BZIP_9 are not read") as caught:
        tables.read(path)
    assert caught.value.code == "unsupported"
    path.write_bytes(content.replace(b"\x1f\x8b\x08", b"\x1f\x8b\x07"))
    with pytest.raises(RequestError, match="compressed table is damaged"):
        tables.read(path)


@pytest.mark.skipif(shutil.which("fpack") is None, reason="fpack is not installed here")
def test_what_fpack_itself_has_compressed_is_read(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    rows = 700
    columns = [
        column(name, form, generator.integers(limits.min, limits.max, rows).astype(dtype))
        for name, form, dtype in (("b", "B", "u1"), ("i", "I", "i2"), ("j", "J", "i4"), ("k", "K", "i8"))
        if (limits := np.iinfo(dtype))
    ]
    columns += [
        column("slow", "J", np.arange(rows)),
        column("e", "E", generator.normal(size=rows)),
        column("d", "3D", generator.normal(size=(rows, 3))),
        column("f", "L", generator.integers(0, 2, rows).astype(bool)),
        column("t", "8A", np.array([f"name{row}" for row in range(rows)])),
        column("c", "C", generator.normal(size=rows)),
    ]
    path = write(tmp_path / "t.fits", columns, {"TNULL5": 5, "FZTILELN": 300})
    subprocess.run(["fpack", "-table", "-O", tmp_path / "t.fz", path], check=True, capture_output=True)
    plain, packed = tables.read(path), tables.read(tmp_path / "t.fz")
    for name, values in plain.columns.items():
        assert tables.plain(packed.columns[name]) == tables.plain(values), name
    assert tables.plain(packed.columns["slow"])[5] is None


# ASCII tables


def test_an_ascii_table_is_read_with_its_gaps_exponents_and_scales(tmp_path: Path) -> None:
    row = "{:>6}{:>12}{:<4}{:>8}{:>5}"
    lines = [
        row.format("12", "1.5D+02", "ab", "314", "1"),
        row.format("-99", "", "c d", "2.5", "2"),
        row.format("", "1.25+10", "", "-99", "3"),
    ]
    table = fits.TableHDU.from_columns([fits.Column("n", "I6", array=np.array([1, 2, 3]), ascii=True)])
    header = table.header
    header.update({"NAXIS1": 35, "TFIELDS": 5})
    forms = (("n", "I6", 1), ("x", "D12.3", 7), ("t", "A4", 19), ("f", "F8.2", 23), ("s", "I5", 31))
    for number, (name, form, start) in enumerate(forms, 1):
        header.update({f"TTYPE{number}": name, f"TFORM{number}": form, f"TBCOL{number}": start})
    header.update({"TNULL1": "-99", "TNULL4": "-99", "TSCAL5": 0.5, "TZERO5": 1.0, "TUNIT2": "deg"})
    content = "".join(lines).encode()
    path = tmp_path / "ascii.fits"
    primary = fits.PrimaryHDU().header.tostring().encode()
    path.write_bytes(primary + header.tostring().encode() + content.ljust(2880))
    for packed in (path.read_bytes(), gzip.compress(path.read_bytes())):
        path.write_bytes(packed)
        read = tables.read(path)
        assert tables.plain(read.columns["n"]) == [12, None, None]
        assert tables.plain(read.columns["x"]) == [150.0, None, 1.25e10]
        assert tables.plain(read.columns["t"]) == ["ab", "c d", ""]
        assert tables.plain(read.columns["f"]) == [3.14, 2.5, None], "FORTRAN: without a point two digits are behind it"
        assert tables.plain(read.columns["s"]) == [1.5, 2.0, 2.5]
        assert read.table.fields["x"].unit == "deg"


# Which HDU


def ldac(path: Path) -> Path:
    head = fits.BinTableHDU.from_columns([column("Field Header Card", "80A", np.array([b"x"]))], name="LDAC_IMHEAD")
    objects = [column("X_IMAGE", "E", [11.0]), column("Y_IMAGE", "E", [12.0])]
    objects += [column("ALPHA_J2000", "D", [150.0], unit="deg"), column("DELTA_J2000", "D", [2.0], unit="deg")]
    rows = fits.BinTableHDU.from_columns(objects, name="LDAC_OBJECTS")
    more = fits.BinTableHDU.from_columns([column("flux", "E", [1.0])], name="MORE")
    fits.HDUList([fits.PrimaryHDU(), head, rows, more]).writeto(path)
    return path


def test_the_objects_of_an_ldac_file_are_found_behind_its_header(tmp_path: Path) -> None:
    table = Schemas().open(ldac(tmp_path / "l.cat"))
    assert list(table.fields) == ["X_IMAGE", "Y_IMAGE", "ALPHA_J2000", "DELTA_J2000"]
    found = find_positions(table, Wanted(x="X_IMAGE", y="Y_IMAGE"), most_markers=9)
    assert (found.x.tolist(), found.y.tolist()) == ([11.0], [12.0])
    sky = find_positions(table, Wanted(system="sky"), most_markers=9)
    assert (sky.x.tolist(), sky.y.tolist()) == ([150.0], [2.0])
    assert list(Schemas().open(tmp_path / "l.cat", 1).fields) == ["Field Header Card"]


def test_a_column_of_a_later_table_is_named_with_its_hdu(tmp_path: Path) -> None:
    schemas = Schemas()
    with pytest.raises(RequestError) as caught:
        find_positions(schemas.open(ldac(tmp_path / "l.cat")), Wanted(), most_markers=9)
    assert "it has sky positions" in caught.value.error.message
    assert "there are X_IMAGE, Y_IMAGE" in caught.value.error.hint
    assert "hdu=3 (MORE)" in caught.value.error.hint
    with pytest.raises(RequestError) as caught:
        find_positions(schemas.open(tmp_path / "l.cat"), Wanted(x="flux", y="flux"), most_markers=9)
    assert (caught.value.error.where, caught.value.error.hint) == ("x", "that column is in hdu=3 (MORE)")
    with pytest.raises(RequestError) as caught:
        schemas.open(tmp_path / "l.cat", 0)
    assert caught.value.error.where == "hdu"
    assert "hdu=2 (LDAC_OBJECTS)" in caught.value.error.hint


def test_an_hdu_is_named_too(tmp_path: Path, out: Output, store: PixelStore) -> None:
    for hdu in (3, "MORE", "more"):
        catalog = read_all(ldac(tmp_path / f"{hdu}.cat"), out, most=1, hdu=hdu).catalog
        assert catalog is not None
        assert [one.name for one in catalog.columns] == ["flux"]


# Packed files


def test_a_zip_file_of_several_and_one_of_compress_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # no package here reads the latter
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.fits", b"SIMPLE")
        archive.writestr("b.fits", b"SIMPLE")
    for content, words in (((tmp_path / "two.zip").read_bytes(), "holds 2 files"), (b"\x1f\x9d\x90" + bytes(9), ".Z")):
        (tmp_path / "packed").write_bytes(content)
        with pytest.raises(RequestError) as caught:
            tables.read(tmp_path / "packed")
        assert caught.value.code in {"unsupported", "unreadable_file"}
        assert words in caught.value.error.message


@pytest.mark.parametrize("how", ["votable", "ascii.ecsv", "parquet"])
def test_other_formats_are_read_from_packed_files_too(tmp_path: Path, how: str) -> None:
    from astropy.table import Table

    table = Table({"x": [1.0, 2.0], "n": [3, 4]})
    table.write(tmp_path / "plain", format=how)
    (tmp_path / "packed").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    read = tables.read(tmp_path / "packed").columns
    assert (read["x"].tolist(), read["n"].tolist()) == ([1.0, 2.0], [3, 4])


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    empty = np.empty(0)
    columns = [column("x", "D", empty), column("t", "5A", np.array([], "S5")), column("v", "3E", np.empty((0, 3)))]
    read = tables.read(write(tmp_path / "t", [*columns, column("p", "PE", np.array([], object))]))
    assert {name: values.shape for name, values in read.columns.items()} == {"x": (0,), "t": (0,), "v": (0, 3)}
    assert read.left_out == ["p"]


def test_what_would_be_too_large_unpacked_is_refused_before_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [column("x", "D", [1.0])])
    content = path.read_bytes().replace(b"NAXIS2  =                    1", b"NAXIS2  =            999999999")
    path.write_bytes(gzip.compress(content))
    with pytest.raises(RequestError, match="too large to be decompressed") as caught:
        tables.read(path)
    assert caught.value.code == "unsupported"
