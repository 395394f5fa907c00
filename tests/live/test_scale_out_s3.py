"""A repository in a file store that speaks S3: fetched files, the cache of them, and a store that hangs or is down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import numpy as np
import pytest
from msgspec.structs import replace
from tests.support import repo_sample as sample
from tests.support.live_daemon import LiveDaemon
from tests.support.postgres import free_port
from tests.support.readers import pixels
from tests.support.refusals import refused_async
from tests.support.repositories import running
from tests.support.scale_out import FarSite, SlowLine, slow_line

import mtv
from mtv.wire.data import Dataset, Exposure
from mtv.wire.messages import Progress
from mtv.wire.steps import Query
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.pool import ButlerRepositories

NEEDED = ("lsst.daf.butler", "postgresql", "psycopg", "boto3", "moto")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.live(*NEEDED),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
CHAIN = (sample.CHAIN,)
CALEXPS = Query(dataset_type="calexp", collections=CHAIN, data_id={"instrument": "HSC"})
SILENCE_SECS = 4.0
Running = tuple[ButlerRepositories, PixelStore]


def calexp(visit: int, detector: int) -> Dataset:
    return Dataset(
        dataset_type="calexp", collections=CHAIN, data_id={"instrument": "HSC", "visit": visit, "detector": detector}
    )


LARGE = Dataset(dataset_type=sample.LARGE, collections=CHAIN, data_id=calexp(23718, 41).data_id, repo="slow")
FIRST_BYTES = 2_000_000
"""Of the large file's 6.7 MB, what comes through a narrow line."""


@pytest.fixture(scope="module")
def line(far_site: FarSite) -> Iterator[SlowLine]:
    with slow_line(far_site.store) as made:
        yield made


def slow_profile(line: SlowLine) -> dict[str, str]:
    return {"LSST_RESOURCES_S3_PROFILE_slow": f"http://somebody:not-to-be-shown@127.0.0.1:{line.port}"}


def slowly(root: str) -> str:
    return root.replace("s3://", "s3://slow@")


