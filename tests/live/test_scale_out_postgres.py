"""A repository whose registry is in PostgreSQL: the same answers, and a server that stops, hangs or refuses."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from tests.support import repo_sample as sample
from tests.support import scale_out
from tests.support.landing import Pipeline
from tests.support.postgres import USER, Postgres, postgres
from tests.support.readers import column, pixels
from tests.support.refusals import refused_async
from tests.support.repositories import running

from mtv.wire.data import Dataset
from mtv.wire.steps import NOW, Query
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.pool import ButlerRepositories

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.live("lsst.daf.butler", "postgresql", "psycopg"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
CHAIN = (sample.CHAIN,)
ONE: dict[str, int | str] = {"instrument": "HSC", "visit": 23718, "detector": 41}
CALEXPS = Query(dataset_type="calexp", collections=CHAIN, data_id={"instrument": "HSC"})
SILENCE_SECS = 4.0
Running = tuple[ButlerRepositories, PixelStore]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def repository(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository") / "demo"
    scale_out.build_repository(str(root), server, tmp_path_factory.mktemp("scratch"))
    return root


@pytest.fixture(scope="module")
def environment(server: Postgres) -> dict[str, str]:
    return {"PGPASSFILE": str(server.password_file)}


@pytest.fixture(scope="module")
async def opened(
    repository: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    directory = tmp_path_factory.mktemp("daemon")
    async with running(directory, repository, environment=environment, peer_silence_secs=SILENCE_SECS) as both:
        yield both


def secrets_of(server: Postgres) -> tuple[str, ...]:
    return "SELECT", "127.0.0.1", str(server.port), server.password, "postgresql://"


async def test_what_has_come_is_told_by_date(opened: Running, repository: Path, environment: dict[str, str]) -> None:
    butler, _ = opened
    now = await butler.query(replace(CALEXPS, since=NOW))
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        with Pipeline(repository) as pipeline:
            landed = [*pipeline.put((1214, 41)), *pipeline.put((1214, 42))]
            rows = await butler.query(replace(CALEXPS, since=now.mark))
            pipeline.butler.removeRuns([pipeline.run], unlink_from_chains=True)
    assert [one for one in rows.ids if one not in now.ids] == landed
    assert rows.mark != now.mark


async def test_queries_and_files_are_those_of_any_repository(opened: Running) -> None:
    butler, store = opened
    rows = await butler.query(CALEXPS)
    assert len(rows.rows) == 6
    exposure = await butler.read_for_display(Dataset(id=rows.ids[-1]))
    assert exposure.xy0 == sample.XY0
    got = await butler.get(Dataset(dataset_type="calexp", collections=CHAIN, data_id=ONE))
    assert got.data is not None
    np.testing.assert_array_equal(pixels(store.directory, got.data.image), sample.image_of(23718, 41))
    src = await butler.get(Dataset(dataset_type="src", collections=CHAIN, data_id=ONE))
    assert src.catalog is not None
    assert column(store.directory, src.catalog, "id").tolist() == list(range(1, sample.ROWS + 1))


async def test_a_query_of_the_user_s_fails_in_butler_s_words(opened: Running, server: Postgres) -> None:
    error = await refused_async(
        opened[0].query, Query(dataset_type="calexp", collections=("u/nope",)), secrets=secrets_of(server)
    )
    assert error.code == "unknown_collection"


async def test_a_server_that_was_stopped_is_said_and_found_again(opened: Running, server: Postgres) -> None:
    butler, _ = opened
    assert len((await butler.query(CALEXPS)).rows) == 6
    server.stop()
    try:
        error = await refused_async(butler.query, CALEXPS, secrets=secrets_of(server))
        assert (error.code, error.error.retryable) == ("repository_failed", True)
    finally:
        server.start()
    assert len((await butler.query(CALEXPS)).rows) == 6


async def test_a_host_that_never_answers_is_given_up(
    opened: Running, repository: Path, server: Postgres, tmp_path: Path
) -> None:
    with scale_out.silent_host() as port:
        place = altered(repository, tmp_path, str(server.port), str(port))
        error = await refused_async(
            opened[0].query, Query(repo=str(place), what="collections"), secrets=secrets_of(server)
        )
    assert error.code in {"deadline", "repository_failed"}
    assert error.error.retryable
    assert len((await opened[0].query(CALEXPS)).rows) == 6


async def test_a_user_without_a_password_is_refused_in_our_words(
    opened: Running, repository: Path, server: Postgres, tmp_path: Path
) -> None:
    place = altered(repository, tmp_path, f"{USER}@", "stranger@")
    error = await refused_async(opened[0].query, Query(repo=str(place), what="collections"), secrets=secrets_of(server))
    assert error.code == "repository_failed"
    assert "stranger" not in str(error)


async def test_a_configuration_that_changes_is_opened_anew(
    opened: Running, repository: Path, server: Postgres, tmp_path: Path
) -> None:
    place = altered(repository, tmp_path, "", "")
    asked = Query(repo=str(place), what="collections")
    assert (await opened[0].query(asked)).rows
    shutil.rmtree(place)
    assert (await refused_async(opened[0].query, asked, secrets=secrets_of(server))).code == "unknown_repository"


def altered(repository: Path, directory: Path, before: str, after: str) -> Path:
    """Return a copy of the repository's configuration in which one text is another."""
    place = directory / "altered"
    place.mkdir()
    text = (repository / "butler.yaml").read_text()
    assert before in text
    (place / "butler.yaml").write_text(text.replace(before, after))
    return place
