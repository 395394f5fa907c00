"""What `docs/formats.md` promises and no other test holds: each test reads the page, or says one of its sentences."""

from __future__ import annotations

import gzip
import os
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import repo_sample as sample
from tests.support.odd_headers import tan
from tests.support.promises import DAYS, MOST, said, sample_of
from tests.support.readers import pixels
from tests.support.small_files import IMAGE, points, written

import mtv
from mtv.arguments.targets import check_image, image_with
from mtv.cli.targets import sky_box
from mtv.shared.tables.positions import Wanted
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.aliases import RepositorySettings
from mtvd.repo.butler import find as find_module
from mtvd.repo.pool import ButlerRepositories
from mtvd.repo.readers import astropytable, exposure, failures
from mtvd.repo.readers.choose import read_all, read_display, read_positions
from mtvd.repo.readers.hdus import plane_at
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()


def each_way(path: Path, out: Output, **options: Any) -> Iterator[tuple[str, str]]:
    """Go through what is answered where a file is to be shown, got and marked."""
    yield said(read_display, path, out, most=MOST, **options)
    yield said(read_all, path, out, most=MOST, **options)
    yield said(read_positions, path, out, wanted=Wanted(), most_markers=99, **options)


# Dataset types


def rows_of_storage_classes() -> list[tuple[str, str, str, str]]:
    """Return the rows of the table of dataset types: a storage class, what is shown, marked and got."""
    table = PAGE.split("## Dataset types")[1].split("## File formats")[0]
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    return [
        (name, shown.strip(), marked.strip(), got.strip().split(",")[0])
        for first, _, shown, marked, got, *_ in cells[1:]
        for name in re.findall(r"`(\w+)`", first)
    ]


@pytest.mark.parametrize(("name", "shown", "marked", "got"), rows_of_storage_classes())
def test_a_storage_class_is_shown_marked_and_got_as_its_row_says(
    tmp_path: Path, out: Output, name: str, shown: str, marked: str, got: str
) -> None:
    path = sample_of(tmp_path / "dataset", name)
    show, get, mark = each_way(path, out, storage_class=name)
    if (shown, marked) == ("no", "no"):
        assert [show, get, mark] == [("unsupported", "dataset_type")] * 3
        return
    assert get == ("", "")
    found = read_all(path, out, storage_class=name, most=MOST)
    assert (found.catalog is None) == (got != "`Catalog`")
    assert (found.data is None) == (got == "`Catalog`")
    assert show == (("unsupported", "target") if shown == "no" else ("", ""))
    assert mark == (("unsupported", "target") if marked == "no" else ("", ""))


def test_every_row_of_the_storage_classes_is_found() -> None:
    names = [name for name, *_ in rows_of_storage_classes()]
    assert len(names) == len(set(names)) > 35
    assert {"ExposureF", "MaskX", "ColorImage", "PeakCatalog", "DataFrame", "Defects", "TaskMetadata"} <= set(names)


def test_what_butler_alone_reads_is_refused_with_the_way_to_have_it(tmp_path: Path, out: Output) -> None:
    with pytest.raises(RequestError) as caught:
        read_all(sample_of(tmp_path / "psf", "Psf"), out, storage_class="Psf", most=MOST)
    assert "butler_get" in caught.value.error.hint


def test_in_a_file_of_another_storage_class_an_hdu_chooses_the_other_kind(tmp_path: Path, out: Output) -> None:
    path = sample_of(tmp_path / "both", "Defects")
    assert read_all(path, out, storage_class="Defects", most=MOST).catalog is None
    found = read_all(path, out, storage_class="Defects", hdu="POINTS", most=MOST).catalog
    assert found is not None
    assert found.rows == 2


def test_a_packed_file_of_another_storage_class_is_read_too(tmp_path: Path, out: Output) -> None:
    written(tmp_path / "defects.fits", points())
    packed = tmp_path / "defects.fits.gz"
    packed.write_bytes(gzip.compress((tmp_path / "defects.fits").read_bytes()))
    show, get, mark = each_way(packed, out, storage_class="Defects")
    assert (show, get, mark) == (("unsupported", "target"), ("", ""), ("", ""))
    packed.write_bytes(packed.read_bytes()[:40])
    assert set(each_way(packed, out, storage_class="Defects")) == {("unreadable_file", "path")}


