"""FITS tables are read by column: what is not asked for is neither read from the disk, nor unpacked, nor copied."""

from __future__ import annotations

import ctypes
import mmap
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.readers import column, pixels

from mtv.shared.tables.positions import Positions, Wanted
from mtv.wire.errors import RequestError
from mtv.wire.messages import Got
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_positions
from mtvd.repo.readers.fitsrows import PlainRows, are_few
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
ROWS, WIDE = 400, 1 << 22
HEAP_BYTES = 100
"""A row has four million bytes that nobody asks for: the file has 1.7 GB, and takes no room on the disk."""


def sparse_table(path: Path, *, wide: str = f"{WIDE}B") -> Path:
    """Write x, y, n and a wide column between them; all but x of the last row is 0."""
    columns = [fits.Column("x", "D"), fits.Column("wide", wide), fits.Column("y", "D"), fits.Column("n", "J")]
    header = fits.BinTableHDU.from_columns(columns, nrows=0).header
    header.update({"NAXIS2": ROWS, "PCOUNT": HEAP_BYTES})
    head = fits.PrimaryHDU().header.tostring().encode() + header.tostring().encode()
    size = ROWS * header["NAXIS1"]
    path.write_bytes(head)
    os.truncate(path, -(-(len(head) + size + HEAP_BYTES) // 2880) * 2880)
    with path.open("r+b") as file:
        file.seek(len(head) + (ROWS - 1) * header["NAXIS1"])
        file.write(np.array(7.0, ">f8").tobytes())
    return path


def bytes_in_memory(path: Path) -> int:
    """Return how much of a file was read from the disk, by the pages that the system holds of it."""
    libc = ctypes.CDLL(None, use_errno=True)
    size = path.stat().st_size
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE) as mapped:
        whole = np.frombuffer(mapped, "u1")
        pages = np.zeros(-(-size // mmap.PAGESIZE), "u1")
        address, room = (ctypes.c_void_p(array.ctypes.data) for array in (whole, pages))
        assert libc.mincore(address, ctypes.c_size_t(size), room) == 0, os.strerror(ctypes.get_errno())
        del whole
    return int(np.count_nonzero(pages & 1)) * mmap.PAGESIZE


def of_got(store: PixelStore, found: Got, name: str) -> list[Any]:
    assert found.catalog is not None
    assert [one.name for one in found.catalog.columns] == [name]
    values: list[Any] = column(store.directory, found.catalog, name).tolist()
    return values


def of_positions(store: PixelStore, found: Positions) -> list[Any]:
    values: list[Any] = pixels(store.directory, found.x).tolist()
    return values


READS: dict[str, Callable[[Path, Output, PixelStore], list[Any]]] = {
    "columns": lambda path, out, store: of_got(store, read_all(path, out, most=MOST, columns=("x",)), "x"),
    "select": lambda path, out, store: of_got(
        store, read_all(path, out, most=MOST, columns=("x",), select="n == 0"), "x"
    ),
    "positions": lambda path, out, store: of_positions(
        store, read_positions(path, out, wanted=Wanted(select="n == 0"), most_markers=ROWS)
    ),
}


@pytest.mark.parametrize("how", READS)
def test_of_a_binary_table_other_columns_are_not_read_from_the_disk_nor_copied(
    tmp_path: Path, out: Output, store: PixelStore, how: str
) -> None:
    path = sparse_table(tmp_path / "t")
    before = bytes_in_memory(path)
    tracemalloc.start()
    try:
        values = READS[how](path, out, store)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert values == [0.0] * (ROWS - 1) + [7.0]
    assert most_bytes < WIDE, "not even the wide bytes of one row are copied"
    read = bytes_in_memory(path) - before
    assert read < path.stat().st_size / 10, f"{read:,} bytes of {path.stat().st_size:,} were read"


@pytest.mark.parametrize(
    ("row_kib", "wanted_kib", "few"),
    [
        (256, 16, True),
        (256, 0, True),
        (256, 16 + 1 / 1024, False),
        (256 - 1 / 1024, 0, False),
        (4096, 256, True),
        (4096, 256 + 1 / 1024, False),
        (4096 - 1 / 1024, 256, False),
    ],
)
def test_other_columns_are_not_read_where_a_row_has_256_kib_and_at_most_a_sixteenth_of_it_is_wanted(
    row_kib: float, wanted_kib: float, *, few: bool
) -> None:
    assert are_few(round(wanted_kib * 1024), round(row_kib * 1024)) is few


def test_the_system_tells_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(b"")
    os.truncate(path, 1 << 24)
    before = bytes_in_memory(path)
    assert len(path.read_bytes()) == 1 << 24
    assert bytes_in_memory(path) - before == 1 << 24


def test_of_a_table_with_a_damaged_heap_the_columns_beside_it_are_read(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    path = sparse_table(tmp_path / "t", wide="1PJ(9)")
    content = bytearray(path.read_bytes())
    row = content.index(np.array(7.0, ">f8").tobytes()) + 8
    content[row : row + 8] = np.array([5, 99], ">i4").tobytes()  # five numbers that end behind the heap
    path.write_bytes(content)
    for read in READS.values():
        assert len(read(path, out, store)) == ROWS
    with pytest.raises(RequestError) as caught:
        read_all(path, out, most=MOST)
    assert "behind its heap" in str(caught.value)


def compressed_table(path: Path) -> Path:
    """Write a table as ``fpack -table`` does: the cells of the column ``wide`` are no gzip file at all."""
    import gzip

    content = {"x": np.array([0, 7.0], ">f8"), "wide": np.zeros(2, ">f8"), "y": np.zeros(2, ">f8")}
    content["n"] = np.zeros(2, ">i4")
    columns = []
    for name, values in content.items():
        cell = np.empty(1, object)
        packed = gzip.compress(values.tobytes()) if name != "wide" else b"damaged"
        cell[0] = np.frombuffer(packed, "u1")
        columns.append(fits.Column(name, "1PB()", array=cell))
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update({"ZTABLE": True, "ZNAXIS1": 28, "ZNAXIS2": 2, "ZTILELEN": 2, "ZPCOUNT": 0})
    for number, form in enumerate("DDDJ", 1):
        table.header.update({f"ZFORM{number}": form, f"ZCTYP{number}": "GZIP_1"})
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    return path


def test_of_a_compressed_table_other_columns_are_not_unpacked(tmp_path: Path, out: Output, store: PixelStore) -> None:
    path = compressed_table(tmp_path / "t")
    for read in READS.values():
        assert read(path, out, store) == [0.0, 7.0]
    with pytest.raises(RequestError) as caught:
        read_all(path, out, most=MOST)
    assert caught.value.code == "unreadable_file"


def test_each_column_is_taken_from_the_rows_once(
    tmp_path: Path, out: Output, store: PixelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    read = PlainRows.columns

    def noted(self: PlainRows, numbers: Any, *, heap: bool) -> Any:
        asked.append(list(numbers))
        return read(self, numbers, heap=heap)

    monkeypatch.setattr(PlainRows, "columns", noted)
    path = sparse_table(tmp_path / "t")
    READS["positions"](path, out, store)
    assert asked == [[4], [1, 3]], "n, by which rows are chosen, then x and y"
