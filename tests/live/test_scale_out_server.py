"""A repository behind a Butler server: the same answers, its own errors, and a server that hangs or is down."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from tests.support import repo_sample as sample
from tests.support import scale_out
from tests.support.readers import pixels
from tests.support.refusals import refused_async
from tests.support.repositories import running
from tests.support.scale_out import FarSite, Peer, Store

from mtv.wire.data import Dataset
from mtv.wire.steps import START, Query
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.pool import ButlerRepositories

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.version_info < (3, 12), reason="the Butler server needs Python 3.12"),
    pytest.mark.live("lsst.daf.butler", "postgresql", "psycopg", "boto3", "moto", "uvicorn", "safir"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
CHAIN = (sample.CHAIN,)
CALEXPS = Query(dataset_type="calexp", collections=CHAIN, data_id={"instrument": "HSC"})
TOKEN = "not-to-be-shown"
SILENCE_SECS = 4.0
Running = tuple[ButlerRepositories, PixelStore]


def calexp(visit: int, detector: int) -> Dataset:
    return Dataset(
        dataset_type="calexp", collections=CHAIN, data_id={"instrument": "HSC", "visit": visit, "detector": detector}
    )


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server and the file store that it sends its clients to."""

    server: Peer
    store: Store

    @property
    def location(self) -> str:
        """How the daemon names the repository."""
        return f"{self.server.url}/api/butler/repo/demo/"


@pytest.fixture(scope="module")
def site(far_site: FarSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    log = tmp_path_factory.mktemp("server") / "log"
    with scale_out.butler_server(far_site.root, far_site.environment, log) as server:
        yield Site(server=server, store=far_site.store)


@pytest.fixture(scope="module")
async def opened(site: Site, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    settings = {
        "environment": {"BUTLER_RUBIN_ACCESS_TOKEN": TOKEN},
        "peer_silence_secs": SILENCE_SECS,
        "server_silence_secs": SILENCE_SECS,
    }
    async with running(tmp_path_factory.mktemp("daemon"), site.location, **settings) as both:
        yield both


SECRETS = ("127.0.0.1", TOKEN, "http://", "/repo/", "SELECT", "Signature")


async def test_what_has_come_is_told_by_date(opened: Running) -> None:
    butler, _ = opened
    everything = await butler.query(replace(CALEXPS, since=START))
    assert len(set(everything.ids)) == len(sample.VISITS) * len(sample.DETECTORS)
    after = await butler.query(replace(CALEXPS, since=everything.mark))
    assert set(after.ids) <= set(everything.ids), "what came within the last minute is told again"


async def test_queries_and_files_are_those_of_any_repository(opened: Running) -> None:
    butler, store = opened
    rows = await butler.query(CALEXPS)
    assert len(rows.rows) == 6
    exposure = await butler.read_for_display(Dataset(id=rows.ids[0]))
    assert exposure.xy0 == sample.XY0
    image = (await butler.read_for_display(calexp(23718, 41))).image
    np.testing.assert_array_equal(pixels(store.directory, image), sample.image_of(23718, 41))
    collections = await butler.query(Query(what="collections", collections=("u/*",)))
    assert [row[0] for row in collections.rows] == [sample.CHAIN, sample.RUN]


async def test_the_server_s_words_for_users_reach_them(opened: Running) -> None:
    error = await refused_async(opened[0].query, Query(dataset_type="calexp", collections=("u/nope",)), secrets=SECRETS)
    assert error.code == "unknown_collection"
    error = await refused_async(opened[0].query, Query(dataset_type="calxep", collections=CHAIN), secrets=SECRETS)
    assert (error.code, error.error.hint) == ("unknown_dataset_type", "did you mean 'calexp'?")


async def test_a_hanging_file_store_is_given_up(opened: Running, site: Site) -> None:
    with site.store.frozen():
        error = await refused_async(opened[0].read_for_display, calexp(1214, 42), secrets=SECRETS)
    assert (error.code, error.error.retryable) == ("deadline", True)
    await opened[0].read_for_display(calexp(1214, 42))


async def test_a_hanging_server_is_given_up_and_found_again(opened: Running, site: Site) -> None:
    with site.server.frozen():
        error = await refused_async(opened[0].query, CALEXPS, secrets=SECRETS)
    assert (error.code, error.error.retryable) == ("deadline", True)
    assert len((await opened[0].query(CALEXPS)).rows) == 6


async def test_a_server_that_is_silent_when_its_repository_is_opened_is_late_and_wants_no_token(
    site: Site, tmp_path: Path
) -> None:
    settings = {"environment": {"BUTLER_RUBIN_ACCESS_TOKEN": TOKEN}, "server_silence_secs": 1.0}
    with scale_out.silent_server(site.server) as location:
        async with running(tmp_path, location, **settings) as (butler, _):
            error = await refused_async(butler.query, CALEXPS, secrets=SECRETS)
    assert (error.code, error.error.retryable) == ("deadline", True)


async def test_without_a_token_the_way_to_give_one_is_said(site: Site, tmp_path: Path) -> None:
    async with running(tmp_path, site.location) as (butler, _):
        error = await refused_async(butler.query, CALEXPS, secrets=SECRETS)
    assert error.code == "repository_failed"
    assert "BUTLER_RUBIN_ACCESS_TOKEN" in error.error.hint


async def test_a_server_that_is_down_is_said(opened: Running, site: Site) -> None:
    await opened[0].query(CALEXPS)
    site.server.end()
    error = await refused_async(opened[0].query, CALEXPS, secrets=SECRETS)
    assert (error.code, error.error.retryable) == ("repository_failed", True)
