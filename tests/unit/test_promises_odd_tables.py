"""What the pages promise of FITS tables that are odd: by a card, behind their rows, in their heap, in a packed file."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.readers import column
from tests.support.refusals import refused

from mtv.wire.data import Catalog
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all
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
