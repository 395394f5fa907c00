"""Repositories that come, go, move and change while the daemon has them open; and several at once."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.support import fixtures
from tests.support import repo_sample as sample
from tests.support.refusals import refused_async
from tests.support.repositories import running

from mtv.wire.messages import Rows
from mtv.wire.steps import Query
from mtvd.repo.pool import ButlerRepositories

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.live("lsst.daf.butler"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
ALL = Query(dataset_type="calexp", collections=(sample.CHAIN,), data_id={"instrument": "HSC"})


repository = fixtures.sample_repository


@pytest.fixture(scope="module")
def changing(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place that has an alias, and where repositories come and go."""
    return tmp_path_factory.mktemp("changing") / "place"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("index") / "index.yaml"


@pytest.fixture(scope="module")
async def butler(
    repository: Path, changing: Path, index: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ButlerRepositories]:
    settings: dict[str, Any] = {
        "aliases": {"demo": str(repository), "changing": str(changing)},
        "use_index": True,
        "workers": 2,
    }
    environ = {"DAF_BUTLER_REPOSITORY_INDEX": str(index)}
    directory = tmp_path_factory.mktemp("butler")
    async with running(directory, repository, environ=environ, busy_timeout_secs=0.2, **settings) as (repositories, _):
        yield repositories


def copied(repository: Path, place: Path, *, visits: str = "") -> Path:
    """Copy a repository; only with datasets of the visits that an SQL condition chooses."""
    shutil.copytree(repository, place)
    if visits:
        with closing(sqlite3.connect(place / "gen3.sqlite3")) as database:
            database.execute(f"DELETE FROM dataset_tags_00000002 WHERE NOT ({visits})")
            database.commit()
    return place


async def visits(butler: ButlerRepositories, repo: str = "") -> set[object]:
    from msgspec.structs import replace

    rows: Rows = await butler.query(replace(ALL, repo=repo))
    return {row[1] for row in rows.rows}


async def refused_visits(butler: ButlerRepositories, repo: str) -> tuple[str, str]:
    error = await refused_async(visits, butler, repo)
    return error.code, error.error.message


def state_of(butler: ButlerRepositories, alias: str) -> str:
    return next(info.state for info in butler.list_known() if info.alias == alias)


async def test_several_repositories_answer_at_once_by_alias_and_by_path(
    butler: ButlerRepositories, repository: Path, tmp_path: Path
) -> None:
    other = copied(repository, tmp_path / "other", visits="visit = 1214")
    third = copied(repository, tmp_path / "third", visits="visit = 23694")
    found: dict[str, set[object]] = {}

    async def ask(name: str) -> None:
        found[name] = await visits(butler, name)

    async with anyio.create_task_group() as group:
        for name in ("", "demo", str(other), str(third), third.as_uri()):
            group.start_soon(ask, name)
    everything: set[object] = {1214, 23694, 23718}
    assert found == {
        "": everything,
        "demo": everything,
        str(other): {1214},
        str(third): {23694},
        third.as_uri(): {23694},
    }
    assert state_of(butler, "demo") == "open"


async def test_an_alias_of_butlers_index_is_found_as_soon_as_it_is_there(
    butler: ButlerRepositories, repository: Path, index: Path
) -> None:
    assert (await refused_visits(butler, "later"))[0] == "unknown_repository"
    index.write_text("first: /nowhere\n")
    assert (await refused_visits(butler, "later"))[0] == "unknown_repository"
    assert (await refused_visits(butler, "first"))[0] == "unknown_repository"
    index.write_text(f"first: {repository}\nlater: {repository}\n")
    assert len(await visits(butler, "later")) == 3
    assert len(await visits(butler, "first")) == 3
    assert [info.alias for info in butler.list_known()] == ["demo", "changing", "first", "later"]


async def test_a_repository_that_moved_is_said_and_found_at_its_new_place(
    butler: ButlerRepositories, repository: Path, changing: Path, tmp_path: Path
) -> None:
    copied(repository, changing)
    assert len(await visits(butler, "changing")) == 3
    assert state_of(butler, "changing") == "open"
    moved = changing.rename(tmp_path / "moved")
    code, message = await refused_visits(butler, "changing")
    assert code == "unknown_repository"
    assert str(changing) not in message
    assert state_of(butler, "changing") == message
    assert len(await visits(butler, str(moved))) == 3


async def test_a_registry_file_that_is_exchanged_under_an_open_repository_is_noticed(
    butler: ButlerRepositories, repository: Path, changing: Path, tmp_path: Path
) -> None:
    copied(repository, changing)
    fewer = copied(repository, tmp_path / "fewer", visits="visit = 1214")
    assert len(await visits(butler, "changing")) == 3
    (fewer / "gen3.sqlite3").rename(changing / "gen3.sqlite3")
    assert await visits(butler, "changing") == {1214}
    (changing / "gen3.sqlite3").unlink()
    assert (await refused_visits(butler, "changing"))[0] == "repository_failed"
    assert state_of(butler, "changing") != "open"
    again = copied(repository, tmp_path / "again")
    (again / "gen3.sqlite3").rename(changing / "gen3.sqlite3")
    assert len(await visits(butler, "changing")) == 3
    assert state_of(butler, "changing") == "open"
    shutil.rmtree(changing)


@pytest.mark.parametrize("mode", ["delete", "wal"])
async def test_what_another_process_commits_is_seen_by_the_next_request(
    butler: ButlerRepositories, repository: Path, tmp_path: Path, mode: str
) -> None:
    place = copied(repository, tmp_path / "place")
    types = Query(repo=str(place), what="dataset_types", dataset_type="new*")
    columns = "id, name, storage_class, dimensions_key, tag_association_table, calibration_association_table"
    row = "SELECT NULL, ?, storage_class, dimensions_key, tag_association_table, NULL FROM dataset_type LIMIT 1"
    with closing(sqlite3.connect(place / "gen3.sqlite3", isolation_level=None)) as writer:
        writer.execute(f"PRAGMA journal_mode={mode}")
        assert len(await visits(butler, str(place))) == 3
        for number in range(3):
            writer.execute(f"INSERT INTO dataset_type ({columns}) {row}", (f"new{number}",))
            assert f"new{number}" in [row[0] for row in (await butler.query(types)).rows]
        writer.execute("DELETE FROM dataset_tags_00000002 WHERE visit = 1214")
        for _ in range(3):  # from the second time on collections are remembered
            assert await visits(butler, str(place)) == {23694, 23718}
        writer.execute("DELETE FROM collection_chain")
        assert await visits(butler, str(place)) == set()


async def test_a_registry_that_is_locked_before_it_was_ever_opened_is_busy(
    butler: ButlerRepositories, repository: Path, tmp_path: Path
) -> None:
    place = copied(repository, tmp_path / "place")
    with closing(sqlite3.connect(place / "gen3.sqlite3", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert (await refused_visits(butler, str(place)))[0] == "busy"
        writer.execute("ROLLBACK")
    assert len(await visits(butler, str(place))) == 3


async def test_reading_a_repository_changes_nothing_in_it(
    butler: ButlerRepositories, repository: Path, tmp_path: Path
) -> None:
    place = copied(repository, tmp_path / "place")
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    assert len(await visits(butler, str(place))) == 3
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before
