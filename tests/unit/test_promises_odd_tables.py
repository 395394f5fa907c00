"""What the pages promise of FITS tables that are odd: by a card, behind their rows, in their heap, in a packed file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.readers import column
from tests.support.refusals import refused

from mtv.shared.tables.positions import Wanted
from mtv.wire.data import Catalog
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_positions
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9


def catalog_of(path: Path, out: Output, **options: Any) -> Catalog:
    found = read_all(path, out, most=MOST, **options).catalog
    assert found is not None
    return found


def content_of(*columns: Any, cards: tuple[str, ...] = (), kind: str = "BinTableHDU") -> bytes:
    """Return a file of one table, and any cards in its header, to the letter."""
    table = getattr(fits, kind).from_columns(columns)
    for number in range(len(cards)):
        table.header[f"ODD{number}"] = "to be replaced"
    made = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(made)
    content = made.getvalue()
    for number, card in enumerate(cards):
        start = content.index(b"ODD%-5d=" % number)
        content = content[:start] + card.encode("latin-1").ljust(80) + content[start + 80 :]
    return content


@pytest.mark.parametrize("kind", ["BinTableHDU", "TableHDU"])
def test_the_metadata_of_a_table_say_the_value_of_a_card_that_cannot_be_parsed_as_it_stands(
    tmp_path: Path, out: Output, kind: str
) -> None:
    odd = ("BACKMAG =                 -NAN", "HUGE    = 123456789012345678901234567890", "CPLX    = (1.0, 2.0)")
    others = ("NONE    =", "INF     = 1E400", "PLAIN   =                    5")
    fractions = fits.Column("x", "D" if kind == "BinTableHDU" else "E12.5", array=np.array([1.0, 2.0]))
    (tmp_path / "t").write_bytes(content_of(fractions, cards=(*odd, *others), kind=kind))
    found = catalog_of(tmp_path / "t", out).metadata
    assert {key: found[key] for key in ("BACKMAG", "HUGE", "CPLX", "NONE", "INF", "PLAIN")} == {
        "BACKMAG": "-NAN",
        "HUGE": "123456789012345678901234567890",
        "CPLX": "(1+2j)",
        "NONE": None,
        "INF": math.inf,
        "PLAIN": 5,
    }


def numbers(kind: str = "rows") -> Any:
    return fits.Column("n", "I8" if kind == "text" else "J", array=np.arange(5))


def ragged(form: str, rows: list[list[int]]) -> Any:
    items = np.empty(len(rows), object)
    items[:] = [np.array(row, "i4") for row in rows]
    return fits.Column("v", form, array=items)


@pytest.mark.parametrize("tail", [b"junk", b"junk" * 2000, bytes(5000), b"XTENSION" * 400])
@pytest.mark.parametrize("kind", ["rows", "a heap", "text"])
def test_bytes_behind_the_last_table_do_not_count(
    tmp_path: Path, out: Output, store: PixelStore, kind: str, tail: bytes
) -> None:
    columns = [numbers(kind), *([ragged("PJ()", [[1, 2]] * 5)] if kind == "a heap" else [])]
    (tmp_path / "t").write_bytes(content_of(*columns, kind="TableHDU" if kind == "text" else "BinTableHDU") + tail)
    found = catalog_of(tmp_path / "t", out)
    assert column(store.directory, found, "n").tolist() == [0, 1, 2, 3, 4]
    if kind == "a heap":
        assert column(store.directory, found, "v").tolist() == [[1, 2]] * 5


@pytest.mark.parametrize("kind", ["rows", "a heap", "text"])
def test_a_file_that_ends_with_the_last_byte_of_its_table_is_whole_and_one_byte_earlier_it_is_truncated(
    tmp_path: Path, out: Output, store: PixelStore, kind: str
) -> None:
    columns = [numbers(kind), *([ragged("PJ()", [[1, 2]] * 5)] if kind == "a heap" else [])]
    content = content_of(*columns, kind="TableHDU" if kind == "text" else "BinTableHDU")
    with fits.open(io.BytesIO(content)) as hdus:
        header = hdus[1].header
        end = hdus[1].fileinfo()["datLoc"] + header["NAXIS1"] * header["NAXIS2"] + header["PCOUNT"]
    assert end < len(content)
    (tmp_path / "t").write_bytes(content[:end])
    assert column(store.directory, catalog_of(tmp_path / "t", out), "n").tolist() == [0, 1, 2, 3, 4]
    (tmp_path / "t").write_bytes(content[: end - 1])
    error = refused(read_all, tmp_path / "t", out, most=MOST)
    assert (error.code, "truncated" in str(error)) == ("unreadable_file", True)


@pytest.mark.parametrize("form", ["P", "Q"])
def test_a_column_of_variable_length_is_read_by_descriptors_of_32_and_of_64_bits(
    tmp_path: Path, out: Output, store: PixelStore, form: str
) -> None:
    texts = np.empty(3, object)
    texts[:] = ["a", "bcd", ""]
    content = content_of(
        fits.Column("n", "J", array=np.arange(3)),
        ragged(f"{form}J()", [[1, 2], [3, 4], [5, -6]]),
        fits.Column("t", f"{form}A()", array=texts),
        fits.Column("left", f"{form}J()", array=ragged("PJ()", [[1], [2, 3], [4]]).array),
    )
    assert [f"'{form}{items}(".encode() in content for items in "JA"] == [True, True]
    (tmp_path / "t").write_bytes(content)
    found = catalog_of(tmp_path / "t", out)
    assert column(store.directory, found, "v").tolist() == [[1, 2], [3, 4], [5, -6]]
    assert column(store.directory, found, "t").tolist() == ["a", "bcd", ""]
    assert column(store.directory, found, "n").tolist() == [0, 1, 2]
    assert found.metadata["left_out"] == ["left"]


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.fits", content)
    return packed.getvalue()


def checksum_of_xz(packed: bytes) -> int:
    # The check of the one block stands before the index, whose size stands in the last 12 bytes.
    index_bytes = (int.from_bytes(packed[-8:-4], "little") + 1) * 4
    return len(packed) - 12 - index_bytes - 8


PACKED: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], int]]] = {
    "gz": (gzip.compress, lambda packed: len(packed) - 8),
    "bz2": (bz2.compress, lambda packed: packed.index(b"1AY&SY") + 6),
    "xz": (lzma.compress, checksum_of_xz),
    "zip": (zipped, lambda packed: packed.index(b"PK\x01\x02") + 16),
}
"""How a file is packed, and where the first byte of its checksum stands."""
READS: dict[str, Callable[[Path, Output], Any]] = {
    "all": lambda path, out: read_all(path, out, most=MOST, hdu=1),
    "a column": lambda path, out: read_all(path, out, most=MOST, hdu=1, columns=("x",)),
    "positions": lambda path, out: read_positions(path, out, wanted=Wanted(), most_markers=1000, hdu=1),
}


@pytest.mark.parametrize("how", READS)
@pytest.mark.parametrize("kind", ["BinTableHDU", "TableHDU"])
@pytest.mark.parametrize("packing", PACKED)
def test_a_packed_table_is_held_to_its_checksum_though_the_file_goes_on_behind_it(
    tmp_path: Path, out: Output, packing: str, kind: str, how: str
) -> None:
    form = "D" if kind == "BinTableHDU" else "E12.5"
    columns = [fits.Column(name, form, array=np.array([1.0, 2.0])) for name in "xy"]
    behind = fits.ImageHDU(np.random.default_rng(1).integers(0, 255, (400, 1000), "u1")).header
    noise = np.random.default_rng(1).bytes(400 * 1000)
    pack, place_of = PACKED[packing]
    packed = bytearray(pack(content_of(*columns, kind=kind) + behind.tostring().encode() + noise.ljust(2880 * 139)))
    (tmp_path / "t").write_bytes(packed)
    READS[how](tmp_path / "t", out)
    packed[place_of(bytes(packed))] ^= 1
    (tmp_path / "t").write_bytes(packed)
    assert refused(READS[how], tmp_path / "t", out).code == "unreadable_file"


@pytest.mark.parametrize("how", READS)
@pytest.mark.parametrize("packing", PACKED)
def test_a_packed_table_is_unreadable_where_what_is_behind_it_cannot_be_unpacked(
    tmp_path: Path, out: Output, packing: str, how: str
) -> None:
    columns = [fits.Column(name, "D", array=np.arange(1000.0)) for name in "xy"]
    pack, _ = PACKED[packing]
    packed = bytearray(pack(content_of(*columns) + content_of(*columns)[2880:] * 20))
    packed[len(packed) * 2 // 3 : len(packed) * 2 // 3 + 40] = b"\xff" * 40
    (tmp_path / "t").write_bytes(packed)
    assert refused(READS[how], tmp_path / "t", out).code == "unreadable_file"


ELSEWHERE: dict[str, tuple[str, Callable[[Path, Output], Any]]] = {
    "a column": ("columns[1]", lambda path, out: read_all(path, out, most=MOST, columns=("x", "flux"))),
    "a selection": ("select", lambda path, out: read_all(path, out, most=MOST, select="flux > 1")),
    "a selection of positions": (
        "select",
        lambda path, out: read_positions(path, out, wanted=Wanted(select="(x > 1) & (flux > 1)"), most_markers=9),
    ),
    "a size": ("size", lambda path, out: read_positions(path, out, wanted=Wanted(size="flux"), most_markers=9)),
}


@pytest.mark.parametrize("how", ELSEWHERE)
def test_a_column_that_only_another_table_has_is_refused_with_its_hdu(tmp_path: Path, out: Output, how: str) -> None:
    columns = [fits.Column(name, "D", array=np.array([1.0])) for name in ("x", "y", "flux")]
    tables = [fits.BinTableHDU.from_columns(columns[:2]), fits.BinTableHDU.from_columns(columns, name="MORE")]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(tmp_path / "t")
    where, read = ELSEWHERE[how]
    error = refused(read, tmp_path / "t", out).error
    assert (error.code, error.where, error.hint) == ("bad_value", where, "that column is in hdu=2 (MORE)")
