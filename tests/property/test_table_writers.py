"""What any writer puts into a table comes out of it: writers x types x gaps x packing, to the last bit of an id."""

from __future__ import annotations

import bz2
import gzip
import importlib
import importlib.util
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import tables

pytest.importorskip("astropy")
pytest.importorskip("pyarrow")

INTEGERS: Final = ("u1", "i2", "i4", "i8", "u2", "u4", "u8")
KINDS: Final = (*INTEGERS, "f4", "f8", "b", "U", "v")
PACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
LETTERS: Final = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=5)


def values_of(kind: str) -> st.SearchStrategy[Any]:
    if kind in INTEGERS:
        limits = np.iinfo(kind)
        return st.integers(int(limits.min), int(limits.max))
    if kind in {"f4", "f8"}:
        return st.floats(allow_nan=False, allow_infinity=False, width=32 if kind == "f4" else 64)
    if kind == "v":
        return st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1)).map(list)
    return st.booleans() if kind == "b" else LETTERS


@st.composite
def columns(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS) -> dict[str, tuple[str, list[Any]]]:
    """Draw columns by name: their kind, and values with None in the gaps."""
    rows = draw(st.integers(1, 5))
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4))
    found = {}
    for number, kind in enumerate(chosen):
        value = st.one_of(values_of(kind), st.none()) if draw(st.booleans()) else values_of(kind)
        found[f"c{number}"] = (kind, draw(st.lists(value, min_size=rows, max_size=rows)))
    return found


def dtype_of(kind: str) -> Any:
    return {"b": np.bool_, "U": "U5", "v": "i4"}.get(kind, kind)


def filled(kind: str, values: list[Any]) -> np.ndarray[Any, Any]:
    nothing: Any = {"b": False, "U": "", "v": [0, 0], "f4": np.nan, "f8": np.nan}.get(kind, 0)
    return np.array([nothing if value is None else value for value in values], dtype_of(kind))


def by_astropy(how: str) -> Callable[[Path, dict[str, tuple[str, list[Any]]]], None]:
    def write(path: Path, drawn: dict[str, tuple[str, list[Any]]]) -> None:
        from astropy.table import MaskedColumn, Table

        made = Table()
        for name, (kind, values) in drawn.items():
            gaps = [value is None for value in values]
            array = filled(kind, values)
            mask = np.repeat(gaps, 2).reshape(-1, 2) if kind == "v" else gaps
            made[name] = MaskedColumn(array, mask=mask) if any(gaps) else array
        with tables.quiet():
            made.write(path, format=how, overwrite=True)

    return write


def by_arrow(path: Path, drawn: dict[str, tuple[str, list[Any]]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"b": pa.bool_(), "U": pa.large_string(), "v": pa.large_list(pa.int32())}
    arrays = {
        name: pa.array(values, kinds.get(kind) or pa.from_numpy_dtype(np.dtype(kind)))
        for name, (kind, values) in drawn.items()
    }
    pq.write_table(pa.table(arrays), path)


def by_pandas(path: Path, drawn: dict[str, tuple[str, list[Any]]]) -> None:
    pd: Any = importlib.import_module("pandas")
    nullable = {"b": "boolean", "U": "string", "f4": "Float32", "f8": "Float64"}
    nullable |= {kind: ("UInt" if kind[0] == "u" else "Int") + str(8 * int(kind[1])) for kind in INTEGERS}
    series = {
        name: pd.Series(values, dtype=nullable[kind]) if kind in nullable else pd.Series(values)
        for name, (kind, values) in drawn.items()
    }
    pd.DataFrame(series).to_parquet(path)


def by_fitsio(path: Path, drawn: dict[str, tuple[str, list[Any]]]) -> None:
    import fitsio

    path.unlink(missing_ok=True)
    names = list(drawn)
    arrays = [filled(*drawn[name]) for name in names]
    arrays = [np.char.encode(array) if array.dtype.kind == "U" else array for array in arrays]
    # Whole numbers that stand for no value, as the header says it; what has no such number has no gaps here.
    header = [
        {"name": f"TNULL{number}", "value": 0}
        for number, name in enumerate(names, 1)
        if drawn[name][0] in {"u1", "i2", "i4", "i8"} and None in drawn[name][1]
    ]
    with fitsio.FITS(str(path), "rw") as file:
        file.write(arrays, names=names, header=header)


WRITERS: Final[dict[str, Callable[[Path, dict[str, tuple[str, list[Any]]]], None]]] = {
    "astropy fits": by_astropy("fits"),
    "astropy parquet": by_astropy("parquet"),
    "astropy ecsv": by_astropy("ascii.ecsv"),
    "astropy votable": by_astropy("votable"),
    "arrow parquet": by_arrow,
    "pandas parquet": by_pandas,
    "fitsio fits": by_fitsio,
}
NEEDS: Final = {"pandas parquet": "pandas", "fitsio fits": "fitsio"}
WITHOUT_GAPS: Final = {
    # Kinds whose gaps the writer itself does not write (astropy 8.0.2: a masked truth value becomes true in FITS).
    "astropy fits": {"b"},
    "fitsio fits": {"b", "v", "u2", "u4", "u8", "U"},
}
UNWRITTEN: Final = {"astropy votable": {"u2", "u4", "u8"}, "astropy fits": set[str]()}
"""Kinds that a format does not have."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written") / "table"


def wanted(writer: str, kind: str, values: list[Any]) -> list[Any]:
    lossy = kind in WITHOUT_GAPS.get(writer, ())
    kept = filled(kind, values).tolist() if lossy else values
    if writer == "fitsio fits" and None in values and kind in {"u1", "i2", "i4", "i8"}:
        kept = [value or None for value in values]
    nothing = [None, None] if kind == "v" else None
    return [nothing if value is None else value for value in kept]


@pytest.mark.parametrize("writer", WRITERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=25)
@given(drawn=columns(), packer=st.sampled_from(sorted(PACKERS)))
def test_what_was_written_is_read(
    place: Path, writer: str, drawn: dict[str, tuple[str, list[Any]]], packer: str
) -> None:
    if writer in NEEDS and importlib.util.find_spec(NEEDS[writer]) is None:
        pytest.skip(f"{NEEDS[writer]} is not installed here")
    drawn = {name: one for name, one in drawn.items() if one[0] not in UNWRITTEN.get(writer, ())}
    if not drawn:
        return
    if "b" in WITHOUT_GAPS.get(writer, ()):
        drawn = {n: (k, [v if v is not None else True for v in vs] if k == "b" else vs) for n, (k, vs) in drawn.items()}
    WRITERS[writer](place, drawn)
    place.write_bytes(PACKERS[packer](place.read_bytes()))
    read = tables.read(place)
    assert read.table.rows == len(next(iter(drawn.values()))[1])
    for name, (kind, values) in drawn.items():
        if name in read.left_out:
            assert kind == "v"
            assert not [value for value in values if value is not None]
            continue
        found = tables.plain(read.columns[name])
        if kind == "U":
            found, values = [value or "" for value in found], [value or "" for value in values]
        assert found == wanted(writer, kind, values), (name, kind)
        if kind in INTEGERS:
            assert read.columns[name].dtype.kind in "iu", "no whole number passes through a fraction"
