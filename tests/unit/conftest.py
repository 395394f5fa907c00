"""What unit tests share: a pixel directory, where readers write, and a scripted daemon with its client."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import repo_sample as sample
from tests.support import scripted

from mtv.wire.limits import Limits
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.output import Output

limits, pixel_directory, shared_directory = scripted.limits, scripted.pixel_directory, scripted.shared_directory
daemon, connection, display = scripted.daemon, scripted.connection, scripted.display
repository, command, run = scripted.repository, scripted.command, scripted.run


@pytest.fixture
def store(tmp_path: Path) -> PixelStore:
    return PixelStore(tmp_path / "pixels", 1 << 28)


@pytest.fixture
def out(store: PixelStore) -> Output:
    return Output(store, Limits().header_bytes)


@pytest.fixture
def calexp(tmp_path: Path) -> Path:
    """A file of one exposure, as ``lsst.afw`` writes it."""
    path = tmp_path / "calexp.fits"
    sample.write_exposure(path, 23718, 41)
    return path
