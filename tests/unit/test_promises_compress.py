"""Files of ``compress`` (``.Z``): read where ``uncompresspy`` is installed, else refused by name; all made here."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.support import lzw, tables
from tests.support.readers import column, pixels
from tests.support.refusals import refused

from mtv.shared.tables.positions import Wanted
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_display, read_positions
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
NOISE = np.random.default_rng(1).integers(0, 30_000, (60, 80)).astype("i2")
ROWS = 3000
X = np.arange(ROWS) / 8


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uncompresspy", None)  # as import says it of what is not installed


def image(*, compression: str = "") -> bytes:
    hdu = fits.CompImageHDU(NOISE, compression_type=compression) if compression else fits.ImageHDU(NOISE)
    made = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(made)
    return made.getvalue()


def table(how: str) -> bytes:
    from astropy.table import Table

    made = io.BytesIO()
    if how == "ascii.ecsv":
        text = io.StringIO()
        Table({"x": X, "y": X}).write(text, format=how)
        return text.getvalue().encode()
    if how == "FITS ASCII table":
        columns = [fits.Column(name, "F20.8", array=X) for name in "xy"]
        fits.HDUList([fits.PrimaryHDU(), fits.TableHDU.from_columns(columns)]).writeto(made)
    elif how == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"x": X, "y": X}), made)
    else:
        Table({"x": X, "y": X}).write(made, format=how)
    return made.getvalue()


IMAGES: dict[str, Callable[[], bytes]] = {
    "plain": image,
    "RICE_1": lambda: image(compression="RICE_1"),
    "GZIP_2": lambda: image(compression="GZIP_2"),
}
BINARY = ("fits", "FITS ASCII table", "votable", "parquet")
"""Formats that say themselves where they end."""
TABLES = (*BINARY, "ascii.ecsv")


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(lzw.compressed(content))
    return path


@pytest.mark.parametrize("content", [b"", b"a", b"abababababab", image(), table("parquet") * 3], ids=len)
def test_the_files_of_these_tests_are_those_of_compress(content: bytes) -> None:
    done = subprocess.run(["gzip", "-dc"], input=lzw.compressed(content), capture_output=True, check=True)
    assert done.stdout == content


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_of_compress_is_read_whole_and_in_part(
    tmp_path: Path, out: Output, store: PixelStore, kind: str
) -> None:
    path = write(tmp_path / "image.Z", IMAGES[kind]())
    shown = read_display(path, out, most=MOST)
    got = read_all(path, out, most=MOST).data
    part = read_all(path, out, most=MOST, bbox=(7, 5, 20, 30)).data
    assert got is not None
    assert part is not None
    assert np.array_equal(pixels(store.directory, shown.image), NOISE)
    assert np.array_equal(pixels(store.directory, got.image), NOISE)
    assert np.array_equal(pixels(store.directory, part.image), NOISE[5:35, 7:27])


def test_the_file_of_compress_that_astropy_brings_is_read(out: Output, store: PixelStore) -> None:
    (found,) = Path(fits.__file__).parent.glob("tests/data/lzw.fits.Z")
    with fits.open(found) as hdus:
        assert np.array_equal(pixels(store.directory, read_display(found, out, most=MOST).image), hdus[0].data)


@pytest.mark.parametrize("how", TABLES)
def test_a_table_of_compress_is_read_chosen_from_and_marked(
    tmp_path: Path, out: Output, store: PixelStore, how: str
) -> None:
    path = write(tmp_path / "table.Z", table(how))
    assert tables.read(path).columns["x"].tolist() == X.tolist()
    found = read_all(path, out, most=MOST, columns=("y",), select="x > 374").catalog
    assert found is not None
    assert column(store.directory, found, "y").tolist() == X[X > 374].tolist()
    marked = read_positions(path, out, wanted=Wanted(), most_markers=ROWS)
    assert pixels(store.directory, marked.x).tolist() == X.tolist()


@pytest.mark.usefixtures("without_package")
@pytest.mark.parametrize("content", [image, *[lambda how=how: table(how) for how in TABLES]], ids=["image", *TABLES])
def test_without_the_package_a_file_of_compress_is_refused_by_name_with_what_to_install(
    tmp_path: Path, out: Output, content: Callable[[], bytes]
) -> None:
    path = write(tmp_path / "packed", content())
    for error in (
        refused(read_display, path, out, most=MOST),
        refused(read_all, path, out, most=MOST),
        refused(read_positions, path, out, wanted=Wanted(), most_markers=9),
    ):
        assert (error.code, error.error.where) == ("unsupported", "path")
        assert "'compress' (.Z)" in error.error.message
        assert "install uncompresspy where the daemon runs" in error.error.hint


@pytest.mark.parametrize("content", [image, *[lambda how=how: table(how) for how in BINARY]], ids=["image", *BINARY])
def test_a_file_of_compress_that_was_cut_short_is_unreadable(
    tmp_path: Path, out: Output, content: Callable[[], bytes]
) -> None:
    packed = lzw.compressed(content())
    for end in (*range(len(packed) * 2 // 3, len(packed) * 2 // 3 + 12), 4, 3, 2):
        (tmp_path / "packed").write_bytes(packed[:end])
        assert refused(read_all, tmp_path / "packed", out, most=MOST).code == "unreadable_file", end
        assert refused(read_display, tmp_path / "packed", out, most=MOST).code in {"unreadable_file", "unsupported"}


def test_an_ecsv_text_of_compress_that_was_cut_short_is_read_as_far_as_it_goes(tmp_path: Path, out: Output) -> None:
    packed = lzw.compressed(table("ascii.ecsv"))
    (tmp_path / "packed").write_bytes(packed[: len(packed) // 2])
    found = read_all(tmp_path / "packed", out, most=MOST).catalog
    assert found is not None
    assert 0 < found.rows < ROWS


def test_other_packings_of_these_letters_are_refused_by_name_whether_there_is_a_package_or_not(
    tmp_path: Path, out: Output
) -> None:
    (tmp_path / "packed").write_bytes(b"\x1f\xa0" + bytes(20))  # compress -H, which only gzip reads
    error = refused(read_all, tmp_path / "packed", out, most=MOST)
    assert (error.code, "'compress' (.Z)" in str(error)) == ("unsupported", True)


def stored(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one.fits", content)
    return packed.getvalue()


@pytest.mark.parametrize("how", ["fits", "FITS ASCII table"])
@pytest.mark.parametrize("pack", [lambda content: gzip.compress(content, 0), stored], ids=["gzip", "zip"])
def test_a_packed_table_with_one_wrong_byte_is_unreadable_though_it_can_be_unpacked(
    tmp_path: Path, out: Output, how: str, pack: Callable[[bytes], bytes]
) -> None:
    content = table(how) + bytes(3 << 20)
    packed = bytearray(pack(content))
    (tmp_path / "sound").write_bytes(packed)
    assert read_all(tmp_path / "sound", out, most=MOST).catalog is not None
    x = content.index(np.array(X[100], ">f8").tobytes() if how == "fits" else f"{X[100]:20.8f}".encode())
    packed[packed.index(content[x : x + 20]) + 1] ^= 1
    (tmp_path / "packed").write_bytes(packed)
    assert refused(read_all, tmp_path / "packed", out, most=MOST).code == "unreadable_file"
