"""Datasets that a real Butler stores apart, rows and sizes of its tables, and a worker that dies while it reads."""

from __future__ import annotations

import types
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import anyio
import numpy as np
import psutil
import pytest
from tests.support import repo_sample as sample
from tests.support import repo_visits as visits
from tests.support.readers import pixels
from tests.support.repositories import running

from mtv.shared.tables.positions import Wanted
from mtv.wire.data import Dataset, File
from mtv.wire.errors import DaemonError, RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.pool import ButlerRepositories

pytestmark = [pytest.mark.anyio, pytest.mark.live("lsst.daf.butler"), pytest.mark.timeout(600)]
WAIT_SECS: Final = 120.0
WHOLE: Final[dict[str, int | str]] = {"instrument": "HSC", "visit": visits.VISIT}
APART: Final = Dataset(dataset_type="apart", data_id=WHOLE, collections=(sample.RUN,))
EXPOSURE: Final = Dataset(dataset_type="calexp", data_id={**WHOLE, "detector": 41}, collections=(sample.RUN,))
Running = tuple[ButlerRepositories, PixelStore]

PAIR: Final = {
    "pytype": "types.SimpleNamespace",
    "delegate": "lsst.daf.butler.StorageClassDelegate",
    "components": {"first": "StructuredDataDict", "second": "StructuredDataDict"},
}
"""A storage class whose objects a repository may store by their components."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = visits.build(tmp_path_factory.mktemp("apart") / "repo")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _put_apart(root)
    return root


def _put_apart(root: Path) -> None:
    from lsst.daf.butler import Butler, Config, DatasetType

    config = Config(str(root / "butler.yaml"))
    config["storageClasses", "Pair"] = PAIR
    config["datastore", "composites", "default"] = False
    config["datastore", "composites", "disassembled"] = {"Pair": True}
    config.dumpToUri(str(root / "butler.yaml"))
    with Butler.from_config(str(root), writeable=True) as butler:
        kind = DatasetType("apart", ("instrument", "visit"), "Pair", universe=butler.dimensions)
        butler.registry.registerDatasetType(kind)
        pair = types.SimpleNamespace(first={"a": 1}, second={"b": 2})
        ref = butler.put(pair, "apart", WHOLE, run=sample.RUN)
        uris = butler.getURIs(ref)
        assert (uris.primaryURI, sorted(uris.componentURIs)) == (None, ["first", "second"])


@pytest.fixture
async def served(repository: Path, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, repository) as found:
        yield found


async def test_a_dataset_that_butler_stores_in_several_files_is_unsupported_whatever_is_wanted_of_it(
    served: Running,
) -> None:
    butler, _ = served
    for ask in (
        lambda: butler.read_for_display(APART),
        lambda: butler.get(APART, ()),
        lambda: butler.positions(APART, Wanted()),
    ):
        with pytest.raises(RequestError) as caught:
            await ask()
        assert (caught.value.code, caught.value.error.where) == ("unsupported", "dataset_type")
        assert "several files" in caught.value.error.message
    assert (await butler.read_for_display(EXPOSURE)).image.shape == sample.SHAPE_YX


@pytest.mark.parametrize("detector", [40, 41, 42])
async def test_sizes_are_a_column_and_foreign_keys_choose_rows_together(served: Running, detector: int) -> None:
    butler, store = served
    target = Dataset(dataset_type="source", data_id={**WHOLE, "detector": detector}, collections=(sample.RUN,))
    found = await butler.positions(target, Wanted(x="x", y="y", size="x"))
    chosen = np.flatnonzero(detector == visits.DETECTORS)
    assert found.size is not None
    for array in (found.x, found.size):
        np.testing.assert_array_equal(pixels(store.directory, array), sample.XY0[0] + 2.0 * chosen)


def worker_of(process: psutil.Process) -> psutil.Process:
    (found,) = (one for one in process.children(recursive=True) if "mtvd.repo.worker" in one.cmdline())
    return found


@pytest.mark.parametrize("place", ["dataset", "file"])
async def test_a_worker_that_dies_while_it_reads_ends_that_request_alone(
    served: Running, repository: Path, place: str
) -> None:
    butler, store = served
    path = repository / sample.RUN / "calexp" / "calexp_23718_41.fits"
    target = EXPOSURE if place == "dataset" else File(path=str(path))
    before = await butler.read_for_display(target)
    kept = store.names()
    worker = worker_of(psutil.Process())
    worker.suspend()  # so that it is surely in the middle of what it is asked
    errors: list[DaemonError] = []

    async def ask() -> None:
        with pytest.raises(DaemonError) as caught:
            await butler.read_for_display(target)
        errors.append(caught.value)

    with anyio.fail_after(WAIT_SECS):
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            while not butler._pool._busy:
                await anyio.sleep(0.01)
            worker.kill()
    assert [(error.code, error.error.retryable) for error in errors] == [("repository_failed", True)]
    assert store.names() == kept
    after = await butler.read_for_display(target)
    np.testing.assert_array_equal(pixels(store.directory, after.image), pixels(store.directory, before.image))
    assert worker_of(psutil.Process()).pid != worker.pid
