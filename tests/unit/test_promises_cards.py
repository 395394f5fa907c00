"""Promises about cards and names of tables: the page on formats, sentence by sentence."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import tables
from tests.support.promises import fits, said, sample_of

from mtv.shared.tables.positions import Wanted
from mtvd.repo.readers.choose import read_positions
from mtvd.repo.readers.output import Output

TABLE = fits.BinTableHDU.from_columns(
    [fits.Column("n", "J", array=np.array([1, 2])), fits.Column("x", "D", array=np.array([1.5, 2.5]))]
)
ASCII = fits.TableHDU.from_columns(
    [fits.Column("n", "I4", array=np.array([1, 2])), fits.Column("x", "E8.2", array=np.array([1.5, 2.5]))]
)
ODD_CARDS = (
    *(f"{word:8}= -NAN" for word in ("BACKMAG", "TNULL1", "TZERO1", "TDIM1", "TUNIT1", "TDOC1", "TCCLS1", "EXTNAME")),
    *("THEAP   = -NAN", "FLAGCOL = -NAN", "ZTABLE  = -NAN", "EXTTYPE = -NAN"),
    *(
        "TSCAL1  = 'one'",
        "TZERO2  =",
        "TSCAL2  = NaN",
        "TUNIT1  =   \xff\0",
        "CONTINUE  'abc'",
        "lower   = 1",
        "======",
    ),
)


@pytest.mark.parametrize("card", ODD_CARDS)
@pytest.mark.parametrize("table", [TABLE, ASCII], ids=["binary", "ASCII"])
def test_one_card_of_a_table_that_makes_no_sense_costs_itself_alone(tmp_path: Path, table: Any, card: str) -> None:
    head = (table.header.tostring(endcard=False, padding=False) + card.ljust(80) + "END".ljust(80)).encode("latin-1")
    made = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(made)
    start = len(fits.PrimaryHDU().header.tostring())
    rows = made.getvalue()[start + len(table.header.tostring()) :]
    content = made.getvalue()[:start] + head + b" " * (-len(head) % 2880) + rows
    for name, written_as in (("odd.fits", content), ("odd.fits.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(written_as)
        read = tables.read(tmp_path / name).columns
        assert {key: tables.plain(values) for key, values in read.items()} == {"n": [1, 2], "x": [1.5, 2.5]}


@pytest.mark.parametrize(("word", "value", "wanted"), [("TZERO1", 100, [101, 102]), ("TNULL1", 2, [1, None])])
def test_a_continue_that_continues_nothing_leaves_the_card_before_it_alone(
    tmp_path: Path, word: str, value: int, wanted: list[Any]
) -> None:
    table = TABLE.copy()
    table.header[word] = value
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "t")
    content = (tmp_path / "t").read_bytes()
    at = content.index(f"{word}  =".encode()) + 80
    end = content.index(b"END" + b" " * 77, at)
    (tmp_path / "t").write_bytes(
        content[:at] + b"CONTINUE  'abc'".ljust(80) + content[at : end + 80] + content[end + 160 :]
    )
    found = tables.plain(tables.read(tmp_path / "t").columns["n"])
    assert found == wanted


@pytest.mark.parametrize("name", ["x[1].fits", "x.fits[1][col x]", "$HOME", "a b'", "a%20b.parq", "a\nb", "s3:x", "-"])
@pytest.mark.parametrize("kind", ["Defects", "DataFrame", "AstropyTable", "SourceCatalog"])
def test_a_table_may_have_any_name(tmp_path: Path, out: Output, name: str, kind: str) -> None:
    sample_of(tmp_path / "plain", kind).rename(tmp_path / name)
    assert said(read_positions, tmp_path / name, out, wanted=Wanted(), most_markers=99) == ("", "")
