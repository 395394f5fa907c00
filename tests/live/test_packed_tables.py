"""What the daemon keeps of packed files: decoded images, and of tables nothing; these are unpacked for each read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from tests.support import lzw
from tests.support.readers import column, pixels
from tests.support.repositories import running

from mtv.shared.tables.positions import Wanted
from mtv.wire.data import File
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.pool import ButlerRepositories
from mtvd.resolving.images import files_of

pytestmark = [pytest.mark.anyio, pytest.mark.live("lsst.daf.butler"), pytest.mark.timeout(600)]
Running = tuple[ButlerRepositories, PixelStore]


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one.fits", content)
    return packed.getvalue()


def fpacked(_: bytes) -> bytes:
    """Return a table as ``fpack -table`` writes it."""
    columns = []
    for name in "xy":
        cell = np.empty(1, object)
        cell[0] = np.frombuffer(gzip.compress(np.array([1, 2], ">f8").tobytes()), "u1")
        columns.append(fits.Column(name, "1PB()", array=cell))
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update({"ZTABLE": True, "ZNAXIS1": 16, "ZNAXIS2": 2, "ZTILELEN": 2, "ZPCOUNT": 0})
    table.header.update({f"{word}{n}": value for n in (1, 2) for word, value in (("ZFORM", "D"), ("ZCTYP", "GZIP_1"))})
    return content_of(table)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
    "Z": lzw.compressed,
    "fpack": fpacked,
}


def content_of(hdu: Any) -> bytes:
    made = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(made)
    return made.getvalue()


def table() -> bytes:
    return content_of(fits.BinTableHDU.from_columns([fits.Column(name, "D", array=[1.0, 2.0]) for name in "xy"]))


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("served"), "/nowhere") as found:
        yield found


@pytest.mark.parametrize("how", PACKERS)
async def test_of_a_table_nothing_is_kept_however_it_is_packed(served: Running, tmp_path: Path, how: str) -> None:
    repositories, store = served
    repositories._cache.clear()
    path = tmp_path / "table"
    path.write_bytes(PACKERS[how](table()))
    before = set(store.names())
    for _ in range(2):
        found = (await repositories.get(File(path=str(path)), ("x",))).catalog
        assert found is not None
        assert column(store.directory, found, "x").tolist() == [1.0, 2.0]
        store.remove({one.array.file for one in found.columns if one.array.file})
        marked = await repositories.positions(File(path=str(path)), Wanted())
        assert pixels(store.directory, marked.x).tolist() == [1.0, 2.0]
        store.remove({array.file for array in (marked.x, marked.y) if array.file})
        assert repositories._cache.keys() == ()
    assert set(store.names()) == before, "and no file of it stays"
    path.unlink()
    path.write_bytes(PACKERS["xz"](table().replace(np.array(1, ">f8").tobytes(), np.array(7, ">f8").tobytes())))
    again = (await repositories.get(File(path=str(path)), ("x",))).catalog
    assert again is not None
    assert column(store.directory, again, "x").tolist() == [7.0, 2.0], "it is read anew"


@pytest.mark.parametrize("how", sorted({*PACKERS} - {"plain", "fpack"}))
async def test_of_a_packed_image_each_part_is_kept_once(served: Running, tmp_path: Path, how: str) -> None:
    repositories, store = served
    repositories._cache.clear()
    path = tmp_path / "image"
    path.write_bytes(PACKERS[how](content_of(fits.ImageHDU(np.arange(60, dtype="f4").reshape(6, 10)))))
    for kept, bbox in ((1, None), (1, None), (2, (1, 2, 3, 4)), (2, (1, 2, 3, 4)), (3, (2, 2, 3, 4))):
        found = await repositories.read_for_display(File(path=str(path), bbox=bbox))
        store.remove(files_of(found))
        assert len(repositories._cache.keys()) == kept
