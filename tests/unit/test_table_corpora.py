"""Every table of astropy's own test data, and of the shared data: equal to astropy's reading, named, or refused.

The files are those of the installed astropy; none is copied here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from tests.support import tables

from mtv.wire.errors import RequestError

astropy = pytest.importorskip("astropy")
IO: Final = Path(astropy.__file__).parent / "io"
FITS: Final = sorted(path for path in (IO / "fits/tests/data").rglob("*.fits"))
VOTABLES: Final = sorted([*(IO / "votable/tests/data").glob("*.xml"), *(IO / "votable/tests/data").glob("*.xml.gz")])
TEXTS: Final = sorted(path for path in (IO / "ascii/tests/data").rglob("*") if path.is_file())

NOT_READ: Final = {
    # What astropy 8.0.2 itself does not read, or only with another package, and the words that we have for it.
    "custom_datatype.xml": "damaged",
    "timesys_errors.xml": "damaged",
    "too_many_columns.xml.gz": "damaged",
    "irsa-nph-error.xml": "has no table",
    "no_resource.xml": "has no table",
    "resource_groups.xml": "has no table",
    "mivot_block_custom_datatype.xml": "no format that is read",
    "parquet_binary.xml": "parquet file beside it",
}
DIFFERENT: Final = {
    # astropy 8.0.2 makes False of a logical that is neither T nor F; FITS says that it has no value.
    ("logical_null.fits", "flag"),
}
READ_AS: Final = dict.fromkeys(("sextractor.dat", "sextractor2.dat", "sextractor3.dat"), "ascii.sextractor") | {
    "vots_spec.dat": "ascii.no_header"
}
QUOTES: Final[dict[str, Any]] = {"vots_spec.dat": {"quotechar": "'", "guess": False}}


def table_hdus(path: Path) -> list[int]:
    from astropy.io import fits

    with tables.quiet(), fits.open(path) as hdus:
        kinds = [(index, type(hdu).__name__) for index, hdu in enumerate(hdus)]
    return [index for index, kind in kinds if kind in {"BinTableHDU", "TableHDU"}]


def compare(path: Path, read: tables.Read, theirs: Any) -> int:
    """Hold all columns against astropy's; return how many are equal."""
    assert read.table.rows == len(theirs), path.name
    equal = 0
    for name in theirs.colnames:
        if name in read.columns and (path.name, name) not in DIFFERENT:
            assert tables.same(read.columns[name], theirs[name]), (path.name, name)
            unit = theirs[name].unit
            assert read.table.fields[name].unit == (str(unit) if unit is not None else "") or path.suffix == ".fits"
            equal += 1
    unread = set(theirs.colnames) - set(read.columns)
    assert unread <= set(read.left_out) | {"flags"}, path.name  # the flags of lsst.afw are columns of their own
    return equal


def test_the_corpora_are_there() -> None:
    assert len(FITS) > 25
    assert len(VOTABLES) > 20


@pytest.mark.parametrize("path", FITS, ids=lambda path: path.name)
def test_every_fits_table_of_astropy_is_read_as_astropy_reads_it(path: Path) -> None:
    from astropy.table import Table

    try:
        numbers = table_hdus(path)
    except OSError:
        pytest.skip("astropy itself does not open it")
    for number in numbers:
        read = tables.read(path, number)
        if path.name == "ascii.fits":  # ``Table.read`` fails there; the values are those of ``hdu.data``
            assert tables.plain(read.columns["a"])[:2] == [10.123, 5.2]
            continue
        with tables.quiet():
            compare(path, read, Table.read(path, hdu=number, character_as_bytes=False, mask_invalid=False))


@pytest.mark.parametrize("path", VOTABLES, ids=lambda path: path.name)
def test_every_votable_of_astropy_is_read_as_astropy_reads_it_or_refused_in_words(path: Path) -> None:
    if path.name in NOT_READ:
        with pytest.raises(RequestError, match=NOT_READ[path.name]) as caught:
            tables.read(path)
        assert caught.value.code in {"unreadable_file", "unsupported"}
        return
    from astropy.io.votable import parse

    read = tables.read(path)
    with tables.quiet():
        every = list(parse(path, table_number=0).iter_tables())
        compare(path, read, every[0].to_table(use_names_over_ids=True))
    assert len(read.table.metadata.get("other_tables", [])) == len(every) - 1


def test_the_parquet_half_of_a_votable_is_read() -> None:
    import pyarrow.parquet as pq

    path = IO / "votable/tests/data/parquet_binary.xml.parquet"
    read = tables.read(path)
    assert {name: tables.plain(values) for name, values in read.columns.items()} == pq.read_table(path).to_pydict()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_texts_are_read_as_astropy_reads_them_or_refused(path: Path) -> None:
    from astropy.table import Table

    try:
        read = tables.read(path)
    except RequestError as refused:
        assert refused.code in {"unreadable_file", "unsupported"}  # noqa: PT017 - most are refused
        assert path.suffix != ".ecsv"
        return
    with tables.quiet():
        if path.suffix == ".ecsv":
            assert compare(path, read, Table.read(path, format="ascii.ecsv")) > 10
            return
        theirs = Table.read(path, format=READ_AS.get(path.name, "ascii"), **QUOTES.get(path.name, {}))
    assert len(read.columns) == len(theirs.columns)
    for mine, name in zip(read.columns.values(), theirs.colnames, strict=True):
        if mine.dtype.kind in "iuf":
            gap = np.nan if mine.dtype.kind == "f" else 0
            np.testing.assert_array_equal(np.ma.filled(mine, gap), np.ma.filled(theirs[name], gap), err_msg=name)
        elif path.name != "fill_values.txt":  # in which "a" is a value
            assert np.ma.filled(mine, "").tolist() == np.ma.filled(theirs[name].astype("U"), "").tolist()


def test_every_table_of_the_shared_data_is_read_as_astropy_reads_it(shared_data: Path) -> None:
    from astropy.table import Table

    equal = 0
    for path in sorted(shared_data.glob("*.fits")):
        for number in table_hdus(path):
            read = tables.read(path, number)
            with tables.quiet():
                theirs = Table.read(path, hdu=number, character_as_bytes=False, mask_invalid=False)
            equal += compare(path, read, theirs)
    assert equal > 150
