"""Whatever is wrong with a file of a table, only documented errors are raised."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import repo_sample as sample

from mtv.shared.tables.positions import Wanted, find_positions
from mtv.wire.errors import RequestError
from mtvd.repo.readers.opening import Schemas

DOCUMENTED = {"unreadable_file", "unsupported", "bad_value", "too_large"}
CHANGES = st.lists(
    st.tuples(st.integers(0, 20_000), st.sampled_from([b"\x00", b"9", b"-", b" ", b"P", b"'", b"<", b"\xff", b"X"])),
    max_size=6,
)
WORDS = st.sampled_from(
    ["TFIELDS", "NAXIS1", "NAXIS2", "FLAGCOL", "TFORM1", "TFORM2", "TFORM4", "TTYPE3", "TFLAG3", "TZERO2", "PCOUNT"]
)
VALUES = st.sampled_from([-1, 0, 1, 7, 10**9, 2**62, 2**63, "", "X", "1D", "99999999999D", "1Q", "0A", 1.5, True, None])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    from astropy.table import Table

    directory = tmp_path_factory.mktemp("tables")
    table = Table({"x": [1.0, 2.0], "y": [1, 2], "name": ["a", "b"], "good": [True, False]})
    sample.write_catalog(directory / "fits")
    table.write(directory / "votable", format="votable")
    table.write(directory / "ecsv", format="ascii.ecsv")
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(
        pa.table({name: table[name].tolist() for name in table.colnames}), directory / "parquet"
    )
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place") / "table"


def refusal(path: Path) -> str | None:
    """Read positions, and every column; return the code of the documented error."""
    try:
        table = Schemas().open(path)
        table.read(list(table.fields))
        find_positions(table, Wanted(select="1 > 0"), most_markers=1000)
    except RequestError as error:
        return error.code if str(path) not in str(error) else "the path is shown"
    return None


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=80)
@given(st.sampled_from(["fits", "votable", "ecsv", "parquet"]), CHANGES, st.floats(0, 1))
def test_changed_and_cut_files_raise_only_documented_errors(
    tables: dict[str, bytes], place: Path, kind: str, changes: list[tuple[int, bytes]], kept: float
) -> None:
    data = bytearray(tables[kind])
    for at, byte in changes:
        data[at % len(data)] = byte[0]
    place.write_bytes(data if changes else data[: int(len(data) * kept)])
    assert refusal(place) in {None, *DOCUMENTED}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=80)
@given(st.dictionaries(WORDS, VALUES, min_size=1, max_size=3))
def test_odd_headers_raise_only_documented_errors(tables: dict[str, bytes], place: Path, words: dict[str, Any]) -> None:
    from astropy.io import fits

    place.write_bytes(tables["fits"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = fits.getheader(place, 1)
        start = 2880  # behind the empty primary HDU
        blocks = -(-len(header.tostring()) // 2880) * 2880
        header.update(words)
        text = header.tostring(sep="", endcard=True, padding=True).encode("ascii")
    data = tables["fits"]
    place.write_bytes(data[:start] + text + data[start + blocks :])
    assert refusal(place) in {None, *DOCUMENTED}


def test_the_files_are_sound_before_they_are_changed(tables: dict[str, bytes], place: Path) -> None:
    for kind, data in tables.items():
        place.write_bytes(data)
        assert refusal(place) is None, kind