@pytest.mark.parametrize("name", ["ArrowAstropy", "ArrowNumpyDict", "DataFrame", "AstropyTable", "SourceCatalog"])
def test_a_damaged_table_is_unreadable_and_its_storage_class_is_not_to_blame(
    tmp_path: Path, out: Output, name: str
) -> None:
    (tmp_path / "table").write_bytes(bytes(500))
    _, get, mark = each_way(tmp_path / "table", out, storage_class=name)
    assert (get, mark) == (("unreadable_file", "path"),) * 2


def test_of_a_raw_of_several_amplifiers_the_first_is_shown_or_the_one_of_hdu(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    path = written(tmp_path / "raw", *(fits.ImageHDU(IMAGE + n, name=f"SEGMENT{n}0") for n in range(5)))
    for hdu, number in ((None, 0), ("segment30", 3), (2, 1)):
        found = read_display(path, out, storage_class="ExposureU", hdu=hdu, most=MOST)
        assert np.array_equal(pixels(store.directory, found.image), IMAGE + number)


def test_of_a_mask_in_three_hdus_the_first_two_are_read(tmp_path: Path, out: Output, store: PixelStore) -> None:
    masks = []
    for ver in (1, 2, 3):
        header = fits.Header({"MSKN0000": f"FIRST{ver}", "MSKM0000": 1, "MSKN0030": f"LAST{ver}", "MSKM0030": 1 << 30})
        masks.append(fits.ImageHDU(np.full((4, 5), 1 << 30, "i4"), header, name="MASK", ver=ver))
    path = written(tmp_path / "mask", fits.ImageHDU(IMAGE, name="IMAGE"), *masks)
    found = read_display(path, out, most=MOST)
    assert found.planes == {"FIRST1": 0, "LAST1": 30, "FIRST2": 31, "LAST2": 61}
    assert found.mask is not None
    assert (pixels(store.directory, found.mask) == (1 << 30 | 1 << 61)).all()


# File formats

OTHERS = {
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(300),
    "feather": b"ARROW1\0\0" + bytes(300),
    "feather of version 1": b"FEA1" + bytes(300),
    "ASDF": b"#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n",
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(300),
    "JSON": b'{"image": [1, 2]}',
    "CSV": b"x,y\n1,2\n",
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("storage_class", ["", "VisitImage", "SourceCatalog"])
def test_a_file_of_no_format_of_the_page_is_unreadable(
    tmp_path: Path, out: Output, kind: str, storage_class: str
) -> None:
    (tmp_path / "other.fits").write_bytes(OTHERS[kind])
    answers = set(each_way(tmp_path / "other.fits", out, storage_class=storage_class))
    assert ("unreadable_file", "path") in answers
    assert answers <= {("unreadable_file", "path"), ("unsupported", "target")}
    if not storage_class:
        assert answers == {("unreadable_file", "path")}


@pytest.mark.parametrize("hdu", [1, "SCI"])
def test_a_file_that_is_no_fits_file_has_no_hdus(tmp_path: Path, out: Output, hdu: int | str) -> None:
    path = sample_of(tmp_path / "table", "AstropyTable")
    _, get, mark = each_way(path, out, hdu=hdu)
    assert (get, mark) == (("unsupported", "hdu"),) * 2


@pytest.mark.parametrize("hdu", [-1, 3, "POINTS,2", "SCJ"])
def test_an_hdu_that_a_file_does_not_have_is_refused_whatever_is_wanted_of_it(
    tmp_path: Path, out: Output, hdu: int | str
) -> None:
    path = written(tmp_path / "both", fits.ImageHDU(IMAGE, name="SCI"), points())
    assert set(each_way(path, out, hdu=hdu)) == {("bad_value", "hdu")}


@pytest.mark.parametrize(
    ("kind", "dtype", "in_threads"),
    [
        ("GZIP_1", "i2", True), ("GZIP_2", "f4", True), ("RICE_1", "i2", True), ("RICE_1", "f4", True),
        ("HCOMPRESS_1", "i4", True), ("PLIO_1", "i2", True), ("NOCOMPRESS", "i2", False), ("NOCOMPRESS", "f4", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_tiles_are_decoded_strip_by_strip_in_threads_but_for_those_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, dtype: str, *, in_threads: bool, packed: bool
) -> None:
    monkeypatch.setattr("mtvd.repo.readers.hdus._STRIP_BYTES", 4 * 64 * 20)
    noise = np.random.default_rng(1).integers(0, 200, (64, 64)).astype(dtype)
    options = {"quantize_level": 16} if dtype == "f4" and kind == "RICE_1" else {}
    path = written(tmp_path / "tiles", fits.CompImageHDU(noise, compression_type=kind, **options))
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    plane = plane_at(path, 1)
    assert plane.in_threads == (in_threads and not packed)
    assert (len(plane.strips()) > 1) == (in_threads and not packed)


@pytest.mark.parametrize("cards", [{}, {"BZERO": 32768}, {"BSCALE": 0.5}, {"BLANK": 5}], ids=str)
def test_of_a_file_of_twenty_gigabytes_a_cut_out_costs_its_own_pixels(
    tmp_path: Path, out: Output, store: PixelStore, cards: dict[str, float]
) -> None:
    side = 100_000
    frame = {"SIMPLE": True, "BITPIX": 16, "NAXIS": 2, "NAXIS1": side, "NAXIS2": side}
    head = fits.Header(list((frame | cards).items())).tostring().encode()
    (tmp_path / "huge").write_bytes(head)
    os.truncate(tmp_path / "huge", len(head) + 2 * side * side)
    with (tmp_path / "huge").open("r+b") as file:
        file.seek(len(head) + 2 * (99_000 * side + 50_000))
        file.write(b"\0\x07")
    found = pixels(store.directory, read_display(tmp_path / "huge", out, bbox=(50_000, 99_000, 5, 4), most=MOST).image)
    assert found[0, 0] == 7 * cards.get("BSCALE", 1) + cards.get("BZERO", 0)
    assert said(read_display, tmp_path / "huge", out, most=Limits().image_pixels) == ("too_large", "target")


# Objects


@pytest.mark.parametrize("mask", [np.ones((3, 3), bool), np.ones((4, 6), bool), [True] * 4, "no mask", IMAGE * 1.0])
def test_a_mask_that_the_caller_gives_and_that_does_not_fit_is_refused(mask: Any) -> None:
    with pytest.raises(RequestError) as caught:
        check_image(image_with(IMAGE, mask=mask, planes=None, xy0=None, wcs=None, label=""), Limits())
    assert (caught.value.code, caught.value.error.where) == ("bad_value", "mask")


def test_an_exposure_in_memory_brings_all_that_it_has() -> None:
    wcs = tan(**DAYS)
    mask = (IMAGE > 3).astype("i4") << 2
    exposure = mtv.Exposure(IMAGE, mask, planes={"CR": 2}, xy0=(7, 8), wcs=wcs, unit="nJy", label="mine")
    seen = check_image(image_with(exposure, mask=None, planes=None, xy0=None, wcs=None, label=""), Limits())
    assert (seen.planes, seen.xy0, seen.unit, seen.label) == ({"CR": 2}, (7, 8), "nJy", "mine")
    assert np.array_equal(seen.mask, mask)
    assert seen.wcs == wcs


# What is refused


@pytest.mark.parametrize("kind", ["votable", "ecsv"])
def test_a_text_of_more_than_256_mib_is_unsupported_before_it_is_read(tmp_path: Path, out: Output, kind: str) -> None:
    head = {"votable": b"<?xml version='1.0'?><VOTABLE>", "ecsv": b"# %ECSV 1.0\n"}[kind]
    for size, code in ((256 << 20) + 1, "unsupported"), (1000, "unreadable_file"):
        (tmp_path / "large").write_bytes(head)
        os.truncate(tmp_path / "large", size)
        assert said(read_all, tmp_path / "large", out, most=MOST) == (code, "path")
    assert "up to 256 MiB" in PAGE


def test_a_packed_text_counts_as_it_is_unpacked(tmp_path: Path, out: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    content = sample_of(tmp_path / "ecsv", "AstropyTable").read_bytes()
    (tmp_path / "ecsv.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(astropytable, "MOST_BYTES", len(content))
    assert said(read_all, tmp_path / "ecsv.gz", out, most=MOST) == ("", "")
    monkeypatch.setattr(astropytable, "MOST_BYTES", len(content) - 1)
    assert said(read_all, tmp_path / "ecsv.gz", out, most=MOST) == ("unsupported", "path")


def test_a_file_of_another_size_than_the_repository_has_recorded_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(100))
    assert said(failures.check_file, tmp_path / "file", 100) == ("", "")
    assert said(failures.check_file, tmp_path / "file", 101) == ("unreadable_file", "path")
    (tmp_path / "file").unlink()
    assert said(failures.check_file, tmp_path / "file", 100) == ("unreadable_file", "path")


def test_a_file_that_the_daemon_may_not_read_is_unreadable(
    tmp_path: Path, out: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "secret", fits.ImageHDU(IMAGE))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert set(each_way(path, out)) == {("unreadable_file", "path")}


def test_a_dataset_in_several_files_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    butler: Any = types.SimpleNamespace(getURIs=lambda ref: types.SimpleNamespace(primaryURI=None))
    monkeypatch.setattr(find_module, "_by_id", lambda butler, target: None)
    target: Any = types.SimpleNamespace(dataset_type="calexp", id="6f3b2c1e-0000-0000-0000-00000000000a")
    assert said(find_module.find, butler, target) == ("unsupported", "dataset_type")


@pytest.mark.parametrize("name", re.findall(r"`(\w+)`", PAGE.split("and the other components of an exposure")[0])[-4:])
def test_a_component_that_needs_the_stack_is_refused_with_the_list_of_the_others(
    tmp_path: Path, out: Output, name: str
) -> None:
    sample.write_exposure(tmp_path / "calexp", 1, 1)
    with pytest.raises(RequestError) as caught:
        read_all(tmp_path / "calexp", out, component=name, most=MOST)
    assert caught.value.code == "unsupported"
    for other in ("image", "mask", "variance", "wcs", "bbox", "xy0", "dimensions", "metadata", "unit", "filter"):
        assert other in caught.value.error.hint


def test_the_page_says_the_numbers_of_the_code() -> None:
    assert f"daemon's limit ({Limits().image_pixels // 10**6} million)" in PAGE
    assert f"({exposure.IMAGE_FIRST_PIXELS // 10**6} million pixels or more)" in PAGE
    assert (RepositorySettings().cache_bytes, "`cache_bytes` (1 GiB" in PAGE) == (1 << 30, True)


@pytest.mark.parametrize(("budget_mib", "kept_mib"), [(10_000, 1024), (1000, 500)])
def test_what_was_decoded_has_at_most_half_of_the_pixel_directory(
    tmp_path: Path, budget_mib: int, kept_mib: int
) -> None:
    store = PixelStore(tmp_path / "pixels", budget_mib << 20)
    repositories = ButlerRepositories(RepositorySettings(use_index=False), store, tmp_path)
    assert repositories._cache._budget_bytes == kept_mib << 20


# Parts


def test_the_component_maskedimage_is_image_and_mask_and_the_component_image_is_the_image_alone(
    tmp_path: Path, out: Output
) -> None:
    sample.write_exposure(tmp_path / "calexp", 1, 1)
    both = read_display(tmp_path / "calexp", out, component="maskedImage", most=MOST)
    assert (both.mask is not None, both.planes) == (True, sample.PLANES)
    got = read_all(tmp_path / "calexp", out, component="maskedImage", most=MOST).data
    assert got is not None
    assert got.mask is not None
    assert got.variance is not None
    assert read_display(tmp_path / "calexp", out, component="image", most=MOST).mask is None


def test_the_component_sky_projection_is_wcs(tmp_path: Path, out: Output) -> None:
    sample.write_exposure(tmp_path / "calexp", 1, 1)
    cards, same = (
        read_all(tmp_path / "calexp", out, component=name, most=MOST).value for name in ("wcs", "sky_projection")
    )
    assert cards == same != ""


def test_a_cut_out_on_the_command_line_is_a_square_or_has_two_sides() -> None:
    assert sky_box("150.1,-2,30") == (150.1, -2.0, 30.0, 30.0)
    assert sky_box("150.1,-2,30,20") == (150.1, -2.0, 30.0, 20.0)