@pytest.fixture(scope="module")
async def opened(far_site: FarSite, line: SlowLine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    nobody = f"http://somebody:not-to-be-shown@127.0.0.1:{free_port()}"
    environment = {**far_site.environment, **slow_profile(line), "LSST_RESOURCES_S3_PROFILE_nobody": nobody}
    aliases = {"demo": far_site.root, "slow": slowly(far_site.root)}
    settings = {"environment": environment, "peer_silence_secs": SILENCE_SECS, "aliases": aliases}
    async with running(tmp_path_factory.mktemp("daemon"), far_site.root, **settings) as both:
        yield both


def secrets_of(site: FarSite) -> tuple[str, ...]:
    return "127.0.0.1", str(site.store.port), "not-to-be-shown", "s3://", "/repo/", "SELECT"


def shown(store: PixelStore, exposure: Exposure) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return pixels(store.directory, exposure.image)


def large_image() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return sample.image_of(23718, 41, sample.LARGE_SHAPE_YX)


async def test_images_and_tables_are_fetched_whole(opened: Running) -> None:
    butler, store = opened
    assert len((await butler.query(CALEXPS)).rows) == 6
    exposure = await butler.read_for_display(calexp(23718, 41))
    np.testing.assert_array_equal(shown(store, exposure), sample.image_of(23718, 41))
    table = await butler.get(Dataset(dataset_type="sourceTable", collections=CHAIN, data_id=calexp(1214, 42).data_id))
    assert table.catalog is not None
    assert table.catalog.rows == 3


async def test_a_fetched_file_is_kept_and_a_hanging_store_is_given_up(opened: Running, far_site: FarSite) -> None:
    butler, store = opened
    await butler.read_for_display(calexp(23718, 42))
    with far_site.store.frozen():
        again = await butler.get(calexp(23718, 42))
        assert again.data is not None
        np.testing.assert_array_equal(pixels(store.directory, again.data.image), sample.image_of(23718, 42))
        error = await refused_async(butler.read_for_display, calexp(1214, 41), secrets=secrets_of(far_site))
        assert (error.code, error.error.retryable) == ("deadline", True)
        assert len((await butler.query(CALEXPS)).rows) == 6
    found = await butler.read_for_display(calexp(1214, 41))
    np.testing.assert_array_equal(shown(store, found), sample.image_of(1214, 41))


async def test_a_store_that_is_down_is_said_without_its_credentials(opened: Running, far_site: FarSite) -> None:
    nobody = far_site.root.replace("s3://", "s3://nobody@")
    error = await refused_async(
        opened[0].read_for_display, replace(calexp(23718, 41), repo=nobody), secrets=secrets_of(far_site)
    )
    assert error.code in {"repository_failed", "deadline"}
    assert error.error.retryable


async def test_files_that_are_gone_or_of_another_size_are_unreadable(opened: Running, far_site: FarSite) -> None:
    butler, _ = opened
    path = far_site.path_in_store(23694, 42)
    kept = far_site.file(23694, 42).read_bytes()
    far_site.store.remove(path)
    error = await refused_async(butler.read_for_display, calexp(23694, 42), secrets=secrets_of(far_site))
    assert (error.code, error.error.message) == ("unreadable_file", "the repository's file store has no such file")
    far_site.store.put(path, kept[:-2880])
    error = await refused_async(butler.read_for_display, calexp(23694, 42), secrets=secrets_of(far_site))
    assert error.code == "unreadable_file"
    assert f"the repository's record says {len(kept)}" in error.error.message
    far_site.store.put(path, kept)
    await butler.read_for_display(calexp(23694, 42))


async def test_a_get_is_given_up_while_its_file_comes_and_the_next_one_is_whole(
    opened: Running, line: SlowLine
) -> None:
    butler, store = opened
    await butler.query(Query(what="collections", repo="slow"))
    line.narrow(FIRST_BYTES)
    told: list[tuple[int, int, str]] = []
    with anyio.CancelScope() as scope:

        def give_up(done: int, total: int, unit: str) -> None:
            told.append((done, total, unit))
            scope.cancel()

        await butler.get(LARGE, on_progress=give_up)
    assert scope.cancelled_caught
    line.open()
    got = await butler.get(LARGE)
    assert got.data is not None
    assert len(told) == 1
    np.testing.assert_array_equal(pixels(store.directory, got.data.image), large_image())


def test_a_client_hears_how_far_a_fetched_file_has_come(far_site: FarSite, line: SlowLine, short_path: Path) -> None:
    environment = {**far_site.environment, **slow_profile(line)}
    daemon = LiveDaemon(short_path, {"slow": slowly(far_site.root)}, repository_environment=environment)
    daemon.start()
    told: list[Progress] = []

    def open_line(progress: Progress) -> None:
        told.append(progress)
        line.open()

    try:
        repository = mtv.Repository("slow", connection=daemon.connect())
        (ref,) = repository.query(sample.LARGE, collections=CHAIN, instrument="HSC", visit=23718, detector=41)
        line.narrow(FIRST_BYTES)
        exposure = repository.get(ref, on_progress=open_line)
        np.testing.assert_array_equal(exposure.image, large_image())
        size = far_site.scratch.joinpath(sample.RUN, sample.LARGE, f"{sample.LARGE}.fits").stat().st_size
        assert {(progress.total, progress.unit) for progress in told} == {(size, "bytes")}
        assert 0 < told[0].done < size
        assert told[-1].done == size
        assert [progress.done for progress in told] == sorted(progress.done for progress in told)
        count = len(told)
        repository.load(ref, on_progress=open_line).release()
        assert len(told) == count  # the file is kept here now
    finally:
        assert daemon.stop() == 0


@pytest.mark.live(*NEEDED, "ds9", "Xvfb", "pyds9")
def test_a_whole_daemon_shows_what_lies_in_the_store(far_site: FarSite, short_path: Path) -> None:
    daemon = LiveDaemon(short_path, {"far": far_site.root}, repository_environment=far_site.environment)
    daemon.start()
    try:
        connection = daemon.connect()
        repository = mtv.Repository("far", connection=connection)
        (ref,) = repository.query("calexp", collections=CHAIN, instrument="HSC", visit=23718, detector=41)
        display = mtv.Display(0, connection=connection)
        display.mtv(ref)
        display.sync()
        src = repository.get("src", collections=CHAIN, instrument="HSC", visit=23718, detector=41)
        assert len(src) == sample.ROWS
        x, y = sample.XY0
        with daemon.probe() as probe:
            assert float(probe.value(x + 8, y + 4)) == sample.image_of(23718, 41)[4, 8]
        assert "not-to-be-shown" not in daemon.log.read_text()
    finally:
        status = daemon.stop()
        daemon.end_window()
    assert status == 0
