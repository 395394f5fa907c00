"""Datasets of many kinds in a real Butler repository: compressed, coadds, files of lsst.images; and the cache."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.wcs import WCS
from tests.support import lsst_images
from tests.support import repo_kinds as kinds
from tests.support import repo_sample as sample
from tests.support.readers import pixels
from tests.support.repositories import running

import mtv
from mtv.testing import ScriptedDaemon
from mtv.wire.data import Dataset, File, SkyBox
from mtv.wire.errors import RequestError
from mtv.wire.reports import RepositoryInfo, RepositoryList
from mtv.wire.requests import Repositories
from mtv.wire.steps import Query
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.pool import ButlerRepositories
from mtvd.resolving.images import files_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.live("lsst.daf.butler"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
needs_lsst_images = pytest.mark.skipif(not kinds.HAS_LSST_IMAGES, reason="lsst.images needs Python 3.12")
ANYWHERE: Any = kinds.TRACT
Running = tuple[ButlerRepositories, PixelStore]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kinds.build(tmp_path_factory.mktemp("kinds") / "repo")


@pytest.fixture(scope="module")
async def serving(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("served"), repository) as found:
        yield found


@pytest.fixture
async def served(serving: Running) -> Running:
    serving[0]._cache.clear()
    return serving


def dataset(name: str, **part: Any) -> Dataset:
    return Dataset(dataset_type=name, data_id=kinds.TRACT, collections=(kinds.RUN,), **part)


@pytest.mark.parametrize("name", ["gzip_exposure", "rice_exposure", "deepCoadd_calexp"])
async def test_an_exposure_of_a_sky_map_reads_whatever_its_compression(
    served: Running, repository: Path, name: str
) -> None:
    from astropy.io import fits

    repositories, store = served
    exposure = await repositories.read_for_display(dataset(name))
    with fits.open(repository / kinds.RUN / f"{name}.fits") as hdus:
        assert np.array_equal(pixels(store.directory, exposure.image), hdus[1].data)
        assert exposure.mask is not None
        assert np.array_equal(pixels(store.directory, exposure.mask), hdus[2].data)
    assert (exposure.xy0, exposure.planes, exposure.unit) == (sample.XY0, sample.PLANES, "nJy")
    assert exposure.label.split()[0] == name
    assert {str(value) for value in kinds.TRACT.values()} <= set(exposure.label.split()[1:])


async def test_a_coadd_image_stands_alone(served: Running) -> None:
    exposure = await served[0].read_for_display(dataset("deepCoadd_image", bbox=(*sample.XY0, 7, 5)))
    assert exposure.image.shape == (5, 7)


async def test_coadds_are_queried_by_tract_and_patch(served: Running) -> None:
    rows = await served[0].query(
        Query(dataset_type="deepCoadd_calexp", collections=(kinds.RUN,), where="skymap='hsc_rings_v1' AND tract=9813")
    )
    assert (len(rows.rows), rows.dataset_type) == (1, "deepCoadd_calexp")
    assert {"skymap", "tract", "patch", "band"} <= set(rows.columns)


def has_the_planes(mask: np.ndarray[Any, Any], planes: dict[str, int]) -> None:
    assert planes == {f"P{number}": number for number in range(lsst_images.MANY_PLANES)}
    wanted = sum(lsst_images.plane_of(number).astype(np.int64) << number for number in lsst_images.SET_PLANES)
    assert np.array_equal(mask, wanted)


@needs_lsst_images
@pytest.mark.parametrize("name", ["masked_image", "visit_image", "difference_image", "deep_coadd"])
async def test_what_lsst_images_wrote_reads_with_all_its_mask_planes(served: Running, name: str) -> None:
    repositories, store = served
    exposure = await repositories.read_for_display(dataset(name))
    assert np.array_equal(pixels(store.directory, exposure.image), sample.image_of(1, 1))
    assert (exposure.xy0, exposure.unit) == (sample.XY0, "nJy")
    assert exposure.mask is not None
    has_the_planes(pixels(store.directory, exposure.mask), exposure.planes)
    found = (await repositories.get(dataset(name))).data
    assert found is not None
    assert found.mask is not None
    assert found.variance is not None
    assert np.array_equal(pixels(store.directory, found.image), sample.image_of(1, 1))
    assert (pixels(store.directory, found.variance) == 2).all()
    has_the_planes(pixels(store.directory, found.mask), found.planes)


@needs_lsst_images
@pytest.mark.parametrize("name", ["visit_image", "difference_image", "deep_coadd"])
async def test_the_wcs_of_lsst_images_is_the_one_that_was_written(served: Running, name: str) -> None:
    repositories, _ = served
    exposure = await repositories.read_for_display(dataset(name))
    sky = WCS(Header.fromstring(exposure.wcs)).all_pix2world([[29, 24]], 0)[0]
    np.testing.assert_allclose(sky, lsst_images.CENTRE_DEG, rtol=0, atol=1e-9)
    side = 10 * lsst_images.SCALE_DEG * 3600
    ra, dec = lsst_images.CENTRE_DEG
    box = SkyBox(ra_deg=ra, dec_deg=dec, width_arcsec=side, height_arcsec=side)
    cut = await repositories.read_for_display(dataset(name, sky=box))
    assert cut.image.shape == (10, 10)
    assert abs(cut.xy0[0] - sample.XY0[0] - 24.5) <= 0.5


@needs_lsst_images
@pytest.mark.parametrize(("hdu", "number"), [(None, 0), ("GREEN", 1), (3, 2)])
async def test_of_colours_one_band_is_shown(served: Running, hdu: Any, number: int) -> None:
    repositories, store = served
    exposure = await repositories.read_for_display(dataset("colours", hdu=hdu))
    assert np.array_equal(pixels(store.directory, exposure.image), lsst_images.colours()[..., number])


@needs_lsst_images
async def test_what_only_the_archive_of_lsst_images_has_is_refused(served: Running) -> None:
    for component in ("psf", "detector", "filter", "photoCalib"):
        with pytest.raises(RequestError) as caught:
            await served[0].get(dataset(f"visit_image.{component}"))
        assert (caught.value.code, caught.value.error.where) == ("unsupported", "dataset_type")


@needs_lsst_images
@pytest.mark.parametrize(
    ("name", "component", "value"),
    [
        ("masked_image", "bbox", {"x_min": 100, "y_min": 200, "width": 60, "height": 50}),
        ("masked_image", "unit", "nJy"),
        ("plain_image", "xy0", [100, 200]),
        ("visit_image", "dimensions", [60, 50]),
    ],
)
async def test_components_of_lsst_images_are_read_without_it(
    served: Running, name: str, component: str, value: Any
) -> None:
    assert (await served[0].get(dataset(f"{name}.{component}"))).value == value


@needs_lsst_images
async def test_images_and_masks_of_lsst_images_stand_alone(served: Running) -> None:
    repositories, store = served
    mask = (await repositories.get(dataset("masked_image.mask", bbox=(*sample.XY0, 3, 2)))).data
    assert mask is not None
    assert mask.image.shape == (2, 3)
    assert len(mask.planes) == lsst_images.MANY_PLANES
    image = await repositories.read_for_display(dataset("plain_image"))
    assert np.array_equal(pixels(store.directory, image.image), sample.image_of(1, 1))
    alone = await repositories.read_for_display(dataset("plain_mask"))
    has_the_planes(pixels(store.directory, alone.image), alone.planes)
    got = (await repositories.get(dataset("plain_mask"))).data
    assert got is not None
    has_the_planes(pixels(store.directory, got.image), got.planes)


async def test_a_component_and_a_cut_out_on_the_sky_are_got_together(served: Running) -> None:
    repositories, store = served
    sky = SkyBox(ra_deg=150.1, dec_deg=2.2, width_arcsec=1.0, height_arcsec=2.0)
    found = (await repositories.get(dataset("gzip_exposure.variance", sky=sky))).data
    assert found is not None
    x, y = found.xy0[0] - sample.XY0[0], found.xy0[1] - sample.XY0[1]
    height, width = found.image.shape
    assert (height, width) == (12, 6)
    wanted = sample.image_of(1, 1)[y : y + height, x : x + width] * 2
    assert np.array_equal(pixels(store.directory, found.image), wanted)
    assert found.mask is None


async def test_a_component_that_cannot_be_read_names_the_dataset_type(served: Running) -> None:
    with pytest.raises(RequestError) as caught:
        await served[0].get(dataset("gzip_exposure.psf"))
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "dataset_type")


async def test_what_was_decoded_is_not_decoded_again(served: Running, repository: Path) -> None:
    repositories, store = served
    path = repository / kinds.RUN / "gzip_exposure.fits"
    first = await repositories.read_for_display(dataset("gzip_exposure"))
    wanted = pixels(store.directory, first.image)
    store.remove(files_of(first))
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    try:
        second = await repositories.read_for_display(dataset("gzip_exposure"))
        other = dataset("gzip_exposure", bbox=(*sample.XY0, 5, 5))
        with pytest.raises(RequestError):
            await repositories.read_for_display(other)
    finally:
        path.write_bytes(whole)
    assert np.array_equal(pixels(store.directory, second.image), wanted)
    assert files_of(first).isdisjoint(files_of(second))


async def test_a_file_that_was_written_anew_is_read_anew(served: Running, tmp_path: Path) -> None:
    repositories, _ = served
    path = tmp_path / "mine.fits"
    kinds.write_compressed(path, "GZIP_2")
    await repositories.read_for_display(File(path=str(path)))
    assert len(repositories._cache.keys()) == 1
    path.unlink()
    kinds.write_compressed(path, "RICE_1")
    os.utime(path, (1, 1))
    await repositories.read_for_display(File(path=str(path)))
    assert len(repositories._cache.keys()) == 2


async def test_plain_files_are_not_kept(served: Running) -> None:
    repositories, _ = served
    await repositories.read_for_display(dataset("deepCoadd_calexp"))
    assert repositories._cache.keys() == ()


async def test_what_is_said_to_come_next_is_decoded_ahead_and_plain_files_are_not(served: Running) -> None:
    repositories, store = served
    before = set(store.names())
    nowhere = dataset("no_such_type")
    repositories.read_ahead([dataset("deepCoadd_calexp"), nowhere, dataset("rice_exposure"), dataset("gzip_exposure")])
    with anyio.fail_after(120):
        while len(repositories._cache.keys()) < 2:
            await repositories.query(Query(what="collections"))
    kept = repositories._cache.keys()
    await repositories.read_for_display(dataset("gzip_exposure"))
    assert set(repositories._cache.keys()) == set(kept)
    assert len(set(store.names()) - before) == 6


async def test_what_was_decoded_ahead_is_not_asked_for_again_while_it_is_kept(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    repositories, _ = served
    repositories._cache.clear()
    repositories._decoded.clear()
    asked: list[str] = []
    ask = repositories._ask

    async def heard(method: str, repository: Any, params: Any, *rest: Any, **options: Any) -> Any:
        if method == "read":
            asked.append(params["target"]["dataset_type"])
        return await ask(method, repository, params, *rest, **options)

    monkeypatch.setattr(repositories, "_ask", heard)

    async def ahead(*names: str) -> None:
        asked.clear()
        repositories.read_ahead([dataset(name) for name in (*names, "no_such_type")])
        with anyio.fail_after(120):
            while "no_such_type" not in asked:
                await repositories.query(Query(what="collections"))
        asked.remove("no_such_type")

    await ahead("deepCoadd_calexp", "gzip_exposure")
    assert asked == ["deepCoadd_calexp", "gzip_exposure"]
    await ahead("gzip_exposure", "deepCoadd_calexp", "rice_exposure")
    assert asked == ["rice_exposure"]
    repositories._cache.clear()
    await ahead("gzip_exposure")
    assert asked == ["gzip_exposure"]


async def test_a_cache_gives_way_where_the_pixel_directory_is_full(repository: Path, tmp_path: Path) -> None:
    async with running(tmp_path, repository) as (repositories, store):
        store._files.budget_bytes = 60_000  # the worker, which is not there yet, is told so
        first = await repositories.read_for_display(dataset("gzip_exposure"))
        store.remove(files_of(first))
        kept = repositories._cache.keys()
        assert await repositories.read_for_display(dataset("rice_exposure"))
        assert len(kept) == 1
        assert set(kept).isdisjoint(repositories._cache.keys())


@pytest.fixture
def client(repository: Path, tmp_path: Path) -> Iterator[mtv.Repository]:
    with ScriptedDaemon(tmp_path / "mtvd.sock") as daemon:
        info = RepositoryInfo(alias="kinds", location=str(repository), default=True)
        daemon.script(Repositories, RepositoryList(repositories=(info,)))
        with mtv.connect(daemon.endpoint) as connection:
            opened = mtv.Repository(connection=connection)
            yield opened
            assert opened._own_butler is not None
            opened._own_butler._butler.close()


@needs_lsst_images
@pytest.mark.filterwarnings("ignore::Warning")
def test_butler_gives_an_object_of_an_installed_type_in_the_users_own_process(client: mtv.Repository) -> None:
    found = client.butler_get("masked_image", collections=kinds.RUN, **ANYWHERE)
    assert type(found).__name__ == "MaskedImage"
    assert np.array_equal(found.image.array, sample.image_of(1, 1))


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_type_that_is_not_installed_is_said(client: mtv.Repository) -> None:
    with pytest.raises(mtv.RequestError, match=r"package lsst\.obs\S*, which is not installed here") as caught:
        client.butler_get("deepCoadd_calexp", collections=kinds.RUN, **ANYWHERE)
    assert caught.value.code == "unsupported"
