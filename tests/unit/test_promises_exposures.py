"""What `docs/formats.md` promises of exposures: the WCS that is fitted, what is kept, and what is decoded at once."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import afw_exposures as afw
from tests.support import fits_variants as variants
from tests.support import repo_sample as sample
from tests.support.readers import pixels

import mtv
from mtv.arguments import parts
from mtv.data.datasets import DataId
from mtv.shared.tables.positions import Wanted
from mtv.wire.data import Dataset
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_display, read_positions
from mtvd.repo.readers.exposurefile import find_exposure
from mtvd.repo.readers.hdus import plane_at
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
IMAGE = np.arange(20, dtype="i2").reshape(4, 5)


# The exact WCS


class Rippled:
    """A sky that no polynomial follows."""

    def __init__(self, ripple_px: float) -> None:
        self._ripple_px = ripple_px

    def to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        raise AssertionError("no fit asks for this")

    def to_sky(self, x: Any, y: Any) -> tuple[Any, Any]:
        return 30 - 1e-3 * (x + self._ripple_px * np.sin(x * 3)), 1e-3 * y


@pytest.mark.parametrize(("ripple_px", "told"), [(1e-4, False), (0.5, True)])
def test_a_fit_that_is_worse_than_a_hundredth_of_a_pixel_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ripple_px: float, *, told: bool
) -> None:
    afw.write(tmp_path / "calexp.fits", 2, in_header=False)
    monkeypatch.setattr("mtvd.repo.readers.sky.exact_sky", lambda text, xy0: Rippled(ripple_px))
    found = find_exposure(tmp_path / "calexp.fits").celestial
    assert found.has_sky
    assert len(found.notes) == told
    if told:
        said = float(found.notes[0].removeprefix("the WCS is the file's exact one to ").removesuffix(" pixels"))
        assert 0.01 < said < 2 * ripple_px


def test_without_the_package_that_reads_it_there_is_no_sky_and_a_note_names_the_package(
    tmp_path: Path, out: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    afw.write(tmp_path / "calexp.fits", 2, in_header=False)
    shown = read_display(tmp_path / "calexp.fits", out, most=MOST)
    got = read_all(tmp_path / "calexp.fits", out, most=MOST).data
    assert got is not None
    assert (shown.wcs, got.wcs, got.sky_wcs) == ("", "", afw.AST_TEXT)
    assert shown.notes == got.notes
    assert "starlink-pyast" in shown.notes[0]
    afw.write(tmp_path / "with-header.fits", 2)
    assert read_display(tmp_path / "with-header.fits", out, most=MOST).notes == ()


# The component of words


@pytest.mark.parametrize("storage_class", ["ExposureF", ""])
def test_the_component_metadata_is_the_metadata_of_the_whole(tmp_path: Path, out: Output, storage_class: str) -> None:
    afw.write(tmp_path / "calexp.fits", 2)
    with fits.open(tmp_path / "calexp.fits", mode="update") as hdus:
        hdus[0].header.update({"EXPTIME": 30.5, "NIGHT": True, "SEQNUM": 1})
        hdus[1].header.update({"SEQNUM": 2, "PLACE": 1})
    content = (tmp_path / "calexp.fits").read_bytes()
    at = content.index(b"PLACE   ")
    (tmp_path / "calexp.fits").write_bytes(content[:at] + b"ODD     = -NAN +x".ljust(80) + content[at + 80 :])
    found = read_all(tmp_path / "calexp.fits", out, component="metadata", most=MOST, storage_class=storage_class)
    whole = read_all(tmp_path / "calexp.fits", out, most=MOST, storage_class=storage_class).data
    assert whole is not None
    assert (found.data, found.catalog) == (None, None)
    assert found.value == whole.metadata
    assert {key: found.value[key] for key in ("EXPTIME", "NIGHT", "SEQNUM", "ODD")} == {
        "EXPTIME": 30.5, "NIGHT": True, "SEQNUM": 2, "ODD": "-NAN +x"
    }  # fmt: skip
    assert not {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "END"} & found.value.keys()


# What is kept


def plain(path: Path) -> None:
    fits.PrimaryHDU(IMAGE).writeto(path)


def packed(path: Path) -> None:
    plain(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def compressed(path: Path) -> None:
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(IMAGE)]).writeto(path)


def scaled(path: Path) -> None:
    path.write_bytes(variants.raw_file(IMAGE, fits.Header({"BSCALE": 0.5})))


def packed_table(path: Path) -> None:
    sample.write_catalog(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


@pytest.mark.parametrize(
    ("write", "kept"),
    [(plain, False), (packed, True), (compressed, True), (scaled, True), (packed_table, False)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_was_decoded_is_kept_and_neither_plain_files_nor_tables_are(
    tmp_path: Path, out: Output, write: Callable[[Path], None], *, kept: bool
) -> None:
    write(tmp_path / "file")
    if write is packed_table:
        read_positions(tmp_path / "file", out, wanted=Wanted(), most_markers=99)
    else:
        read_display(tmp_path / "file", out, most=MOST)
    read_all(tmp_path / "file", out, most=MOST)
    assert out.decoded == kept


# What is decoded at once


def by_blanks(path: Path) -> None:
    (variant,) = (one for one in variants.odd_tables() if one.name == "i4, RICE_1, blanks in a column")
    variant.write(path)


def scaled_tiles(path: Path) -> None:
    (variant,) = (one for one in variants.integers() if one.name == "i2, no blank, scaled, RICE_1, patches")
    variant.write(path)


def wide(path: Path) -> None:
    fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(IMAGE.astype("i8"), compression_type="GZIP_1", tile_shape=(2, 3))]
    ).writeto(path)


def cut_down(path: Path) -> None:
    tiles = fits.CompImageHDU(IMAGE.astype("f4"), compression_type="RICE_1", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(path)


@pytest.mark.parametrize("write", [by_blanks, scaled_tiles, wide, cut_down], ids=lambda write: write.__name__)
def test_tiles_that_astropy_alone_reads_are_decoded_at_once(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "tiles")
    plane = plane_at(tmp_path / "tiles", 1)
    assert (plane.in_threads, len(plane.strips())) == (False, 1)


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("compression", ["GZIP_1", "GZIP_2"])
def test_gzip_in_whole_rows_is_decoded_strip_by_strip_in_threads_for_every_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, compression: str
) -> None:
    monkeypatch.setattr("mtvd.repo.readers.hdus._STRIP_BYTES", 1)
    tiles = fits.CompImageHDU(IMAGE.astype(kind), compression_type=compression, quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(tmp_path / "tiles")
    plane = plane_at(tmp_path / "tiles", 1)
    assert plane.tiles is not None
    assert (plane.in_threads, len(plane.strips())) == (True, 4)
    assert np.array_equal(np.concatenate([plane.read(strip) for strip in plane.strips()]), IMAGE)


# Files of several kinds


def test_a_fits_file_with_neither_an_image_nor_a_table_is_unreadable(tmp_path: Path, out: Output) -> None:
    fits.PrimaryHDU().writeto(tmp_path / "nothing")
    for read in (
        lambda: read_display(tmp_path / "nothing", out, most=MOST),
        lambda: read_all(tmp_path / "nothing", out, most=MOST),
        lambda: read_positions(tmp_path / "nothing", out, wanted=Wanted(), most_markers=9),
    ):
        with pytest.raises(RequestError) as caught:
            read()
        assert (caught.value.code, caught.value.error.where) == ("unreadable_file", "path")


def test_footprints_of_a_source_catalog_are_left_out(tmp_path: Path, out: Output, store: PixelStore) -> None:
    sample.write_catalog(tmp_path / "src")
    with fits.open(tmp_path / "src", memmap=False) as hdus:
        hdus[1].header["AR_HDU"] = 3
        spans = fits.BinTableHDU.from_columns([fits.Column(name, "J", array=[1, 2, 3]) for name in ("id", "y", "x0")])
        index = spans.copy()
        index.header["EXTTYPE"], spans.header["EXTTYPE"] = "ARCHIVE_INDEX", "ARCHIVE_DATA"
        hdus.extend([index, spans])
        hdus.writeto(tmp_path / "with-footprints")
    plain_rows, rows = (
        read_all(tmp_path / name, out, storage_class="SourceCatalog", most=MOST).catalog
        for name in ("src", "with-footprints")
    )
    assert plain_rows is not None
    assert rows is not None
    assert (rows.rows, [one.name for one in rows.columns]) == (sample.ROWS, [one.name for one in plain_rows.columns])
    for one, other in zip(rows.columns, plain_rows.columns, strict=True):
        assert np.array_equal(pixels(store.directory, one.array), pixels(store.directory, other.array))


def test_the_variance_is_read_by_get_alone_or_where_it_is_asked_for(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    path = tmp_path / "calexp"
    sample.write_exposure(path, 1, 1, compression="GZIP_2")
    with fits.open(path, disable_image_compression=True) as hdus:
        info, header = hdus[3].fileinfo(), hdus[3].header
    heap = info["datLoc"] + header["NAXIS1"] * header["NAXIS2"]
    with path.open("r+b") as file:
        file.seek(heap)
        file.write(b"\xff" * header["PCOUNT"])
    shown = read_display(path, out, most=MOST)
    assert np.array_equal(pixels(store.directory, shown.image), sample.image_of(1, 1))
    for read in (
        lambda: read_all(path, out, most=MOST),
        lambda: read_all(path, out, component="variance", most=MOST),
        lambda: read_display(path, out, component="variance", most=MOST),
    ):
        with pytest.raises(RequestError) as caught:
            read()
        assert caught.value.code == "unreadable_file"


@pytest.mark.parametrize(
    ("stored", "blank", "right"),
    [("i8", 5, 2.0**53), ("i8", None, 2**53 + 1), ("i4", 5, 2**31 - 1), ("i2", 5, 2**15 - 1)],
)
def test_integers_with_a_blank_are_rounded_beyond_2_to_the_53_and_nowhere_else(
    tmp_path: Path, out: Output, store: PixelStore, stored: str, blank: int | None, right: float
) -> None:
    large = min(2**53 + 1, np.iinfo(stored).max)
    header = fits.Header({} if blank is None else {"BLANK": blank})
    path = tmp_path / "large"
    path.write_bytes(variants.raw_file(np.array([[large, 5], [1, 2]]).astype(stored), header))
    found = read_all(path, out, most=MOST).data
    assert found is not None
    values = pixels(store.directory, found.image)
    assert values.dtype == (stored if blank is None else "f4" if stored == "i2" else "f8")
    assert values[0, 0] == right


def test_a_component_is_the_same_by_its_type_by_the_keyword_and_of_a_reference() -> None:
    ref = mtv.DatasetRef("demo", "calexp", "6f3b2c1e", "u/run", DataId({"visit": 1}))
    by_keyword = parts.of(ref._mtv_source_(), {"component": "mask"})
    assert ref.component("mask")._mtv_source_() == by_keyword
    assert ref.component("image").component("mask")._mtv_source_() == by_keyword
    assert by_keyword == Dataset(
        repo="demo", dataset_type="calexp.mask", id="6f3b2c1e", data_id={"visit": 1}, collections=("u/run",)
    )
