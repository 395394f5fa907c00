"""What the pages promise of FITS tables that are odd: by a card, behind their rows, in their heap, in a packed file."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtv.wire.data import Catalog
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
    column = fits.Column("x", "D" if kind == "BinTableHDU" else "E12.5", array=np.array([1.0, 2.0]))
    (tmp_path / "t").write_bytes(content_of(column, cards=(*odd, *others), kind=kind))
    found = catalog_of(tmp_path / "t", out).metadata
    assert {key: found[key] for key in ("BACKMAG", "HUGE", "CPLX", "NONE", "INF", "PLAIN")} == {
        "BACKMAG": "-NAN",
        "HUGE": "123456789012345678901234567890",
        "CPLX": "(1+2j)",
        "NONE": None,
        "INF": math.inf,
        "PLAIN": 5,
    }
